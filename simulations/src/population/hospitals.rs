//! The hospitals of the region: invented names, real kinds of departments, wards and staff.

use super::dice::Dice;
use super::names::{self, Name};

/// A department, with the code that Japanese claims use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Department {
    Medicine,
    Neurology,
    Respiratory,
    Gastroenterology,
    Cardiology,
    Pediatrics,
    Surgery,
    Orthopedics,
    Neurosurgery,
    Urology,
}

pub(crate) const DEPARTMENTS: &[Department] = &[
    Department::Medicine,
    Department::Neurology,
    Department::Respiratory,
    Department::Gastroenterology,
    Department::Cardiology,
    Department::Pediatrics,
    Department::Surgery,
    Department::Orthopedics,
    Department::Neurosurgery,
    Department::Urology,
];

impl Department {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Medicine => "01",
            Self::Neurology => "04",
            Self::Respiratory => "05",
            Self::Gastroenterology => "06",
            Self::Cardiology => "08",
            Self::Pediatrics => "09",
            Self::Surgery => "10",
            Self::Orthopedics => "11",
            Self::Neurosurgery => "14",
            Self::Urology => "20",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Medicine => "内科",
            Self::Neurology => "神経内科",
            Self::Respiratory => "呼吸器科",
            Self::Gastroenterology => "消化器科",
            Self::Cardiology => "循環器科",
            Self::Pediatrics => "小児科",
            Self::Surgery => "外科",
            Self::Orthopedics => "整形外科",
            Self::Neurosurgery => "脳神経外科",
            Self::Urology => "泌尿器科",
        }
    }
}

/// A disclosing hospital.
#[derive(Clone, Debug)]
pub struct Hospital {
    /// Its place in the region, from 0.
    pub index: usize,
    /// Its name in Japanese.
    pub name: &'static str,
    /// The reading of the name.
    pub kana: &'static str,
    /// Its name in English.
    pub english: &'static str,
    /// Its medical institution number of ten digits (the seven at the end are not in use).
    pub code: String,
    pub(crate) doctors: Vec<Doctor>,
}

/// A doctor, of one department.
#[derive(Clone, Debug)]
pub(crate) struct Doctor {
    pub(crate) id: String,
    pub(crate) family: Name,
    pub(crate) given: Name,
    pub(crate) female: bool,
    pub(crate) department: Department,
}

impl Hospital {
    pub(crate) fn new(dice: &Dice, index: usize) -> Self {
        let (name, kana, english) = HOSPITALS[index];
        let mut dice = dice.fork("hospital", index as u64);
        let mut doctors = Vec::new();
        for &department in DEPARTMENTS {
            for _ in 0..DOCTORS_PER_DEPARTMENT {
                let female = dice.chance(0.28);
                let birth_year = 1996 - dice.below(34) as i16;
                doctors.push(Doctor {
                    id: format!("d{:03}", doctors.len() + 1),
                    family: names::surname(&mut dice),
                    given: names::given(&mut dice, female, birth_year),
                    female,
                    department,
                });
            }
        }
        Self { index, name, kana, english, code: format!("14019900{:02}", 10 + index), doctors }
    }

    /// The identifier system of this hospital's own patient numbers.
    pub fn patient_system(&self) -> String {
        format!("urn:oid:1.2.392.100495.20.3.51.{}", self.code)
    }

    pub(crate) fn doctor(&self, department: Department, choice: u64) -> &Doctor {
        let first = department as usize * DOCTORS_PER_DEPARTMENT;
        &self.doctors[first + choice as usize % DOCTORS_PER_DEPARTMENT]
    }

    /// This hospital's number for a person: shape and step differ, so that no number says anything
    /// about another hospital's.
    pub(crate) fn local_id(&self, person: u64) -> String {
        let step = [7, 11, 13, 17, 19, 23, 29][self.index % 7];
        let start =
            [1_204_310, 60_118, 8_402_004, 233_010, 5_000_901, 720_113, 91_004][self.index % 7];
        let width = [8, 10, 8, 7, 9, 8, 10][self.index % 7];
        format!("{:0width$}", start + person * step)
    }
}

/// How many hospitals the region can have.
pub const HOSPITALS_MAX: usize = HOSPITALS.len();

pub(crate) const WARDS: &[(&str, &str)] =
    &[("w3e", "３東病棟"), ("w3w", "３西病棟"), ("w4e", "４東病棟"), ("w5e", "５東病棟")];

const DOCTORS_PER_DEPARTMENT: usize = 3;

#[rustfmt::skip]
const HOSPITALS: &[(&str, &str, &str)] = &[
    ("あざみ原総合病院", "アザミバルソウゴウビョウイン", "Azamibaru General Hospital"),
    ("筑水記念病院", "チクスイキネンビョウイン", "Chikusui Memorial Hospital"),
    ("耳納みどり病院", "ミノウミドリビョウイン", "Minou Midori Hospital"),
    ("藤の瀬中央病院", "フジノセチュウオウビョウイン", "Fujinose Central Hospital"),
    ("柳坂医療センター", "ヤナギザカイリョウセンター", "Yanagizaka Medical Center"),
    ("宝満橋病院", "ホウマンバシビョウイン", "Homanbashi Hospital"),
    ("草野川病院", "クサノガワビョウイン", "Kusanogawa Hospital"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departments_find_their_doctors() {
        let hospital = Hospital::new(&Dice::new(1), 0);
        for &department in DEPARTMENTS {
            assert!((0..9).all(|n| hospital.doctor(department, n).department == department));
        }
        assert_eq!(hospital.code.len(), 10);
    }
}
