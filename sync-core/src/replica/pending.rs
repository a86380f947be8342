//! Stands in for the links document until it lands.
#![allow(missing_docs, dead_code, reason = "replaced within minutes")]
use crate::document::{Author, EditError, Editor};
use crate::id::{FacilityId, PatientId, Timestamp};

pub struct Link {
    pub facility: FacilityId,
    pub local: String,
    pub patient: PatientId,
}
pub struct LinkView {
    pub link: Link,
    pub confirmed: Option<()>,
}
pub enum LinkError {
    NotProposed,
    SamePerson,
    Edit(EditError),
}
#[derive(Default)]
pub struct Links;
impl Links {
    pub fn new() -> Self {
        Self
    }
    pub fn apply(&mut self, _: &Author, _: &[u8]) -> Result<(), EditError> {
        Ok(())
    }
    pub fn view(&self) -> Vec<LinkView> {
        Vec::new()
    }
    pub fn propose(
        &mut self,
        _: &Link,
        _: &Editor,
        _: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        Ok(None)
    }
    pub fn confirm(
        &mut self,
        _: &Link,
        _: &Editor,
        _: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        Ok(None)
    }
    pub fn remove(
        &mut self,
        _: &Link,
        _: &Editor,
        _: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        Ok(None)
    }
}
