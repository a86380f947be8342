//! A single new laboratory result for a patient whom a hospital knows already: what arrives on a working day.

use jiff::civil::DateTime;

use super::fhir::Moment;
use super::fhir::findings::{self, Context};
use super::labs::Lab;

/// A test that can be ordered one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// A short stable name.
    pub key: &'static str,
    /// The name in Japanese.
    pub name: &'static str,
    /// The name in English.
    pub english: &'static str,
    /// The unit.
    pub unit: &'static str,
    /// A value worth noticing.
    pub example: &'static str,
    lab: Lab,
}

/// The tests.
#[rustfmt::skip]
pub const TESTS: &[Test] = &[
    Test { key: "crp", name: "C反応性蛋白", english: "C-reactive protein", unit: "mg/dL", example: "8.42", lab: Lab::Crp },
    Test { key: "hba1c", name: "HbA1c(NGSP)", english: "HbA1c", unit: "%", example: "8.1", lab: Lab::HbA1c },
    Test { key: "potassium", name: "カリウム", english: "Potassium", unit: "mmol/L", example: "5.6", lab: Lab::K },
    Test { key: "creatinine", name: "クレアチニン", english: "Creatinine", unit: "mg/dL", example: "1.48", lab: Lab::Cre },
    Test { key: "hemoglobin", name: "ヘモグロビン", english: "Hemoglobin", unit: "g/dL", example: "8.9", lab: Lab::Hb },
    Test { key: "inr", name: "プロトロンビン時間(INR)", english: "PT-INR", unit: "", example: "2.85", lab: Lab::PtInr },
];

/// Who the result is about, where and when it was measured.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The resource id of the result.
    pub id: &'a str,
    /// The reference of the patient, such as `Patient/p1`.
    pub subject: &'a str,
    /// The reference of the laboratory or the doctor.
    pub performer: &'a str,
    /// Whether the patient is a woman: reference ranges differ.
    pub female: bool,
    /// When the blood was taken, in the region's clocks.
    pub at: DateTime,
}

impl Test {
    /// The test of a short name.
    pub fn find(key: &str) -> Option<&'static Self> {
        TESTS.iter().find(|test| test.key == key)
    }

    /// The result as a FHIR Observation.
    pub fn result(&self, order: Order<'_>, value: f64) -> String {
        let at = Moment::new(
            order.at.date(),
            u32::from(order.at.hour().unsigned_abs()),
            u32::from(order.at.minute().unsigned_abs()),
        );
        let context = Context {
            subject: order.subject,
            encounter: None,
            doctor: order.performer,
            local_system: "https://hospital.example/codes",
            at,
        };
        findings::laboratory(order.id, context, self.lab.item(), order.female, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_an_observation_with_its_mark() {
        let order = Order {
            id: "demo-1",
            subject: "Patient/p1",
            performer: "Organization/org",
            female: true,
            at: DateTime::constant(2026, 11, 2, 9, 5, 0, 0),
        };
        let text = Test::find("crp").unwrap().result(order, 8.42);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["valueQuantity"]["value"].to_string(), "8.42");
        assert_eq!(value["interpretation"][0]["coding"][0]["code"], "H");
        assert_eq!(value["effectiveDateTime"], "2026-11-02T09:05:00+09:00");
        assert!(value.get("encounter").is_none());
    }
}
