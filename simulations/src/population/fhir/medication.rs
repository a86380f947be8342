//! Prescriptions: a drug, its directions, how much and for how long.

use super::super::course::amount;
use super::super::drugs::Drug;
use super::super::json::object;
use super::findings::Context;
use super::{Coding, HOT9, MERIT9_UNIT, USAGE, YJ, concept, identifiers, profile, reference};

/// Numbers of a prescription: the order, the group of drugs taken together, the place in it.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) order: u32,
    pub(crate) group: usize,
    pub(crate) place: usize,
    /// Whether there are tablets left on the last day of the population.
    pub(crate) current: bool,
}

pub(crate) fn medication_request(
    id: &str,
    context: Context<'_>,
    drug: &Drug,
    days: u32,
    numbers: Numbers,
) -> String {
    let (unit_code, unit) = drug.form.unit();
    object(|o| {
        o.text("resourceType", "MedicationRequest");
        o.text("id", id);
        profile(o, "JP_MedicationRequest", context.at);
        identifiers(
            o,
            &[
                ("urn:oid:1.2.392.100495.20.3.81", &numbers.group.to_string()),
                ("urn:oid:1.2.392.100495.20.3.82", &numbers.place.to_string()),
                (
                    "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier",
                    &format!("{id}-{}", numbers.order),
                ),
            ],
        );
        o.text("status", if numbers.current { "active" } else { "completed" });
        o.text("intent", "order");
        let mut codes = Vec::new();
        codes.extend(drug.hot9.map(|code| Coding::new(HOT9, code, drug.name)));
        codes.extend(drug.yj.map(|code| Coding::new(YJ, code, drug.name)));
        codes.push(Coding::new(context.local_system, drug.local, drug.name));
        concept(o, "medicationCodeableConcept", &codes, Some(drug.name));
        reference(o, "subject", context.subject);
        if let Some(encounter) = context.encounter {
            reference(o, "encounter", encounter);
        }
        o.text("authoredOn", &context.at.to_string());
        reference(o, "requester", context.doctor);
        o.list("dosageInstruction", |l| {
            l.object(|o| {
                let dose = dose_text(drug);
                o.text("text", &format!("{}　{dose}", drug.usage.text()));
                if drug.usage.as_needed() {
                    o.raw("asNeededBoolean", "true");
                } else {
                    o.object("timing", |o| {
                        o.object("repeat", |o| {
                            o.object("boundsDuration", |o| {
                                o.raw("value", &days.to_string());
                                o.text("unit", "日");
                                o.text("system", super::UCUM);
                                o.text("code", "d");
                            });
                        });
                        let codings: Vec<Coding<'_>> = drug
                            .usage
                            .code()
                            .map(|code| Coding::new(USAGE, code, drug.usage.text()))
                            .into_iter()
                            .collect();
                        concept(o, "code", &codings, Some(drug.usage.text()));
                    });
                }
                let (code, name) =
                    if drug.usage.external() { ("TP", "外用") } else { ("PO", "口") };
                concept(
                    o,
                    "route",
                    &[Coding::new("http://terminology.hl7.org/CodeSystem/v2-0162", code, name)],
                    None,
                );
                o.list("doseAndRate", |l| {
                    l.object(|o| {
                        o.object("doseQuantity", |o| {
                            o.raw("value", &drug.dose.to_string());
                            o.text("unit", unit);
                            o.text("system", MERIT9_UNIT);
                            o.text("code", unit_code);
                        });
                    });
                });
            });
        });
        o.object("dispenseRequest", |o| {
            o.object("quantity", |o| {
                o.raw("value", &amount(drug, days).to_string());
                o.text("unit", unit);
                o.text("system", MERIT9_UNIT);
                o.text("code", unit_code);
            });
            o.object("expectedSupplyDuration", |o| {
                o.raw("value", &days.to_string());
                o.text("unit", "日");
                o.text("system", super::UCUM);
                o.text("code", "d");
            });
        });
    })
}

/// The dose in words, as it stands on the prescription.
pub(crate) fn dose_text(drug: &Drug) -> String {
    format!("１回{}{}", full_width(drug.dose), drug.form.unit().1)
}

fn full_width(number: u32) -> String {
    number
        .to_string()
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) + 0xFEE0).unwrap_or(digit))
        .collect()
}
