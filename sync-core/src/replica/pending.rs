//! Stands in for the note and link documents until they land.
/// x
#[derive(Debug)]
pub struct NoteEdit;
/// x
pub struct CareNote;
/// x
pub struct Links;
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DocumentError;
/// x
pub enum LinkEdit {
    /// x
    Propose,
    /// x
    Confirm,
    /// x
    Remove,
}
#[expect(missing_docs)]
impl Links {
    pub fn from_changes(_: &[Vec<u8>]) -> Result<Self, DocumentError> {
        Ok(Self)
    }
    pub fn proposer(&self, _: &str, _: &crate::id::PatientId) -> Option<&str> {
        None
    }
    pub fn edit(
        &mut self,
        _: &crate::id::FacilityId,
        _: &str,
        _: &crate::id::PatientId,
        _: LinkEdit,
        _: &str,
        _: crate::id::Timestamp,
        _: &crate::id::DeviceId,
    ) -> Result<Vec<u8>, DocumentError> {
        Ok(vec![])
    }
}
#[expect(missing_docs)]
impl CareNote {
    pub fn from_changes(_: &[Vec<u8>]) -> Result<Self, DocumentError> {
        Ok(Self)
    }
    pub fn new(
        _: NoteEdit,
        _: &str,
        _: &crate::id::FacilityId,
        _: crate::id::Timestamp,
        _: &crate::id::DeviceId,
    ) -> Result<(Self, Vec<u8>), DocumentError> {
        Ok((Self, vec![]))
    }
    pub fn edit(
        &mut self,
        _: NoteEdit,
        _: &str,
        _: &crate::id::FacilityId,
        _: crate::id::Timestamp,
        _: &crate::id::DeviceId,
    ) -> Result<Vec<u8>, DocumentError> {
        Ok(vec![])
    }
}
