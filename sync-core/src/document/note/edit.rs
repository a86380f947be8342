//! One edit of a care note, as a form or a program makes it.

use std::collections::BTreeMap;

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};

use super::Field;
use crate::document::Heads;

/// What to change; `None` and absent keys leave a field as it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NoteEdit {
    /// The state that the editor saw; `None` edits the newest.
    pub base: Option<Heads>,
    /// 記録, バイタル, 申し送り and so on, as a code.
    pub kind: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The whole new text; what differs from the text of the base is what was edited.
    pub text: Option<String>,
    /// Vital signs as they were written down; an empty value takes one back.
    pub vitals: BTreeMap<Vital, String>,
    /// 取消: the note does not count any more, but stays readable.
    pub cancelled: Option<bool>,
}

/// Prints which fields are edited, not what they say.
impl std::fmt::Debug for NoteEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoteEdit")
            .field("kind", &self.kind.is_some())
            .field("title", &self.title.is_some())
            .field("text", &self.text.as_ref().map(String::len))
            .field("vitals", &self.vitals.len())
            .field("cancelled", &self.cancelled)
            .finish_non_exhaustive()
    }
}

/// A vital sign (バイタル).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vital {
    /// 体温, °C.
    Temperature,
    /// 収縮期血圧, mmHg.
    Systolic,
    /// 拡張期血圧, mmHg.
    Diastolic,
    /// 脈拍, per minute.
    Pulse,
    /// SpO₂, %.
    Spo2,
    /// 呼吸数, per minute.
    Respiration,
}

impl Vital {
    /// All of them, in the order in which they are written down.
    pub const ALL: [Self; 6] = [
        Self::Temperature,
        Self::Systolic,
        Self::Diastolic,
        Self::Pulse,
        Self::Spo2,
        Self::Respiration,
    ];

    /// The name of its field.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::Systolic => "systolic",
            Self::Diastolic => "diastolic",
            Self::Pulse => "pulse",
            Self::Spo2 => "spo2",
            Self::Respiration => "respiration",
        }
    }
}

impl NoteEdit {
    /// The edit that sets one field.
    pub fn setting(field: Field, value: &str) -> Self {
        let mut edit = Self::default();
        match field {
            Field::Kind => edit.kind = Some(value.to_owned()),
            Field::Title => edit.title = Some(value.to_owned()),
            Field::Cancelled => edit.cancelled = Some(value == true.to_string()),
            Field::Vital(vital) => {
                edit.vitals.insert(vital, value.to_owned());
            }
        }
        edit
    }

    /// Begins a note: the objects that later edits write into are made once, by its first change.
    pub(super) fn begin(&self, transaction: &mut Transaction<'_>) -> Result<(), AutomergeError> {
        transaction.put_object(ROOT, TEXT, ObjType::Text)?;
        transaction.put_object(ROOT, VITALS, ObjType::Map)?;
        for field in [Field::Kind, Field::Title] {
            transaction.put(ROOT, field.key(), "")?;
        }
        transaction.put(ROOT, Field::Cancelled.key(), false)?;
        self.write(transaction)
    }

    pub(super) fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), AutomergeError> {
        for (field, value) in [(Field::Kind, &self.kind), (Field::Title, &self.title)] {
            if let Some(value) = value {
                set(transaction, &ROOT, field.key(), Some(value.as_str().into()))?;
            }
        }
        if let Some(cancelled) = self.cancelled {
            set(transaction, &ROOT, Field::Cancelled.key(), Some(cancelled.into()))?;
        }
        if let Some(text) = &self.text {
            let object = object(transaction, TEXT, ObjType::Text)?;
            if transaction.text(&object)? != *text {
                transaction.update_text(&object, text)?;
            }
        }
        if !self.vitals.is_empty() {
            let object = object(transaction, VITALS, ObjType::Map)?;
            for (vital, value) in &self.vitals {
                let value = (!value.is_empty()).then(|| value.as_str().into());
                set(transaction, &object, vital.key(), value)?;
            }
        }
        Ok(())
    }
}

/// Sets or removes a single value, if that changes something or settles a disagreement.
fn set(
    transaction: &mut Transaction<'_>,
    object: &ObjId,
    key: &str,
    value: Option<ScalarValue>,
) -> Result<(), AutomergeError> {
    let held = transaction.get_all(object, key)?;
    let same = match (held.as_slice(), &value) {
        ([], None) => true,
        ([(Value::Scalar(held), _)], Some(value)) => **held == *value,
        _ => false,
    };
    match value {
        _ if same => Ok(()),
        Some(value) => transaction.put(object, key, value),
        None => transaction.delete(object, key),
    }
}

/// The object at a key of the root, made if it is not there.
fn object(
    transaction: &mut Transaction<'_>,
    key: &str,
    kind: ObjType,
) -> Result<ObjId, AutomergeError> {
    match transaction.get(ROOT, key)? {
        Some((Value::Object(held), id)) if held == kind => Ok(id),
        _ => transaction.put_object(ROOT, key, kind),
    }
}

pub(super) const TEXT: &str = "text";
pub(super) const VITALS: &str = "vitals";
