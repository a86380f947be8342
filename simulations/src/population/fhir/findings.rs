//! What was measured and seen: laboratory, vital signs, and the reports that gather them.

use super::super::json::{Object, object};
use super::super::labs::{Item, Panel};
use super::{
    CATEGORY, Coding, JLAC10, LOINC, Moment, concept, concepts, hl7, profile, quantity, refer,
    reference,
};

/// Where a finding belongs.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) subject: &'a str,
    pub(crate) encounter: Option<&'a str>,
    pub(crate) doctor: &'a str,
    pub(crate) local_system: &'a str,
    pub(crate) at: Moment,
}

pub(crate) fn laboratory(
    id: &str,
    context: Context<'_>,
    item: &Item,
    female: bool,
    value: f64,
) -> String {
    let decimals = item.decimals;
    let lexeme = format!("{value:.decimals$}");
    let shown: f64 = lexeme.parse().expect("a number that was just written");
    let (low, high) = item.range(female);
    object(|o| {
        start(o, id, "JP_Observation_LabResult", "laboratory", context);
        concept(
            o,
            "code",
            &[
                Coding::new(context.local_system, item.short, item.short),
                Coding::new(JLAC10, item.code, item.name),
            ],
            Some(item.name),
        );
        subject(o, context);
        quantity(o, "valueQuantity", &lexeme, item.unit, item.ucum);
        let mark = if low.is_some_and(|low| shown < low) {
            ("L", "Low")
        } else if high.is_some_and(|high| shown > high) {
            ("H", "High")
        } else {
            ("N", "Normal")
        };
        concepts(
            o,
            "interpretation",
            &[Coding::new(&hl7("v3-ObservationInterpretation"), mark.0, mark.1)],
            None,
        );
        o.list("referenceRange", |l| {
            l.object(|o| {
                if let Some(low) = low {
                    quantity(o, "low", &format!("{low:.decimals$}"), item.unit, item.ucum);
                }
                if let Some(high) = high {
                    quantity(o, "high", &format!("{high:.decimals$}"), item.unit, item.ucum);
                }
            });
        });
    })
}

/// A sign that a nurse measures: LOINC code, name, value, unit and UCUM.
pub(crate) struct Sign<'a> {
    pub(crate) code: &'a str,
    pub(crate) name: &'a str,
    pub(crate) lexeme: String,
    pub(crate) unit: &'a str,
    pub(crate) ucum: &'a str,
}

pub(crate) fn vital(id: &str, context: Context<'_>, sign: &Sign<'_>) -> String {
    object(|o| {
        start(o, id, "JP_Observation_VitalSigns", "vital-signs", context);
        concept(o, "code", &[Coding::new(LOINC, sign.code, sign.name)], Some(sign.name));
        subject(o, context);
        quantity(o, "valueQuantity", &sign.lexeme, sign.unit, sign.ucum);
    })
}

pub(crate) fn blood_pressure(
    id: &str,
    context: Context<'_>,
    systolic: i64,
    diastolic: i64,
) -> String {
    object(|o| {
        start(o, id, "JP_Observation_VitalSigns", "vital-signs", context);
        concept(o, "code", &[Coding::new(LOINC, "85354-9", "血圧")], Some("血圧"));
        subject(o, context);
        o.list("component", |l| {
            for (code, name, value) in
                [("8480-6", "収縮期血圧", systolic), ("8462-4", "拡張期血圧", diastolic)]
            {
                l.object(|o| {
                    concept(o, "code", &[Coding::new(LOINC, code, name)], Some(name));
                    quantity(o, "valueQuantity", &value.to_string(), "mmHg", "mm[Hg]");
                });
            }
        });
    })
}

fn start(o: &mut Object<'_>, id: &str, jp: &str, category: &str, context: Context<'_>) {
    o.text("resourceType", "Observation");
    o.text("id", id);
    profile(o, jp, context.at);
    o.text("status", "final");
    concepts(o, "category", &[Coding::new(CATEGORY, category, "")], None);
}

fn subject(o: &mut Object<'_>, context: Context<'_>) {
    reference(o, "subject", context.subject);
    if let Some(encounter) = context.encounter {
        reference(o, "encounter", encounter);
    }
    o.text("effectiveDateTime", &context.at.to_string());
    o.list("performer", |l| refer(l, context.doctor));
}

pub(crate) fn laboratory_report(
    id: &str,
    context: Context<'_>,
    panel: &Panel,
    results: &[String],
) -> String {
    object(|o| {
        report(o, id, "JP_DiagnosticReport_LabResult", ("LAB", "検体検査"), context);
        concept(
            o,
            "code",
            &[Coding::new(context.local_system, panel.code, panel.name)],
            Some(panel.name),
        );
        subject_of_report(o, context);
        o.list("result", |l| {
            for result in results {
                refer(l, result);
            }
        });
    })
}

pub(crate) fn imaging_report(
    id: &str,
    context: Context<'_>,
    name: &str,
    conclusion: &str,
) -> String {
    object(|o| {
        report(o, id, "JP_DiagnosticReport_Radiology", ("RAD", "画像検査"), context);
        concept(o, "code", &[Coding::new(LOINC, "18748-4", "画像検査報告書")], Some(name));
        subject_of_report(o, context);
        o.text("conclusion", conclusion);
    })
}

fn report(o: &mut Object<'_>, id: &str, jp: &str, section: (&str, &str), context: Context<'_>) {
    o.text("resourceType", "DiagnosticReport");
    o.text("id", id);
    profile(o, jp, context.at);
    o.text("status", "final");
    concepts(o, "category", &[Coding::new(&hl7("v2-0074"), section.0, section.1)], None);
}

fn subject_of_report(o: &mut Object<'_>, context: Context<'_>) {
    reference(o, "subject", context.subject);
    if let Some(encounter) = context.encounter {
        reference(o, "encounter", encounter);
    }
    o.text("effectiveDateTime", &context.at.to_string());
    o.text("issued", &context.at.later(40).to_string());
    o.list("performer", |l| refer(l, context.doctor));
}
