//! Which elements say whose record a resource is: R4's Patient compartment, and some that it leaves out.

/// Where a type names patients. Paths have dots between members.
pub(crate) struct Paths {
    /// The element that says whose record it is: what stands there is a patient or clearly something else.
    pub(crate) primary: &'static str,
    /// Elements by which a patient takes part in another way. They count where the primary one names nobody.
    pub(crate) others: &'static [&'static str],
    /// Elements that name a resource whose patient this one shares. They count last.
    pub(crate) through: &'static [&'static str],
}

impl Paths {
    /// The paths of a type; nothing for types that belong to no patient.
    pub(crate) fn of(kind: &str) -> Self {
        let found = TABLE.binary_search_by(|row| row.0.cmp(kind)).ok();
        let (primary, others, through) = found.map_or(("", &[][..], &[][..]), |place| {
            let (_, primary, others, through) = TABLE[place];
            (primary, others, through)
        });
        Self { primary, others, through }
    }
}

/// True for types that describe the facility and its surroundings, not people's care: the directory that other
/// facilities may read. Everything else without a patient stays with the facility.
pub fn describes_facility(kind: &str) -> bool {
    FACILITY.binary_search(&kind).is_ok()
}

/// True for types that can be the `subject` of something without being a patient.
pub(crate) fn may_be_subject(kind: &str) -> bool {
    SUBJECTS.contains(&kind)
}

/// Where attachments name the `Binary` that holds their bytes.
pub(crate) fn attachments(kind: &str) -> &'static [&'static str] {
    match kind {
        "Communication" => &["payload.contentAttachment.url"],
        "Consent" => &["sourceAttachment.url"],
        "DiagnosticReport" => &["presentedForm.url"],
        "DocumentReference" => &["content.attachment.url"],
        "Media" => &["content.url"],
        "Patient" => &["photo.url"],
        _ => &[],
    }
}

type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

/// Type, primary, others, through; sorted by type.
const TABLE: [Row; 78] = [
    ("Account", "subject", &[], &[]),
    ("AdverseEvent", "subject", &[], &[]),
    ("AllergyIntolerance", "patient", &["recorder", "asserter"], &[]),
    ("Appointment", "", &["participant.actor"], &[]),
    ("AppointmentResponse", "", &["actor"], &["appointment"]),
    ("AuditEvent", "", &["entity.what", "agent.who"], &["entity.what"]),
    ("Basic", "subject", &["author"], &[]),
    ("Binary", "", &["securityContext"], &["securityContext"]),
    ("BodyStructure", "patient", &[], &[]),
    ("CarePlan", "subject", &["activity.detail.performer"], &[]),
    ("CareTeam", "subject", &["participant.member"], &[]),
    ("ChargeItem", "subject", &[], &[]),
    ("Claim", "patient", &["payee.party"], &[]),
    ("ClaimResponse", "patient", &[], &[]),
    ("ClinicalImpression", "subject", &[], &[]),
    ("Communication", "subject", &["sender", "recipient"], &[]),
    ("CommunicationRequest", "subject", &["sender", "recipient", "requester"], &[]),
    ("Composition", "subject", &["author", "attester.party"], &["encounter"]),
    ("Condition", "subject", &["asserter"], &[]),
    ("Consent", "patient", &[], &[]),
    ("Contract", "", &["subject"], &[]),
    ("Coverage", "beneficiary", &["subscriber", "policyHolder", "payor"], &[]),
    ("CoverageEligibilityRequest", "patient", &[], &[]),
    ("CoverageEligibilityResponse", "patient", &[], &[]),
    ("DetectedIssue", "patient", &[], &["implicated"]),
    ("Device", "patient", &[], &[]),
    ("DeviceMetric", "", &[], &["source"]),
    ("DeviceRequest", "subject", &["performer"], &[]),
    ("DeviceUseStatement", "subject", &[], &[]),
    ("DiagnosticReport", "subject", &[], &["encounter"]),
    ("DocumentManifest", "subject", &["author", "recipient"], &["content"]),
    ("DocumentReference", "subject", &["author"], &["context.encounter"]),
    ("Encounter", "subject", &[], &[]),
    ("EnrollmentRequest", "candidate", &[], &[]),
    ("EnrollmentResponse", "", &[], &["request"]),
    ("EpisodeOfCare", "patient", &[], &[]),
    ("ExplanationOfBenefit", "patient", &["payee.party"], &[]),
    ("FamilyMemberHistory", "patient", &[], &[]),
    ("Flag", "subject", &[], &["encounter"]),
    ("Goal", "subject", &[], &[]),
    ("Group", "", &["member.entity"], &[]),
    ("GuidanceResponse", "subject", &[], &["encounter"]),
    ("ImagingStudy", "subject", &[], &[]),
    ("Immunization", "patient", &[], &[]),
    ("ImmunizationEvaluation", "patient", &[], &["immunizationEvent"]),
    ("ImmunizationRecommendation", "patient", &[], &[]),
    ("Invoice", "subject", &["recipient"], &[]),
    ("Linkage", "", &[], &["item.resource"]),
    ("List", "subject", &["source"], &["encounter", "entry.item"]),
    ("MeasureReport", "subject", &[], &[]),
    ("Media", "subject", &[], &["encounter"]),
    ("MedicationAdministration", "subject", &["performer.actor"], &[]),
    ("MedicationDispense", "subject", &["receiver"], &["authorizingPrescription"]),
    ("MedicationRequest", "subject", &[], &["encounter"]),
    ("MedicationStatement", "subject", &[], &[]),
    ("MessageHeader", "", &[], &["focus"]),
    ("MolecularSequence", "patient", &[], &["specimen"]),
    ("NutritionOrder", "patient", &[], &[]),
    ("Observation", "subject", &["performer"], &["encounter", "specimen"]),
    ("PaymentNotice", "", &[], &["request", "response"]),
    ("PaymentReconciliation", "", &[], &["detail.request", "detail.response"]),
    ("Person", "", &["link.target"], &[]),
    ("Procedure", "subject", &["performer.actor"], &[]),
    ("Provenance", "", &["target"], &["target"]),
    ("QuestionnaireResponse", "subject", &["author"], &["encounter"]),
    ("RelatedPerson", "patient", &[], &[]),
    ("RequestGroup", "subject", &["action.participant"], &[]),
    ("ResearchSubject", "individual", &[], &[]),
    ("RiskAssessment", "subject", &[], &[]),
    ("Schedule", "", &["actor"], &[]),
    ("ServiceRequest", "subject", &["performer"], &[]),
    ("Slot", "", &[], &["schedule"]),
    ("Specimen", "subject", &[], &["request"]),
    ("SupplyDelivery", "patient", &[], &["basedOn"]),
    ("SupplyRequest", "", &["deliverTo", "requester"], &[]),
    ("Task", "for", &[], &["focus", "encounter", "basedOn"]),
    ("VerificationResult", "", &["target"], &["target"]),
    ("VisionPrescription", "patient", &[], &[]),
];

/// Types of the facility's directory; sorted.
const FACILITY: [&str; 39] = [
    "ActivityDefinition",
    "CapabilityStatement",
    "CatalogEntry",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "DeviceDefinition",
    "Endpoint",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "TerminologyCapabilities",
    "ValueSet",
];

const SUBJECTS: [&str; 12] = [
    "Device",
    "Group",
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "RelatedPerson",
    "Specimen",
    "Substance",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_for_bisection() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        assert!(FACILITY.is_sorted());
        assert!(FACILITY.iter().all(|kind| Paths::of(kind).primary.is_empty()), "no type is both");
    }
}
