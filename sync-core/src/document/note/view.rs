//! What a care note says, with every disagreement in it.

use std::collections::BTreeMap;

use automerge::{ObjId, ROOT, ReadDoc, ScalarValue, Value};

use super::edit::{TEXT, VITALS, Vital};
use crate::document::shared::Shared;
use crate::document::{Editor, Heads};
use crate::id::Timestamp;

/// What a note says in one state.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteView {
    /// 記録, バイタル, 申し送り and so on, as a code.
    pub kind: String,
    /// The title.
    pub title: String,
    /// The text, merged.
    pub text: String,
    /// Vital signs as they were written down.
    pub vitals: BTreeMap<Vital, String>,
    /// 取消: the note does not count any more.
    pub cancelled: bool,
    /// 訂正: it was edited after it was begun.
    pub corrected: bool,
    /// Who began it.
    pub author: Editor,
    /// When it was begun.
    pub created: Timestamp,
    /// Who edited it last, by the editors' clocks.
    pub editor: Editor,
    /// When that was.
    pub edited: Timestamp,
    /// 要確認: fields that were set apart to different values. Above, each shows the one that Automerge puts first.
    pub conflicts: Vec<FieldConflict>,
    /// This state, for the next edit's base.
    pub heads: Heads,
    /// Edits that have arrived and wait for others that have not.
    pub waiting: usize,
}

/// A field that holds a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The kind.
    Kind,
    /// The title.
    Title,
    /// Whether it is cancelled: `true` or `false`.
    Cancelled,
    /// A vital sign.
    Vital(Vital),
}

impl Field {
    /// Every field.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Kind, Self::Title, Self::Cancelled]
            .into_iter()
            .chain(Vital::ALL.into_iter().map(Self::Vital))
    }

    /// The field's name.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Title => "title",
            Self::Cancelled => "cancelled",
            Self::Vital(vital) => vital.key(),
        }
    }
}

/// A field and the values that people set apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldConflict {
    /// Which.
    pub field: Field,
    /// The values, different from each other; the last is the one that the view shows.
    pub values: Vec<Choice>,
}

/// One value of a disagreement.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// Who set it.
    pub editor: Editor,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Choice({} bytes, {:?})", self.value.len(), self.editor)
    }
}

/// Prints how much there is, not what it says.
impl std::fmt::Debug for NoteView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoteView")
            .field("text", &self.text.len())
            .field("vitals", &self.vitals.len())
            .field("conflicts", &self.conflicts)
            .finish_non_exhaustive()
    }
}

pub(super) fn view(shared: &Shared, heads: &Heads) -> Option<NoteView> {
    let past = shared.history(heads);
    let first = past.first()?;
    let last = past.iter().max_by_key(|revision| (revision.at, &revision.heads))?;
    let document = shared.document();
    let at = |key: &str| document.get_at(ROOT, key, &heads.0).ok().flatten();
    let vitals = match at(VITALS) {
        Some((Value::Object(_), id)) => Some(id),
        _ => None,
    };
    let text = match at(TEXT) {
        Some((Value::Object(_), id)) => document.text_at(id, &heads.0).unwrap_or_default(),
        _ => String::new(),
    };
    let mut values = BTreeMap::new();
    let mut conflicts = Vec::new();
    for field in Field::all() {
        let object = match (field, &vitals) {
            (Field::Vital(_), None) => continue,
            (Field::Vital(_), Some(vitals)) => vitals,
            _ => &ROOT,
        };
        let choices = choices(shared, object, field, heads);
        if let Some(shown) = choices.last() {
            values.insert(field, shown.value.clone());
        }
        if choices.len() > 1 {
            conflicts.push(FieldConflict { field, values: choices });
        }
    }
    let mut value = |field| values.remove(&field).unwrap_or_default();
    let (kind, title) = (value(Field::Kind), value(Field::Title));
    let cancelled = value(Field::Cancelled) == true.to_string();
    let vitals = Vital::ALL
        .into_iter()
        .filter_map(|vital| values.remove(&Field::Vital(vital)).map(|value| (vital, value)))
        .collect();
    Some(NoteView {
        kind,
        title,
        text,
        vitals,
        cancelled,
        corrected: past.len() > 1,
        author: first.editor.clone(),
        created: first.at,
        editor: last.editor.clone(),
        edited: last.at,
        conflicts,
        heads: heads.clone(),
        waiting: shared.waiting(),
    })
}

/// The different values of a field, Automerge's choice last; a value that several people set is listed once.
fn choices(shared: &Shared, object: &ObjId, field: Field, heads: &Heads) -> Vec<Choice> {
    let held = shared.document().get_all_at(object, field.key(), &heads.0).unwrap_or_default();
    let mut choices: Vec<Choice> = Vec::new();
    for (value, id) in held {
        let (Value::Scalar(value), Some(writer)) = (value, shared.writer(&id)) else { continue };
        let value = text(&value);
        choices.retain(|choice| choice.value != value);
        choices.push(Choice { value, editor: writer.editor, at: writer.at });
    }
    choices
}

fn text(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Str(text) => text.to_string(),
        ScalarValue::Boolean(flag) => flag.to_string(),
        ScalarValue::Int(number) | ScalarValue::Timestamp(number) => number.to_string(),
        ScalarValue::Uint(number) => number.to_string(),
        ScalarValue::F64(number) => number.to_string(),
        _ => String::new(),
    }
}
