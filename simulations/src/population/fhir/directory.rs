//! What belongs to the hospital and to no patient: itself, its doctors, its wards.

use super::super::hospitals::{DEPARTMENTS, Doctor, Hospital, WARDS};
use super::super::json::object;
use super::patient::human_name;
use super::{Coding, DEPARTMENT, Moment, concept, concepts, hl7, identifiers, profile, reference};
use crate::population::Resource;

/// All of a hospital's directory.
pub(crate) fn directory(hospital: &Hospital, updated: Moment) -> Vec<Resource> {
    let mut all = vec![Resource::new("Organization", "org", organization(hospital, updated))];
    for department in DEPARTMENTS {
        let id = format!("dept-{}", department.code());
        let json = object(|o| {
            o.text("resourceType", "Organization");
            o.text("id", &id);
            profile(o, "JP_Organization", updated);
            o.raw("active", "true");
            concepts(
                o,
                "type",
                &[
                    Coding::new(&hl7("organization-type"), "dept", "Hospital Department"),
                    Coding::new(DEPARTMENT, department.code(), department.name()),
                ],
                None,
            );
            o.text("name", department.name());
            reference(o, "partOf", "Organization/org");
        });
        all.push(Resource::new("Organization", &id, json));
    }
    for doctor in &hospital.doctors {
        all.push(Resource::new(
            "Practitioner",
            &doctor.id,
            practitioner(hospital, doctor, updated),
        ));
    }
    for doctor in &hospital.doctors {
        let id = format!("role-{}", doctor.id);
        all.push(Resource::new("PractitionerRole", &id, role(&id, doctor, updated)));
    }
    for (id, name) in WARDS {
        let json = object(|o| {
            o.text("resourceType", "Location");
            o.text("id", id);
            profile(o, "JP_Location", updated);
            o.text("status", "active");
            o.text("name", name);
            o.text("mode", "instance");
            concept(
                o,
                "physicalType",
                &[Coding::new(&hl7("location-physical-type"), "wa", "Ward")],
                None,
            );
            reference(o, "managingOrganization", "Organization/org");
        });
        all.push(Resource::new("Location", id, json));
    }
    all
}

fn organization(hospital: &Hospital, updated: Moment) -> String {
    object(|o| {
        o.text("resourceType", "Organization");
        o.text("id", "org");
        profile(o, "JP_Organization", updated);
        identifiers(
            o,
            &[(
                "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no",
                &hospital.code,
            )],
        );
        o.raw("active", "true");
        concepts(
            o,
            "type",
            &[Coding::new(&hl7("organization-type"), "prov", "Healthcare Provider")],
            None,
        );
        o.text("name", hospital.name);
        o.list("alias", |l| {
            l.text(hospital.kana);
            l.text(hospital.english);
        });
        o.list("telecom", |l| {
            l.object(|o| {
                o.text("system", "phone");
                o.text("value", &format!("0942-00-10{:02}", hospital.index));
            });
        });
    })
}

fn practitioner(hospital: &Hospital, doctor: &Doctor, updated: Moment) -> String {
    object(|o| {
        o.text("resourceType", "Practitioner");
        o.text("id", &doctor.id);
        profile(o, "JP_Practitioner", updated);
        let system = format!("urn:oid:1.2.392.100495.20.3.41.{}", hospital.code);
        identifiers(o, &[(&system, &doctor.id)]);
        o.raw("active", "true");
        human_name(o, doctor.family, doctor.given);
        o.text("gender", if doctor.female { "female" } else { "male" });
    })
}

fn role(id: &str, doctor: &Doctor, updated: Moment) -> String {
    object(|o| {
        o.text("resourceType", "PractitionerRole");
        o.text("id", id);
        profile(o, "JP_PractitionerRole", updated);
        o.raw("active", "true");
        reference(o, "practitioner", &format!("Practitioner/{}", doctor.id));
        reference(o, "organization", &format!("Organization/dept-{}", doctor.department.code()));
        concepts(
            o,
            "code",
            &[Coding::new(&hl7("practitioner-role"), "doctor", "Doctor")],
            Some("医師"),
        );
    })
}
