//! The laboratory: items with their JLAC10 codes, units, reference ranges, and how a body at rest measures.
//!
//! Codes are those of the core laboratory items of the electronic-chart sharing service and of the
//! specific health checkup; reference ranges are the common ones of the JCCLS.

/// A laboratory item; the value is its place in [`ITEMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lab {
    Wbc,
    Rbc,
    Hb,
    Ht,
    Plt,
    Tp,
    Alb,
    TBil,
    Ast,
    Alt,
    Ld,
    Ggt,
    Ck,
    Bun,
    Cre,
    Egfr,
    Ua,
    Na,
    K,
    Cl,
    Ca,
    Glucose,
    HbA1c,
    LdlC,
    HdlC,
    Tg,
    Crp,
    Bnp,
    PtInr,
    UrineAlbumin,
}

/// One item as the laboratory's master describes it.
pub(crate) struct Item {
    pub(crate) lab: Lab,
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) short: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ucum: &'static str,
    pub(crate) decimals: usize,
    /// Reference range of men; `None` where the range is open.
    pub(crate) men: (Option<f64>, Option<f64>),
    pub(crate) women: (Option<f64>, Option<f64>),
    /// What a healthy body measures, the spread from day to day, and what no living body goes below.
    pub(crate) rest: f64,
    pub(crate) spread: f64,
    pub(crate) least: f64,
}

impl Lab {
    pub(crate) fn item(self) -> &'static Item {
        let item = &ITEMS[self as usize];
        debug_assert_eq!(item.lab, self, "items stand in the order of their names");
        item
    }
}

impl Item {
    pub(crate) fn range(&self, female: bool) -> (Option<f64>, Option<f64>) {
        if female { self.women } else { self.men }
    }
}

/// Groups that are ordered together, with the name of the report.
pub(crate) struct Panel {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) labs: &'static [Lab],
}

pub(crate) const CBC: Panel = Panel {
    code: "CBC",
    name: "末梢血液一般",
    labs: &[Lab::Wbc, Lab::Rbc, Lab::Hb, Lab::Ht, Lab::Plt],
};
pub(crate) const RENAL: Panel = Panel {
    code: "REN",
    name: "腎機能・電解質",
    labs: &[Lab::Bun, Lab::Cre, Lab::Egfr, Lab::Ua, Lab::Na, Lab::K, Lab::Cl],
};
pub(crate) const LIVER: Panel = Panel {
    code: "LIV",
    name: "肝機能",
    labs: &[Lab::Ast, Lab::Alt, Lab::Ggt, Lab::Ld, Lab::TBil, Lab::Alb, Lab::Tp],
};
pub(crate) const LIPID: Panel =
    Panel { code: "LIP", name: "脂質", labs: &[Lab::LdlC, Lab::HdlC, Lab::Tg] };
pub(crate) const SUGAR: Panel =
    Panel { code: "GLU", name: "糖代謝", labs: &[Lab::Glucose, Lab::HbA1c] };
pub(crate) const INFLAMMATION: Panel =
    Panel { code: "INF", name: "炎症", labs: &[Lab::Crp, Lab::Wbc] };
pub(crate) const HEART: Panel =
    Panel { code: "HRT", name: "心機能", labs: &[Lab::Bnp, Lab::Ck] };
pub(crate) const CLOTTING: Panel = Panel { code: "COA", name: "凝固", labs: &[Lab::PtInr] };
pub(crate) const URINE: Panel =
    Panel { code: "URI", name: "尿アルブミン", labs: &[Lab::UrineAlbumin] };
pub(crate) const BONE: Panel = Panel { code: "BON", name: "骨代謝", labs: &[Lab::Ca, Lab::Alb] };

/// The glomerular filtration rate by the Japanese equation (mL/min/1.73m²).
pub(crate) fn egfr(creatinine: f64, age: u32, female: bool) -> f64 {
    let rate = 194.0 * creatinine.powf(-1.094) * f64::from(age.max(18)).powf(-0.287);
    if female { rate * 0.739 } else { rate }
}

const fn both(low: f64, high: f64) -> (Option<f64>, Option<f64>) {
    (Some(low), Some(high))
}

const fn below(high: f64) -> (Option<f64>, Option<f64>) {
    (None, Some(high))
}

#[rustfmt::skip]
const ITEMS: &[Item] = &[
    Item { lab: Lab::Wbc, code: "2A010000001930101", name: "白血球数", short: "WBC", unit: "10*3/uL", ucum: "10*3/uL", decimals: 1, men: both(3.3, 8.6), women: both(3.3, 8.6), rest: 5.8, spread: 0.8, least: 1.0 },
    Item { lab: Lab::Rbc, code: "2A020000001930101", name: "赤血球数", short: "RBC", unit: "10*4/uL", ucum: "10*4/uL", decimals: 0, men: both(435.0, 555.0), women: both(386.0, 492.0), rest: 445.0, spread: 14.0, least: 180.0 },
    Item { lab: Lab::Hb, code: "2A030000001930101", name: "ヘモグロビン", short: "Hb", unit: "g/dL", ucum: "g/dL", decimals: 1, men: both(13.7, 16.8), women: both(11.6, 14.8), rest: 13.8, spread: 0.4, least: 5.0 },
    Item { lab: Lab::Ht, code: "2A040000001930102", name: "ヘマトクリット", short: "Ht", unit: "%", ucum: "%", decimals: 1, men: both(40.7, 50.1), women: both(35.1, 44.4), rest: 41.5, spread: 1.2, least: 16.0 },
    Item { lab: Lab::Plt, code: "2A050000001930101", name: "血小板数", short: "PLT", unit: "10*4/uL", ucum: "10*4/uL", decimals: 1, men: both(15.8, 34.8), women: both(15.8, 34.8), rest: 22.5, spread: 2.0, least: 1.0 },
    Item { lab: Lab::Tp, code: "3A010000002327101", name: "総蛋白", short: "TP", unit: "g/dL", ucum: "g/dL", decimals: 1, men: both(6.6, 8.1), women: both(6.6, 8.1), rest: 7.1, spread: 0.2, least: 3.5 },
    Item { lab: Lab::Alb, code: "3A015000002327101", name: "アルブミン", short: "ALB", unit: "g/dL", ucum: "g/dL", decimals: 1, men: both(4.1, 5.1), women: both(4.1, 5.1), rest: 4.3, spread: 0.15, least: 1.2 },
    Item { lab: Lab::TBil, code: "3J010000002327101", name: "総ビリルビン", short: "T-Bil", unit: "mg/dL", ucum: "mg/dL", decimals: 1, men: both(0.4, 1.5), women: both(0.4, 1.5), rest: 0.8, spread: 0.15, least: 0.2 },
    Item { lab: Lab::Ast, code: "3B035000002327201", name: "AST(GOT)", short: "AST", unit: "U/L", ucum: "U/L", decimals: 0, men: both(13.0, 30.0), women: both(13.0, 30.0), rest: 22.0, spread: 3.0, least: 8.0 },
    Item { lab: Lab::Alt, code: "3B045000002327201", name: "ALT(GPT)", short: "ALT", unit: "U/L", ucum: "U/L", decimals: 0, men: both(10.0, 42.0), women: both(7.0, 23.0), rest: 18.0, spread: 3.0, least: 4.0 },
    Item { lab: Lab::Ld, code: "3B050000002327901", name: "LD(LDH)", short: "LD", unit: "U/L", ucum: "U/L", decimals: 0, men: both(124.0, 222.0), women: both(124.0, 222.0), rest: 180.0, spread: 15.0, least: 90.0 },
    Item { lab: Lab::Ggt, code: "3B090000002327101", name: "γ-GT(γ-GTP)", short: "GGT", unit: "U/L", ucum: "U/L", decimals: 0, men: both(13.0, 64.0), women: both(9.0, 32.0), rest: 24.0, spread: 4.0, least: 6.0 },
    Item { lab: Lab::Ck, code: "3B010000002327201", name: "クレアチンキナーゼ", short: "CK", unit: "U/L", ucum: "U/L", decimals: 0, men: both(59.0, 248.0), women: both(41.0, 153.0), rest: 98.0, spread: 20.0, least: 15.0 },
    Item { lab: Lab::Bun, code: "3C025000002327201", name: "尿素窒素", short: "BUN", unit: "mg/dL", ucum: "mg/dL", decimals: 1, men: both(8.0, 20.0), women: both(8.0, 20.0), rest: 15.0, spread: 2.0, least: 4.0 },
    Item { lab: Lab::Cre, code: "3C015000002327101", name: "クレアチニン", short: "Cre", unit: "mg/dL", ucum: "mg/dL", decimals: 2, men: both(0.65, 1.07), women: both(0.46, 0.79), rest: 0.72, spread: 0.04, least: 0.30 },
    Item { lab: Lab::Egfr, code: "8A065000002391901", name: "推算糸球体濾過量", short: "eGFR", unit: "mL/min/1.73m2", ucum: "mL/min/{1.73_m2}", decimals: 1, men: (Some(60.0), None), women: (Some(60.0), None), rest: 75.0, spread: 0.0, least: 3.0 },
    Item { lab: Lab::Ua, code: "3C020000002327101", name: "尿酸", short: "UA", unit: "mg/dL", ucum: "mg/dL", decimals: 1, men: both(3.7, 7.8), women: both(2.6, 5.5), rest: 5.0, spread: 0.4, least: 1.0 },
    Item { lab: Lab::Na, code: "3H010000002326101", name: "ナトリウム", short: "Na", unit: "mmol/L", ucum: "mmol/L", decimals: 0, men: both(138.0, 145.0), women: both(138.0, 145.0), rest: 141.0, spread: 1.2, least: 112.0 },
    Item { lab: Lab::K, code: "3H015000002326101", name: "カリウム", short: "K", unit: "mmol/L", ucum: "mmol/L", decimals: 1, men: both(3.6, 4.8), women: both(3.6, 4.8), rest: 4.2, spread: 0.2, least: 2.0 },
    Item { lab: Lab::Cl, code: "3H020000002326101", name: "クロール", short: "Cl", unit: "mmol/L", ucum: "mmol/L", decimals: 0, men: both(101.0, 108.0), women: both(101.0, 108.0), rest: 104.0, spread: 1.2, least: 80.0 },
    Item { lab: Lab::Ca, code: "3H030000002327101", name: "カルシウム", short: "Ca", unit: "mg/dL", ucum: "mg/dL", decimals: 1, men: both(8.8, 10.1), women: both(8.8, 10.1), rest: 9.3, spread: 0.2, least: 5.5 },
    Item { lab: Lab::Glucose, code: "3D010000002227201", name: "グルコース(血糖)", short: "GLU", unit: "mg/dL", ucum: "mg/dL", decimals: 0, men: both(73.0, 109.0), women: both(73.0, 109.0), rest: 95.0, spread: 8.0, least: 45.0 },
    Item { lab: Lab::HbA1c, code: "3D046000001920402", name: "HbA1c(NGSP)", short: "HbA1c", unit: "%", ucum: "%", decimals: 1, men: both(4.9, 6.0), women: both(4.9, 6.0), rest: 5.5, spread: 0.12, least: 4.0 },
    Item { lab: Lab::LdlC, code: "3F077000002327101", name: "LDLコレステロール", short: "LDL-C", unit: "mg/dL", ucum: "mg/dL", decimals: 0, men: both(65.0, 163.0), women: both(65.0, 163.0), rest: 112.0, spread: 9.0, least: 25.0 },
    Item { lab: Lab::HdlC, code: "3F070000002327101", name: "HDLコレステロール", short: "HDL-C", unit: "mg/dL", ucum: "mg/dL", decimals: 0, men: both(38.0, 90.0), women: both(48.0, 103.0), rest: 58.0, spread: 4.0, least: 18.0 },
    Item { lab: Lab::Tg, code: "3F015000002327101", name: "中性脂肪", short: "TG", unit: "mg/dL", ucum: "mg/dL", decimals: 0, men: both(40.0, 234.0), women: both(30.0, 117.0), rest: 105.0, spread: 22.0, least: 25.0 },
    Item { lab: Lab::Crp, code: "5C070000002306201", name: "C反応性蛋白", short: "CRP", unit: "mg/dL", ucum: "mg/dL", decimals: 2, men: below(0.14), women: below(0.14), rest: 0.08, spread: 0.03, least: 0.01 },
    Item { lab: Lab::Bnp, code: "4Z271000002205201", name: "脳性Na利尿ペプチド", short: "BNP", unit: "pg/mL", ucum: "pg/mL", decimals: 1, men: below(18.4), women: below(18.4), rest: 13.0, spread: 3.0, least: 4.0 },
    Item { lab: Lab::PtInr, code: "2B030000002231157", name: "プロトロンビン時間(INR)", short: "PT-INR", unit: "", ucum: "{INR}", decimals: 2, men: both(0.90, 1.13), women: both(0.90, 1.13), rest: 1.0, spread: 0.03, least: 0.8 },
    Item { lab: Lab::UrineAlbumin, code: "3A015000000106128", name: "尿中アルブミン/クレアチニン比", short: "U-A/C", unit: "mg/g･CR", ucum: "mg/g", decimals: 1, men: below(30.0), women: below(30.0), rest: 9.0, spread: 3.0, least: 1.0 },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_stands_in_its_own_place_with_a_code_of_17() {
        for (place, item) in ITEMS.iter().enumerate() {
            assert_eq!(item.lab as usize, place, "{}", item.name);
            assert_eq!(item.code.len(), 17, "{}", item.name);
        }
    }

    #[test]
    fn the_filtration_rate_follows_the_published_equation() {
        assert!((egfr(1.0, 60, false) - 59.9).abs() < 0.2, "{}", egfr(1.0, 60, false));
        assert!(egfr(1.0, 60, true) < egfr(1.0, 60, false));
    }
}
