//! Documents: a discharge summary or a referral as one closed Bundle with its own copies inside, and the
//! entry that lists it.

use super::super::dice::Dice;
use super::super::json::{Object, object};
use super::{
    Coding, DOCUMENT_TYPE, LOINC, Moment, concept, concepts, identifiers, narrative, profile,
    reference,
};
use crate::population::hospitals::Hospital;

/// A document about to be closed.
pub(crate) struct Draft<'a> {
    pub(crate) id: &'a str,
    pub(crate) hospital: &'a Hospital,
    pub(crate) kind: Sort,
    pub(crate) at: Moment,
    pub(crate) author: &'a str,
    pub(crate) encounter: &'a str,
    pub(crate) subject: &'a str,
    /// Title and paragraphs of each section, with the references that it rests on.
    pub(crate) sections: Vec<Section>,
    /// What is copied into the document: reference and JSON.
    pub(crate) copies: Vec<(String, String)>,
    /// To whom, for a referral.
    pub(crate) addressee: Option<&'a str>,
}

/// A part of a document.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) paragraphs: Vec<String>,
    pub(crate) entries: Vec<String>,
}

/// The kinds of documents that hospitals exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    DischargeSummary,
    Referral,
}

impl Sort {
    pub(crate) fn coding(self) -> Coding<'static> {
        match self {
            Self::DischargeSummary => Coding::new(DOCUMENT_TYPE, "18842-5", "退院時サマリー"),
            Self::Referral => Coding::new(DOCUMENT_TYPE, "57133-1", "診療情報提供書"),
        }
    }

    fn title(self) -> &'static str {
        self.coding().display
    }
}

/// The Bundle: the Composition first, then what it speaks of; inside, everything is a `urn:uuid:`.
pub(crate) fn bundle(draft: &Draft<'_>, dice: &mut Dice) -> String {
    let composition = uuid(dice);
    let names: Vec<(String, String)> =
        draft.copies.iter().map(|(target, _)| (target.clone(), uuid(dice))).collect();
    let inside = |text: &str| {
        let mut text = text.to_owned();
        for (target, urn) in &names {
            let from = format!("\"reference\":\"{target}\"");
            text = text.replace(&from, &format!("\"reference\":\"{urn}\""));
        }
        text
    };
    let body = inside(&composition_json(draft));
    object(|o| {
        o.text("resourceType", "Bundle");
        o.text("id", draft.id);
        o.object("meta", |o| o.text("lastUpdated", &draft.at.to_string()));
        o.object("identifier", |o| {
            o.text("system", "http://jpfhir.jp/fhir/clins/bundle-identifier");
            o.text(
                "value",
                &format!("{}^{}^{}", draft.hospital.code, draft.at.date.year(), draft.id),
            );
        });
        o.text("type", "document");
        o.text("timestamp", &draft.at.to_string());
        o.list("entry", |l| {
            l.object(|o| {
                o.text("fullUrl", &composition);
                o.raw("resource", &body);
            });
            for ((_, json), (_, urn)) in draft.copies.iter().zip(&names) {
                l.object(|o| {
                    o.text("fullUrl", urn);
                    o.raw("resource", &inside(json));
                });
            }
        });
    })
}

fn composition_json(draft: &Draft<'_>) -> String {
    let title = draft.kind.title();
    object(|o| {
        o.text("resourceType", "Composition");
        o.text("id", &format!("{}-c", draft.id));
        o.object("meta", |o| o.text("lastUpdated", &draft.at.to_string()));
        o.text("status", "final");
        concept(o, "type", &[draft.kind.coding()], Some(title));
        reference(o, "subject", draft.subject);
        reference(o, "encounter", draft.encounter);
        o.text("date", &draft.at.to_string());
        o.list("author", |l| {
            l.object(|o| o.text("reference", draft.author));
            l.object(|o| o.text("reference", "Organization/org"));
        });
        o.text("title", title);
        reference(o, "custodian", "Organization/org");
        o.list("section", |l| {
            if let Some(addressee) = draft.addressee {
                l.object(|o| {
                    o.text("title", "紹介先");
                    narrative(o, &[addressee.to_owned()]);
                });
            }
            for section in &draft.sections {
                l.object(|o| fill_section(o, section));
            }
        });
    })
}

fn fill_section(o: &mut Object<'_>, section: &Section) {
    o.text("title", section.title);
    narrative(o, &section.paragraphs);
    if !section.entries.is_empty() {
        o.list("entry", |l| {
            for entry in &section.entries {
                l.object(|o| o.text("reference", entry));
            }
        });
    }
}

/// The list entry that points at the document.
pub(crate) fn document_reference(id: &str, draft: &Draft<'_>, target: &str) -> String {
    object(|o| {
        o.text("resourceType", "DocumentReference");
        o.text("id", id);
        profile(o, "JP_DocumentReference", draft.at);
        identifiers(o, &[(super::INSTANCE, &format!("{}-{id}", draft.hospital.code))]);
        o.text("status", "current");
        let loinc = draft.kind.coding().code;
        concept(
            o,
            "type",
            &[Coding::new(LOINC, loinc, draft.kind.title())],
            Some(draft.kind.title()),
        );
        concepts(o, "category", &[draft.kind.coding()], None);
        reference(o, "subject", draft.subject);
        o.text("date", &draft.at.to_string());
        o.list("author", |l| l.object(|o| o.text("reference", draft.author)));
        reference(o, "custodian", "Organization/org");
        o.text("description", draft.kind.title());
        o.list("content", |l| {
            l.object(|o| {
                o.object("attachment", |o| {
                    o.text("contentType", "application/fhir+json");
                    o.text("language", "ja");
                    o.text("url", target);
                    o.text("title", draft.kind.title());
                    o.text("creation", &draft.at.to_string());
                });
            });
        });
        o.object("context", |o| {
            o.list("encounter", |l| l.object(|o| o.text("reference", draft.encounter)));
        });
    })
}

fn uuid(dice: &mut Dice) -> String {
    let (a, b) = (dice.draw(), dice.draw());
    format!(
        "urn:uuid:{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0x0fff,
        0x8000 | (b >> 48) & 0x3fff,
        b & 0xffff_ffff_ffff
    )
}
