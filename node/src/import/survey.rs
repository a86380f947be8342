//! The first reading of a file: is it whole, what is it, and who is who in it.
//!
//! Nothing is taken before a file was read to its end. Where some resources belong to a patient only through
//! others (a `Provenance` through its target), the file is read a second time for those links alone.

use std::collections::HashMap;
use std::io::BufRead;

use super::cause::Cause;
use super::entry::{Entry, Outline};
use super::json::{Fault, Node, Parser};
use super::links::{Context, LOOSE, Links};
use super::place::Place;
use super::scan::{Piece, ScanError, Scanner, Step};
use super::sink::Sink;
use super::whose::{self, Whose};

/// What is known about a file after its first reading.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) links: Links,
    /// How many values the file has at its top.
    pub(crate) values: u64,
    bundles: HashMap<u64, Form>,
}

/// How the entries of a Bundle are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Each entry is a record.
    Loose(&'static str),
    /// Each entry is a record, the newest first.
    History,
    /// The Bundle as a whole is a record.
    Document,
    /// It cannot be told.
    Unclear,
    /// A key stands there twice, so it cannot be told either.
    Repeated,
}

impl Form {
    fn of(kind: Option<&str>) -> Self {
        const LOOSE: [&str; 7] = [
            "batch",
            "batch-response",
            "collection",
            "message",
            "searchset",
            "transaction",
            "transaction-response",
        ];
        match kind {
            Some("document") => Self::Document,
            Some("history") => Self::History,
            Some(kind) => LOOSE
                .iter()
                .find(|name| **name == kind)
                .map_or(Self::Unclear, |name| Self::Loose(name)),
            None => Self::Unclear,
        }
    }

    /// The form's name in reports.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Loose(name) => format!("Bundle/{name}"),
            Self::History => "Bundle/history".to_owned(),
            Self::Document => "Bundle/document".to_owned(),
            Self::Unclear | Self::Repeated => "Bundle".to_owned(),
        }
    }
}

impl Survey {
    /// Reads a file to its end.
    pub(crate) fn of<R: BufRead>(scanner: &mut Scanner<R>) -> Result<Self, ScanError> {
        let mut survey = Self::default();
        while let Some(step) = scanner.next()? {
            match step {
                Step::Entry { value, piece: Some(piece), .. } => {
                    survey.note_entry(value, &piece)?
                }
                Step::Value { number, head: Some(head), .. } => survey.note_value(number, &head)?,
                // What is too large is told when it is its turn to be taken.
                Step::Entry { piece: None, .. } | Step::Value { head: None, .. } => {}
            }
            if let Step::Value { number, .. } = step {
                survey.values = number;
            }
        }
        Ok(survey)
    }

    /// The form of a value of the file; `None` for a resource that stands alone.
    pub(crate) fn form(&self, value: u64) -> Option<Form> {
        self.bundles.get(&value).copied()
    }

    /// What the file as a whole is called in reports.
    pub(crate) fn name(&self) -> String {
        match (self.values, self.form(1)) {
            (0, _) => String::new(),
            (1, Some(form)) => form.name(),
            (1, None) => "resource".to_owned(),
            _ => "ndjson".to_owned(),
        }
    }

    fn note_entry(&mut self, scope: u64, piece: &Piece<'_>) -> Result<(), ScanError> {
        let entry = read(piece, |parser| Entry::read(parser, Outline::read))?;
        let Some(Entry { full_url, resource: Some((_, span, outline)), .. }) = entry else {
            return Ok(());
        };
        let full_url = full_url.flatten();
        self.note(scope, full_url.as_deref(), span, outline.kind.as_deref());
        Ok(())
    }

    fn note_value(&mut self, number: u64, head: &Piece<'_>) -> Result<(), ScanError> {
        let outline = read(head, Outline::read)?;
        if outline.kind.as_deref() == Some("Bundle") {
            let form =
                if outline.repeated { Form::Repeated } else { Form::of(outline.form.as_deref()) };
            if self.bundles.len() >= BUNDLES_MAX {
                return Err(ScanError::TooManyBundles);
            }
            self.bundles.insert(number, form);
        } else {
            self.note(LOOSE, None, head.text()?, outline.kind.as_deref());
        }
        Ok(())
    }

    /// Notes one resource; a whole tree is built of the few types that need it only.
    fn note(&mut self, scope: u64, full_url: Option<&str>, span: &str, kind: Option<&str>) {
        let Some(kind) = kind else { return };
        if whose::is_noteworthy(kind) {
            if let Some(resource) = tree(span) {
                whose::note(&mut self.links, scope, kind, full_url, &resource);
            }
        } else {
            whose::note(&mut self.links, scope, kind, full_url, &Node::Null);
        }
    }

    /// Reads the file again, for the patients of resources that others share.
    pub(crate) fn settle<R: BufRead>(
        &mut self,
        scanner: &mut Scanner<R>,
        sink: &dyn Sink,
    ) -> Result<(), ScanError> {
        while let Some(step) = scanner.next()? {
            match step {
                Step::Entry { value, piece: Some(piece), .. } => {
                    let entry = read(&piece, |parser| Entry::read(parser, Outline::read))?;
                    let Some(Entry { full_url, resource: Some((_, span, outline)), .. }) = entry
                    else {
                        continue;
                    };
                    self.settle_one(value, full_url.flatten().as_deref(), span, &outline, sink);
                }
                Step::Value { number, whole: Some(whole), .. } if self.form(number).is_none() => {
                    let outline = read(&whole, Outline::read)?;
                    self.settle_one(LOOSE, None, whole.text()?, &outline, sink);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn settle_one(
        &mut self,
        scope: u64,
        full_url: Option<&str>,
        span: &str,
        outline: &Outline<'_>,
        sink: &dyn Sink,
    ) {
        let Some(kind) = outline.kind.as_deref() else { return };
        let by_id = outline.id.as_deref().map(|id| format!("{kind}/{id}"));
        let names: Vec<&str> = full_url.into_iter().chain(by_id.as_deref()).collect();
        let holds =
            self.links.wants_attachments() && !super::compartment::attachments(kind).is_empty();
        if !holds && !self.links.wants(scope, &names) {
            return;
        }
        let Some(resource) = tree(span) else { return };
        let context = Context { links: &self.links, scope, sink };
        if let Whose::Patient(patient) = whose::whose(&resource, &[], &context) {
            whose::settle(&mut self.links, scope, &names, &patient, &resource);
        }
    }
}

/// Reads a piece to its end.
pub(crate) fn read<'s, T>(
    piece: &Piece<'s>,
    read: impl FnOnce(&mut Parser<'s>) -> Result<T, Fault>,
) -> Result<T, ScanError> {
    let fault = |fault: Fault| ScanError::NotJson(piece.locate(fault.offset), fault.kind);
    let mut parser = Parser::new(piece.text()?);
    let value = read(&mut parser).map_err(fault)?;
    parser.finish().map_err(fault)?;
    Ok(value)
}

/// The tree of a resource that was checked before; `None` where it repeats a key, which is told when it is taken.
fn tree(span: &str) -> Option<Node<'_>> {
    let mut parser = Parser::new(span);
    let node = parser.value().ok()?;
    parser.duplicate().is_none().then_some(node)
}

impl From<ScanError> for (Cause, Option<Place>) {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Read(error) if super::source::is_changed(&error) => (Cause::Changed, None),
            ScanError::Read(error) => (Cause::Unreadable(error.kind()), None),
            ScanError::NotJson(place, kind) => (kind.into(), Some(place)),
            ScanError::NotUtf8(place) => (Cause::NotUtf8, Some(place)),
            ScanError::TooManyBundles => (Cause::TooManyBundles(BUNDLES_MAX), None),
            ScanError::Foreign => (Cause::Foreign(super::cause::Foreign::Other), None),
        }
    }
}

/// Bundles in one file: 32 MB at worst.
const BUNDLES_MAX: usize = 1_000_000;
