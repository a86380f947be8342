//! The patient as one hospital knows them, and their insurance.

use super::super::json::{Object, object};
use super::super::people::{Person, Registration};
use super::super::places;
use super::{Coding, Moment, NAME_REPRESENTATION, concept, hl7, identifiers, profile, reference};
use crate::population::hospitals::Hospital;
use crate::population::names::Name;

pub(crate) fn patient(
    hospital: &Hospital,
    person: &Person,
    registration: &Registration,
    id: &str,
    updated: Moment,
) -> String {
    object(|o| {
        o.text("resourceType", "Patient");
        o.text("id", id);
        profile(o, "JP_Patient", updated);
        identifiers(o, &[(&hospital.patient_system(), &registration.local_id)]);
        o.raw("active", "true");
        human_name(o, person.family, person.given);
        o.list("telecom", |l| {
            l.object(|o| {
                o.text("system", "phone");
                o.text("value", &person.phone);
                o.text("use", "home");
            });
        });
        o.text("gender", if person.female { "female" } else { "male" });
        o.text("birthDate", &person.birth.to_string());
        o.list("address", |l| {
            l.object(|o| {
                o.text("use", "home");
                o.text("text", &person.address());
                o.list("line", |l| l.text(&format!("{}{}", person.town.name, person.house)));
                o.text("city", person.town.city);
                o.text("state", places::PREFECTURE);
                o.text("country", "JP");
            });
        });
        reference(o, "managingOrganization", "Organization/org");
    })
}

/// A name twice: in kanji (IDE) and as it is read (SYL).
pub(crate) fn human_name(o: &mut Object<'_>, family: Name, given: Name) {
    o.list("name", |l| {
        for (code, family, given) in
            [("IDE", family.kanji, given.kanji), ("SYL", family.kana, given.kana)]
        {
            l.object(|o| {
                o.list("extension", |l| {
                    l.object(|o| {
                        o.text("url", NAME_REPRESENTATION);
                        o.text("valueCode", code);
                    });
                });
                o.text("use", "official");
                o.text("text", &format!("{family} {given}"));
                o.text("family", family);
                o.list("given", |l| l.text(given));
            });
        }
    });
}

pub(crate) fn coverage(person: &Person, id: &str, subject: &str, updated: Moment) -> String {
    let old = person.insurance.starts_with("39");
    let (insurer, _) = person.insurance.split_once(':').unwrap_or((&person.insurance, ""));
    object(|o| {
        o.text("resourceType", "Coverage");
        o.text("id", id);
        profile(o, "JP_Coverage", updated);
        identifiers(
            o,
            &[("http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID", &person.insurance)],
        );
        o.text("status", "active");
        let (code, name) =
            if old { ("39", "後期高齢者医療") } else { ("00", "国民健康保険") };
        concept(o, "type", &[], Some(name));
        o.text("subscriberId", &person.insurance);
        reference(o, "beneficiary", subject);
        concept(
            o,
            "relationship",
            &[Coding::new(&hl7("subscriber-relationship"), "self", "Self")],
            None,
        );
        o.list("payor", |l| {
            l.object(|o| {
                o.object("identifier", |o| {
                    o.text("system", "urn:oid:1.2.392.100495.20.3.61");
                    o.text("value", insurer);
                });
                o.text("display", name);
            });
        });
        o.list("class", |l| {
            l.object(|o| {
                concept(o, "type", &[Coding::new(&hl7("coverage-class"), "group", "Group")], None);
                o.text("value", code);
                o.text("name", name);
            });
        });
    })
}
