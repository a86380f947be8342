//! Encounters, conditions, allergies, procedures and vaccinations.

use super::super::diseases::Episode;
use super::super::hospitals::{Department, Hospital};
use super::super::json::object;
use super::{
    Coding, DEPARTMENT, ICD10, Moment, coding, concept, concepts, hl7, identifiers, profile,
    reference,
};
use jiff::civil::Date;

/// A contact with the hospital.
pub(crate) struct Contact<'a> {
    pub(crate) subject: &'a str,
    pub(crate) doctor: &'a str,
    pub(crate) department: Department,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    /// The ward of a stay and what it was for.
    pub(crate) stay: Option<(&'a str, &'a Episode)>,
}

pub(crate) fn encounter(id: &str, contact: &Contact<'_>) -> String {
    object(|o| {
        o.text("resourceType", "Encounter");
        o.text("id", id);
        profile(o, "JP_Encounter", contact.end);
        o.text("status", "finished");
        let (code, display) = match contact.stay {
            Some(_) => ("IMP", "inpatient encounter"),
            None => ("AMB", "ambulatory"),
        };
        coding(o, "class", Coding::new(&hl7("v3-ActCode"), code, display));
        concept(
            o,
            "serviceType",
            &[Coding::new(DEPARTMENT, contact.department.code(), contact.department.name())],
            Some(contact.department.name()),
        );
        reference(o, "subject", contact.subject);
        o.list("participant", |l| {
            l.object(|o| reference(o, "individual", contact.doctor));
        });
        o.object("period", |o| {
            o.text("start", &contact.start.to_string());
            o.text("end", &contact.end.to_string());
        });
        if let Some((ward, episode)) = contact.stay {
            let reason = format!("{}のため", episode.name);
            concepts(
                o,
                "reasonCode",
                &[Coding::new(ICD10, episode.icd, episode.icd_name)],
                Some(&reason),
            );
            o.list("location", |l| {
                l.object(|o| reference(o, "location", ward));
            });
        }
        reference(o, "serviceProvider", "Organization/org");
    })
}

/// A diagnosis.
pub(crate) struct Diagnosis<'a> {
    pub(crate) subject: &'a str,
    pub(crate) encounter: Option<&'a str>,
    pub(crate) doctor: &'a str,
    pub(crate) icd: &'a str,
    pub(crate) icd_name: &'a str,
    pub(crate) name: &'a str,
    pub(crate) onset: Date,
    pub(crate) abatement: Option<Date>,
    pub(crate) recorded: Moment,
}

pub(crate) fn condition(id: &str, diagnosis: &Diagnosis<'_>) -> String {
    object(|o| {
        o.text("resourceType", "Condition");
        o.text("id", id);
        profile(o, "JP_Condition", diagnosis.recorded);
        let status = if diagnosis.abatement.is_some() { "resolved" } else { "active" };
        concept(o, "clinicalStatus", &[Coding::new(&hl7("condition-clinical"), status, "")], None);
        concept(
            o,
            "verificationStatus",
            &[Coding::new(&hl7("condition-ver-status"), "confirmed", "")],
            None,
        );
        let category =
            if diagnosis.encounter.is_some() { "encounter-diagnosis" } else { "problem-list-item" };
        concepts(o, "category", &[Coding::new(&hl7("condition-category"), category, "")], None);
        concept(
            o,
            "code",
            &[Coding::new(ICD10, diagnosis.icd, diagnosis.icd_name)],
            Some(diagnosis.name),
        );
        reference(o, "subject", diagnosis.subject);
        if let Some(encounter) = diagnosis.encounter {
            reference(o, "encounter", encounter);
        }
        o.text("onsetDateTime", &diagnosis.onset.to_string());
        if let Some(abatement) = diagnosis.abatement {
            o.text("abatementDateTime", &abatement.to_string());
        }
        o.text("recordedDate", &diagnosis.recorded.to_string());
        reference(o, "asserter", diagnosis.doctor);
    })
}

/// An allergy of the kind that a nurse asks for.
pub(crate) struct Allergy {
    pub(crate) category: &'static str,
    pub(crate) name: &'static str,
    pub(crate) reaction: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) criticality: &'static str,
}

#[rustfmt::skip]
pub(crate) const ALLERGIES: &[Allergy] = &[
    Allergy { category: "medication", name: "ペニシリン系抗菌薬", reaction: "皮疹", severity: "moderate", criticality: "high" },
    Allergy { category: "medication", name: "セフェム系抗菌薬", reaction: "蕁麻疹", severity: "moderate", criticality: "high" },
    Allergy { category: "medication", name: "非ステロイド性抗炎症薬", reaction: "喘鳴", severity: "severe", criticality: "high" },
    Allergy { category: "medication", name: "ヨード造影剤", reaction: "血圧低下", severity: "severe", criticality: "high" },
    Allergy { category: "food", name: "鶏卵", reaction: "蕁麻疹", severity: "mild", criticality: "low" },
    Allergy { category: "food", name: "そば", reaction: "呼吸困難", severity: "severe", criticality: "high" },
    Allergy { category: "food", name: "えび・かに", reaction: "口腔内の違和感", severity: "mild", criticality: "low" },
    Allergy { category: "environment", name: "ラテックス", reaction: "接触部の発赤", severity: "mild", criticality: "low" },
];

pub(crate) fn allergy(id: &str, subject: &str, allergy: &Allergy, recorded: Moment) -> String {
    object(|o| {
        o.text("resourceType", "AllergyIntolerance");
        o.text("id", id);
        profile(o, "JP_AllergyIntolerance", recorded);
        let status = |name: &str| hl7(name);
        concept(
            o,
            "clinicalStatus",
            &[Coding::new(&status("allergyintolerance-clinical"), "active", "")],
            None,
        );
        concept(
            o,
            "verificationStatus",
            &[Coding::new(&status("allergyintolerance-verification"), "confirmed", "")],
            None,
        );
        o.text("type", "allergy");
        o.list("category", |l| l.text(allergy.category));
        o.text("criticality", allergy.criticality);
        concept(o, "code", &[], Some(allergy.name));
        reference(o, "patient", subject);
        o.text("recordedDate", &recorded.to_string());
        o.list("reaction", |l| {
            l.object(|o| {
                concepts(o, "manifestation", &[], Some(allergy.reaction));
                o.text("severity", allergy.severity);
            });
        });
    })
}

pub(crate) fn procedure(
    id: &str,
    subject: &str,
    encounter: &str,
    doctor: &str,
    name: &str,
    at: Moment,
) -> String {
    object(|o| {
        o.text("resourceType", "Procedure");
        o.text("id", id);
        profile(o, "JP_Procedure", at);
        o.text("status", "completed");
        concept(o, "code", &[], Some(name));
        reference(o, "subject", subject);
        reference(o, "encounter", encounter);
        o.text("performedDateTime", &at.to_string());
        o.list("performer", |l| l.object(|o| reference(o, "actor", doctor)));
    })
}

pub(crate) fn immunization(
    id: &str,
    subject: &str,
    hospital: &Hospital,
    code: &str,
    name: &str,
    at: Moment,
    lot: u64,
) -> String {
    object(|o| {
        o.text("resourceType", "Immunization");
        o.text("id", id);
        profile(o, "JP_Immunization", at);
        identifiers(o, &[(super::INSTANCE, &format!("{}-{id}", hospital.code))]);
        o.text("status", "completed");
        concept(
            o,
            "vaccineCode",
            &[Coding::new("http://hl7.org/fhir/sid/cvx", code, "")],
            Some(name),
        );
        reference(o, "patient", subject);
        o.text("occurrenceDateTime", &at.to_string());
        o.raw("primarySource", "true");
        o.text("lotNumber", &format!("AZ{lot:03}"));
        o.object("doseQuantity", |o| {
            o.raw("value", "0.5");
            o.text("unit", "mL");
            o.text("system", super::UCUM);
            o.text("code", "mL");
        });
        o.list("performer", |l| l.object(|o| reference(o, "actor", "Organization/org")));
    })
}
