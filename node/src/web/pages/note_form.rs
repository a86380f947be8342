//! The form for a care note: made for a thumb, and it never loses what was typed.

use azalea_core::id::{NoteId, PatientId};
use maud::{Markup, html};

use super::super::i18n::{Lang, Word};
use super::super::icons::{Icon, icon};
use super::super::layout::Frame;
use super::super::model::{NoteDraft, NoteKind, Vitals};
use super::super::parts;
use super::super::visitor::Fields;
use super::vitals::{self, MEASURES};
use crate::typed::{self, NOTE_TEXT, NOTE_TITLE, VITAL};

/// An empty draft of a kind.
pub(super) fn empty(kind: NoteKind) -> NoteDraft {
    let (title, text, base) = (String::new(), String::new(), String::new());
    NoteDraft { kind, title, text, vitals: Vitals::default(), base }
}

/// Reads the form; what is wrong with it comes beside what was typed.
pub(super) fn read(lang: Lang, fields: &Fields) -> (NoteDraft, Option<String>) {
    let draft = NoteDraft {
        kind: NoteKind::from_slug(fields.one("kind")).unwrap_or(NoteKind::Record),
        title: fields.one("title").to_owned(),
        // Browsers send line breaks as CR LF; the note keeps LF.
        text: fields.one("text").replace("\r\n", "\n"),
        vitals: vitals::read(fields),
        base: fields.one("base").to_owned(),
    };
    let problem = problem(lang, &draft);
    (draft, problem)
}

/// Whether a draft is within the lengths of a note.
pub(super) fn fits(draft: &NoteDraft) -> bool {
    typed::fits(NOTE_TITLE, &draft.title)
        && typed::fits(NOTE_TEXT, &draft.text)
        && draft.base.len() <= 4_096
}

fn problem(lang: Lang, draft: &NoteDraft) -> Option<String> {
    if !fits(draft) {
        return Some(lang.t(Word::ErrTooLong).to_owned());
    }
    if draft.title.is_empty() && draft.text.is_empty() && draft.vitals.is_empty() {
        return Some(lang.t(Word::ErrEmptyNote).to_owned());
    }
    vitals::problem(lang, &draft.vitals)
}

/// The form, filled with a draft.
pub(super) fn form(
    frame: &Frame,
    patient: PatientId,
    action: &str,
    draft: &NoteDraft,
    problem: Option<&str>,
    note: Option<NoteId>,
) -> Markup {
    let t = |word| frame.t(word);
    html! {
        form.note-form.card method="post" action=(action) data-once data-draft={ "/p/" (patient) "/notes/draft" } {
            (frame.token())
            @if let Some(note) = note { input type="hidden" name="note" value=(note); }
            input type="hidden" name="base" value=(draft.base);
            @if let Some(problem) = problem { p.problem role="alert" { (icon(Icon::Alert)) (problem) } }
            fieldset.kinds {
                legend { (t(Word::NoteKindLabel)) }
                @for kind in NoteKind::ALL {
                    label {
                        input type="radio" name="kind" value=(kind.slug()) checked[kind == draft.kind];
                        span { (t(parts::note_kind(kind))) }
                    }
                }
            }
            fieldset.vitals {
                legend { (t(Word::Vital)) }
                @for measure in &MEASURES {
                    label {
                        span { (t(measure.word)) }
                        input type="text" inputmode="decimal" name=(measure.name) maxlength=(VITAL.max) autocomplete="off"
                            value=(vitals::of(&draft.vitals, measure.name));
                        small { (vitals::unit(frame.lang, measure)) }
                    }
                }
            }
            label.field {
                span { (t(Word::NoteTitle)) }
                input type="text" name="title" value=(draft.title) maxlength=(NOTE_TITLE.max) autocomplete="off";
            }
            label.field {
                span { (t(Word::NoteText)) }
                textarea name="text" rows="8" maxlength=(NOTE_TEXT.max) { (draft.text) }
            }
            p.quiet { (t(Word::NoteShared)) }
            div.actions {
                button.primary type="submit" { (icon(Icon::Check)) (t(Word::Save)) }
                button type="submit" formaction={ "/p/" (patient) "/notes/draft" } name="discard" value="1" formnovalidate {
                    (t(Word::DraftDiscard))
                }
            }
        }
    }
}
