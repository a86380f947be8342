//! Notes that someone began and has not saved: kept in memory, so that a session's end loses no sentence.
//!
//! Never on a disk: what is not saved is not a record. A draft belongs to one member of staff and one form.

use std::collections::BTreeMap;

use azalea_core::id::{NoteId, PatientId, Timestamp};

use super::model::{NoteDraft, StaffId};

/// How long a draft is kept: a working day.
const KEPT_MS: u64 = 12 * 3_600_000;
const DRAFTS_MAX: usize = 256;

/// Whose draft, and of which form: a new note of a patient, or a correction.
pub(super) type Place = (StaffId, PatientId, Option<NoteId>);

#[derive(Default)]
pub(super) struct Drafts {
    kept: BTreeMap<Place, (Timestamp, NoteDraft)>,
}

impl Drafts {
    /// Keeps what stands in a form; an empty form is nothing to keep.
    pub(super) fn keep(&mut self, now: Timestamp, place: Place, draft: NoteDraft) {
        self.kept.retain(|_, (at, _)| now.since_ms(*at) < KEPT_MS);
        if draft.title.is_empty() && draft.text.is_empty() && draft.vitals.is_empty() {
            self.kept.remove(&place);
            return;
        }
        if self.kept.len() >= DRAFTS_MAX && !self.kept.contains_key(&place) {
            let oldest = self.kept.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(place, _)| place.clone()) {
                self.kept.remove(&oldest);
            }
        }
        self.kept.insert(place, (now, draft));
    }

    /// What was begun.
    pub(super) fn find(&self, now: Timestamp, place: &Place) -> Option<NoteDraft> {
        let (at, draft) = self.kept.get(place)?;
        (now.since_ms(*at) < KEPT_MS).then(|| draft.clone())
    }

    /// It was saved, or is not wanted any more.
    pub(super) fn drop_one(&mut self, place: &Place) {
        self.kept.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::model::{NoteKind, Vitals};

    fn draft(text: &str) -> NoteDraft {
        let (title, base) = (String::new(), String::new());
        NoteDraft {
            kind: NoteKind::Record,
            title,
            text: text.to_owned(),
            vitals: Vitals::default(),
            base,
        }
    }

    fn place(number: u64) -> Place {
        (StaffId(number.to_string()), PatientId([1; 16]), None)
    }

    #[test]
    fn a_draft_is_its_writers_own_and_lasts_a_working_day() {
        let mut drafts = Drafts::default();
        drafts.keep(Timestamp(0), place(1), draft("書きかけ"));
        assert!(
            drafts.find(Timestamp(KEPT_MS - 1), &place(1)).is_some_and(|it| it.text == "書きかけ")
        );
        assert!(drafts.find(Timestamp(0), &place(2)).is_none());
        assert!(drafts.find(Timestamp(KEPT_MS), &place(1)).is_none());
        drafts.keep(Timestamp(1), place(1), draft(""));
        assert!(drafts.find(Timestamp(1), &place(1)).is_none());
    }

    #[test]
    fn drafts_are_bounded() {
        let mut drafts = Drafts::default();
        (0..2 * DRAFTS_MAX as u64)
            .for_each(|number| drafts.keep(Timestamp(number), place(number), draft("x")));
        assert_eq!(drafts.kept.len(), DRAFTS_MAX);
        assert!(drafts.find(Timestamp(999), &place(2 * DRAFTS_MAX as u64 - 1)).is_some());
    }
}
