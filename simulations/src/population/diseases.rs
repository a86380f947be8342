//! What people suffer from: how common it is by age, what it does to the laboratory values, what is given
//! for it, and how it gets worse.

use super::drugs::{self, Drug};
use super::hospitals::Department;
use super::labs::{self, Lab, Panel};

/// A long illness.
pub(crate) struct Disease {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    /// ICD-10 (2013), written without the dot.
    pub(crate) icd: &'static str,
    pub(crate) icd_name: &'static str,
    pub(crate) department: Department,
    /// Of a hundred patients aged under 40, 40–64, 65–79, 80 and above.
    pub(crate) common: [u32; 4],
    /// How much more often men have it than women (per cent of the rate).
    pub(crate) men: u32,
    pub(crate) women: u32,
    pub(crate) panels: &'static [&'static Panel],
    /// What it adds to a value at severity one.
    pub(crate) shifts: &'static [(Lab, f64)],
    /// Given from the start, from severity 0.5, and from severity 1.
    pub(crate) first: &'static [&'static Drug],
    pub(crate) second: &'static [&'static Drug],
    pub(crate) third: &'static [&'static Drug],
    /// Severity when it is found and how much it grows in a year.
    pub(crate) start: f64,
    pub(crate) pace: f64,
    pub(crate) crisis: Option<&'static Episode>,
    /// What the doctor writes about it.
    pub(crate) story: &'static str,
}

/// A stay in hospital.
pub(crate) struct Episode {
    pub(crate) name: &'static str,
    pub(crate) icd: &'static str,
    pub(crate) icd_name: &'static str,
    pub(crate) department: Department,
    /// Stays per year at severity one.
    pub(crate) rate: f64,
    pub(crate) days: (i64, i64),
    pub(crate) panels: &'static [&'static Panel],
    pub(crate) shifts: &'static [(Lab, f64)],
    pub(crate) procedure: Option<&'static str>,
    pub(crate) imaging: Option<(&'static str, &'static str)>,
    pub(crate) drugs: &'static [&'static Drug],
    pub(crate) complaint: &'static str,
    pub(crate) course: &'static str,
}

const PNEUMONIA: Episode = Episode {
    name: "肺炎",
    icd: "J189",
    icd_name: "肺炎，詳細不明",
    department: Department::Respiratory,
    rate: 0.25,
    days: (8, 18),
    panels: &[&labs::CBC, &labs::INFLAMMATION, &labs::RENAL, &labs::LIVER],
    shifts: &[
        (Lab::Crp, 11.0),
        (Lab::Wbc, 7.5),
        (Lab::Alb, -0.6),
        (Lab::Na, -3.0),
        (Lab::Bun, 6.0),
    ],
    procedure: None,
    imaging: Some(("胸部単純Ｘ線", "右下肺野に浸潤影を認める。胸水なし。")),
    drugs: &[drugs::ANTIBIOTIC, drugs::PROBIOTIC, drugs::CARBOCISTEINE, drugs::ACETAMINOPHEN],
    complaint: "発熱、咳嗽、食欲低下",
    course: "抗菌薬の点滴を開始し、第３病日に解熱した。酸素投与は第５病日に終了した。",
};

const HEART_FAILURE_CRISIS: Episode = Episode {
    name: "慢性心不全の急性増悪",
    icd: "I500",
    icd_name: "うっ血性心不全",
    department: Department::Cardiology,
    rate: 0.35,
    days: (10, 22),
    panels: &[&labs::HEART, &labs::CBC, &labs::RENAL, &labs::LIVER],
    shifts: &[(Lab::Bnp, 620.0), (Lab::Na, -3.0), (Lab::Cre, 0.35), (Lab::TBil, 0.5)],
    procedure: None,
    imaging: Some(("胸部単純Ｘ線", "心拡大（心胸郭比６１％）、両側胸水、肺うっ血を認める。")),
    drugs: &[drugs::FUROSEMIDE, drugs::SPIRONOLACTONE],
    complaint: "労作時息切れ、下腿浮腫、体重増加",
    course: "利尿薬の静注で体重は４ｋｇ減少し、息切れは消失した。塩分制限と毎日の体重測定を指導した。",
};

const HIP_FRACTURE: Episode = Episode {
    name: "大腿骨頚部骨折",
    icd: "S7200",
    icd_name: "大腿骨頚部骨折，閉鎖性",
    department: Department::Orthopedics,
    rate: 0.06,
    days: (18, 35),
    panels: &[&labs::CBC, &labs::RENAL, &labs::INFLAMMATION, &labs::CLOTTING],
    shifts: &[(Lab::Hb, -2.4), (Lab::Crp, 5.0), (Lab::Alb, -0.5), (Lab::Ck, 180.0)],
    procedure: Some("人工骨頭挿入術（股）"),
    imaging: Some(("股関節単純Ｘ線", "大腿骨頚部に転位を伴う骨折を認める。")),
    drugs: &[drugs::LOXOPROFEN, drugs::PPI],
    complaint: "転倒後の股関節痛、歩行不能",
    course: "手術を施行し、翌日より離床した。歩行器での歩行が可能となり、自宅改修の上で退院とした。",
};

const STROKE: Episode = Episode {
    name: "脳梗塞",
    icd: "I639",
    icd_name: "脳梗塞，詳細不明",
    department: Department::Neurosurgery,
    rate: 0.05,
    days: (14, 30),
    panels: &[&labs::CBC, &labs::CLOTTING, &labs::RENAL, &labs::LIPID],
    shifts: &[(Lab::Glucose, 25.0), (Lab::Crp, 0.6)],
    procedure: None,
    imaging: Some(("頭部ＭＲＩ", "左基底核に拡散強調像で高信号域を認め、急性期梗塞と考える。")),
    drugs: &[drugs::ASPIRIN, drugs::IFENPRODIL],
    complaint: "右上下肢の脱力、構音障害",
    course: "抗血小板療法とリハビリテーションを行い、右上肢の軽度の麻痺を残して杖歩行で退院した。",
};

const SUGAR_CRISIS: Episode = Episode {
    name: "２型糖尿病の血糖コントロール目的",
    icd: "E119",
    icd_name: "２型＜インスリン非依存性＞糖尿病＜ＮＩＤＤＭ＞，合併症を伴わないもの",
    department: Department::Medicine,
    rate: 0.10,
    days: (9, 14),
    panels: &[&labs::SUGAR, &labs::RENAL, &labs::LIPID, &labs::URINE],
    shifts: &[(Lab::Glucose, 110.0), (Lab::HbA1c, 1.1)],
    procedure: None,
    imaging: Some(("腹部超音波", "軽度の脂肪肝を認める。膵に異常を指摘できない。")),
    drugs: &[drugs::DAPAGLIFLOZIN],
    complaint: "口渇、多尿",
    course: "食事療法と薬剤の調整で血糖は改善した。低血糖時の対処、足の手入れについて指導した。",
};

const ULCER_BLEEDING: Episode = Episode {
    name: "出血性胃潰瘍",
    icd: "K254",
    icd_name: "胃潰瘍，慢性又は詳細不明，出血を伴うもの",
    department: Department::Gastroenterology,
    rate: 0.12,
    days: (7, 12),
    panels: &[&labs::CBC, &labs::RENAL, &labs::CLOTTING],
    shifts: &[(Lab::Hb, -4.2), (Lab::Rbc, -120.0), (Lab::Ht, -12.0), (Lab::Bun, 22.0)],
    procedure: Some("内視鏡的消化管止血術"),
    imaging: Some(("上部消化管内視鏡", "胃角に露出血管を伴う潰瘍を認め、止血した。")),
    drugs: &[drugs::PPI, drugs::IRON],
    complaint: "黒色便、ふらつき",
    course: "内視鏡的に止血し、絶食の後に食事を再開した。再出血はなく、貧血は改善傾向である。",
};

const CHEMOTHERAPY: Episode = Episode {
    name: "大腸癌に対する化学療法",
    icd: "C189",
    icd_name: "結腸の悪性新生物＜腫瘍＞，結腸，部位不明",
    department: Department::Surgery,
    rate: 1.6,
    days: (3, 6),
    panels: &[&labs::CBC, &labs::LIVER, &labs::RENAL],
    shifts: &[(Lab::Wbc, -1.8), (Lab::Plt, -5.0), (Lab::Alb, -0.3)],
    procedure: Some("外来・入院化学療法"),
    imaging: Some(("胸腹部造影ＣＴ", "既知の肝転移巣は前回と比べ著変なし。新たな病変を認めない。")),
    drugs: &[drugs::PPI],
    complaint: "予定入院",
    course: "予定どおり投与し、重い有害事象なく退院した。",
};

const SPINE_FRACTURE: Episode = Episode {
    name: "腰椎圧迫骨折",
    icd: "S3200",
    icd_name: "腰椎骨折，閉鎖性",
    department: Department::Orthopedics,
    rate: 0.08,
    days: (14, 28),
    panels: &[&labs::CBC, &labs::BONE],
    shifts: &[(Lab::Crp, 1.2)],
    procedure: None,
    imaging: Some(("腰椎ＭＲＩ", "第１腰椎に新鮮な圧迫骨折を認める。")),
    drugs: &[drugs::ACETAMINOPHEN, drugs::CALCIUM],
    complaint: "尻もちの後の腰痛",
    course: "コルセットを作製し、疼痛の軽減に合わせて離床した。",
};

#[rustfmt::skip]
pub(crate) const DISEASES: &[Disease] = &[
    Disease { key: "hypertension", name: "高血圧症", icd: "I10", icd_name: "本態性（原発性＜一次性＞）高血圧（症）", department: Department::Medicine, common: [4, 34, 62, 72], men: 105, women: 95, panels: &[&labs::RENAL], shifts: &[(Lab::Cre, 0.06)], first: &[drugs::AMLODIPINE_LOW], second: &[drugs::AMLODIPINE, drugs::CANDESARTAN], third: &[drugs::BENIDIPINE, drugs::CANDESARTAN], start: 0.25, pace: 0.06, crisis: Some(&STROKE), story: "家庭血圧を毎朝測定している。" },
    Disease { key: "diabetes", name: "２型糖尿病", icd: "E119", icd_name: "２型＜インスリン非依存性＞糖尿病＜ＮＩＤＤＭ＞，合併症を伴わないもの", department: Department::Medicine, common: [3, 18, 30, 29], men: 118, women: 82, panels: &[&labs::SUGAR, &labs::URINE, &labs::LIPID], shifts: &[(Lab::HbA1c, 2.2), (Lab::Glucose, 78.0), (Lab::Tg, 55.0), (Lab::UrineAlbumin, 95.0), (Lab::Cre, 0.16)], first: &[drugs::METFORMIN], second: &[drugs::METFORMIN, drugs::SITAGLIPTIN], third: &[drugs::METFORMIN, drugs::SITAGLIPTIN, drugs::DAPAGLIFLOZIN, drugs::PIOGLITAZONE], start: 0.35, pace: 0.08, crisis: Some(&SUGAR_CRISIS), story: "間食が増えている。足の観察を続ける。" },
    Disease { key: "lipids", name: "脂質異常症", icd: "E785", icd_name: "高脂血症，詳細不明", department: Department::Medicine, common: [3, 24, 38, 30], men: 90, women: 110, panels: &[&labs::LIPID, &labs::LIVER], shifts: &[(Lab::LdlC, 62.0), (Lab::Tg, 70.0), (Lab::HdlC, -6.0)], first: &[drugs::PRAVASTATIN_LOW], second: &[drugs::PRAVASTATIN], third: &[drugs::PRAVASTATIN], start: 0.45, pace: 0.02, crisis: None, story: "食事と運動について相談した。" },
    Disease { key: "kidney", name: "慢性腎臓病", icd: "N189", icd_name: "慢性腎臓病，詳細不明", department: Department::Medicine, common: [1, 7, 20, 34], men: 110, women: 90, panels: &[&labs::RENAL, &labs::CBC, &labs::URINE, &labs::BONE], shifts: &[(Lab::Cre, 1.45), (Lab::Bun, 24.0), (Lab::K, 0.7), (Lab::Hb, -2.6), (Lab::Rbc, -80.0), (Lab::Ht, -7.5), (Lab::Ua, 2.0), (Lab::Ca, -0.5), (Lab::UrineAlbumin, 320.0)], first: &[drugs::CANDESARTAN], second: &[drugs::CANDESARTAN, drugs::ALLOPURINOL], third: &[drugs::ALLOPURINOL, drugs::PHOSPHATE_BINDER, drugs::FUROSEMIDE], start: 0.25, pace: 0.11, crisis: None, story: "減塩を続けている。腎機能の推移に注意する。" },
    Disease { key: "heart-failure", name: "慢性心不全", icd: "I500", icd_name: "うっ血性心不全", department: Department::Cardiology, common: [0, 4, 13, 28], men: 100, women: 100, panels: &[&labs::HEART, &labs::RENAL, &labs::CBC], shifts: &[(Lab::Bnp, 290.0), (Lab::Na, -2.5), (Lab::Cre, 0.25), (Lab::Ua, 1.0)], first: &[drugs::CARVEDILOL], second: &[drugs::CARVEDILOL, drugs::FUROSEMIDE], third: &[drugs::CARVEDILOL, drugs::FUROSEMIDE, drugs::SPIRONOLACTONE, drugs::DAPAGLIFLOZIN], start: 0.35, pace: 0.11, crisis: Some(&HEART_FAILURE_CRISIS), story: "体重の増加と下腿浮腫の有無を確認した。" },
    Disease { key: "atrial-fibrillation", name: "心房細動", icd: "I489", icd_name: "心房細動及び心房粗動，詳細不明", department: Department::Cardiology, common: [0, 4, 12, 20], men: 125, women: 75, panels: &[&labs::CLOTTING, &labs::CBC], shifts: &[(Lab::Bnp, 70.0), (Lab::PtInr, 1.1)], first: &[drugs::WARFARIN, drugs::BISOPROLOL], second: &[drugs::WARFARIN, drugs::BISOPROLOL], third: &[drugs::APIXABAN, drugs::BISOPROLOL], start: 0.8, pace: 0.02, crisis: Some(&STROKE), story: "納豆を控えている。出血の傾向はない。" },
    Disease { key: "angina", name: "狭心症", icd: "I209", icd_name: "狭心症，詳細不明", department: Department::Cardiology, common: [0, 5, 14, 18], men: 130, women: 70, panels: &[&labs::HEART, &labs::LIPID], shifts: &[(Lab::Bnp, 22.0)], first: &[drugs::ASPIRIN, drugs::NITRATE], second: &[drugs::ASPIRIN, drugs::NITRATE], third: &[drugs::ASPIRIN, drugs::NITRATE_TAPE], start: 0.4, pace: 0.05, crisis: None, story: "胸痛の発作はない。" },
    Disease { key: "copd", name: "慢性閉塞性肺疾患", icd: "J449", icd_name: "慢性閉塞性肺疾患，詳細不明", department: Department::Respiratory, common: [0, 4, 11, 16], men: 165, women: 35, panels: &[&labs::CBC, &labs::INFLAMMATION], shifts: &[(Lab::Crp, 0.2), (Lab::Wbc, 0.8)], first: &[drugs::CARBOCISTEINE], second: &[drugs::CARBOCISTEINE], third: &[drugs::CARBOCISTEINE, drugs::PREDNISOLONE], start: 0.35, pace: 0.09, crisis: Some(&PNEUMONIA), story: "禁煙を続けている。吸入手技を確認した。" },
    Disease { key: "dementia", name: "アルツハイマー型認知症", icd: "G309", icd_name: "アルツハイマー＜Ａｌｚｈｅｉｍｅｒ＞病，詳細不明", department: Department::Neurology, common: [0, 1, 8, 34], men: 80, women: 120, panels: &[&labs::CBC], shifts: &[(Lab::Alb, -0.3)], first: &[drugs::DONEPEZIL], second: &[drugs::DONEPEZIL, drugs::SLEEP], third: &[drugs::DONEPEZIL, drugs::SLEEP, drugs::MAGNESIUM], start: 0.3, pace: 0.14, crisis: Some(&PNEUMONIA), story: "家族より、服薬の飲み忘れが増えたとのこと。" },
    Disease { key: "osteoporosis", name: "骨粗鬆症", icd: "M8199", icd_name: "骨粗しょう＜鬆＞症，詳細不明，部位不明", department: Department::Orthopedics, common: [0, 5, 24, 44], men: 35, women: 165, panels: &[&labs::BONE], shifts: &[(Lab::Ca, -0.15)], first: &[drugs::CALCIUM], second: &[drugs::CALCIUM], third: &[drugs::CALCIUM], start: 0.5, pace: 0.06, crisis: Some(&HIP_FRACTURE), story: "転倒はない。骨密度は前年と同程度。" },
    Disease { key: "back-pain", name: "腰部脊柱管狭窄症", icd: "M4806", icd_name: "脊柱管狭窄（症），腰部", department: Department::Orthopedics, common: [1, 9, 22, 30], men: 100, women: 100, panels: &[], shifts: &[], first: &[drugs::LOXOPROFEN], second: &[drugs::LOXOPROFEN, drugs::PPI], third: &[drugs::LOXOPROFEN, drugs::PPI], start: 0.4, pace: 0.04, crisis: Some(&SPINE_FRACTURE), story: "歩行は５００ｍ程度で休みを要する。" },
    Disease { key: "stroke", name: "脳梗塞後遺症", icd: "I693", icd_name: "脳梗塞の続発・後遺症", department: Department::Neurosurgery, common: [0, 3, 10, 17], men: 115, women: 85, panels: &[&labs::LIPID, &labs::CBC], shifts: &[], first: &[drugs::ASPIRIN, drugs::IFENPRODIL], second: &[drugs::ASPIRIN, drugs::IFENPRODIL], third: &[drugs::ASPIRIN, drugs::IFENPRODIL], start: 0.6, pace: 0.04, crisis: Some(&PNEUMONIA), story: "右上肢の巧緻障害は不変。" },
    Disease { key: "gout", name: "高尿酸血症", icd: "E790", icd_name: "炎症性関節炎及び痛風結節を伴わない高尿酸血症", department: Department::Medicine, common: [1, 10, 12, 9], men: 170, women: 30, panels: &[&labs::RENAL], shifts: &[(Lab::Ua, 2.6)], first: &[drugs::ALLOPURINOL], second: &[drugs::ALLOPURINOL], third: &[drugs::ALLOPURINOL], start: 0.7, pace: 0.02, crisis: None, story: "関節の痛みはない。" },
    Disease { key: "colon-cancer", name: "大腸癌", icd: "C189", icd_name: "結腸の悪性新生物＜腫瘍＞，結腸，部位不明", department: Department::Surgery, common: [0, 2, 5, 6], men: 112, women: 88, panels: &[&labs::CBC, &labs::LIVER, &labs::INFLAMMATION], shifts: &[(Lab::Hb, -2.0), (Lab::Ht, -6.0), (Lab::Rbc, -50.0), (Lab::Alb, -0.6), (Lab::Crp, 0.9), (Lab::Ld, 60.0)], first: &[drugs::MAGNESIUM], second: &[drugs::MAGNESIUM, drugs::PPI], third: &[drugs::MAGNESIUM, drugs::PPI, drugs::PREDNISOLONE], start: 0.4, pace: 0.16, crisis: Some(&CHEMOTHERAPY), story: "食事は７割程度摂れている。" },
    Disease { key: "hepatitis", name: "Ｃ型慢性肝炎", icd: "B182", icd_name: "慢性Ｃ型ウイルス肝炎", department: Department::Gastroenterology, common: [0, 2, 5, 6], men: 110, women: 90, panels: &[&labs::LIVER, &labs::CBC], shifts: &[(Lab::Ast, 34.0), (Lab::Alt, 32.0), (Lab::Ggt, 40.0), (Lab::Plt, -8.0), (Lab::Alb, -0.5), (Lab::TBil, 0.5)], first: &[], second: &[], third: &[drugs::SPIRONOLACTONE], start: 0.5, pace: 0.07, crisis: None, story: "半年ごとの腹部超音波を予定する。" },
    Disease { key: "ulcer", name: "胃潰瘍", icd: "K259", icd_name: "胃潰瘍，急性又は慢性の別不明，出血又は穿孔を伴わないもの", department: Department::Gastroenterology, common: [2, 7, 10, 10], men: 120, women: 80, panels: &[&labs::CBC], shifts: &[(Lab::Hb, -1.0), (Lab::Ht, -3.0)], first: &[drugs::PPI], second: &[drugs::PPI], third: &[drugs::PPI, drugs::IRON], start: 0.4, pace: 0.03, crisis: Some(&ULCER_BLEEDING), story: "心窩部痛はない。" },
    Disease { key: "prostate", name: "前立腺肥大症", icd: "N40", icd_name: "前立腺肥大（症）", department: Department::Urology, common: [0, 6, 22, 30], men: 200, women: 0, panels: &[], shifts: &[], first: &[drugs::UROLOGICAL], second: &[drugs::UROLOGICAL], third: &[drugs::UROLOGICAL], start: 0.4, pace: 0.04, crisis: None, story: "夜間の排尿は２回。" },
    Disease { key: "constipation", name: "便秘症", icd: "K590", icd_name: "便秘", department: Department::Medicine, common: [2, 8, 22, 40], men: 85, women: 115, panels: &[], shifts: &[], first: &[drugs::MAGNESIUM], second: &[drugs::MAGNESIUM, drugs::SENNOSIDE], third: &[drugs::MAGNESIUM, drugs::SENNOSIDE, drugs::LAXATIVE], start: 0.3, pace: 0.05, crisis: None, story: "排便は２日に１回。" },
    Disease { key: "insomnia", name: "不眠症", icd: "G470", icd_name: "睡眠の導入及び維持の障害［不眠症］", department: Department::Medicine, common: [3, 10, 18, 24], men: 85, women: 115, panels: &[], shifts: &[], first: &[drugs::SLEEP_AS_NEEDED], second: &[drugs::SLEEP], third: &[drugs::SLEEP], start: 0.3, pace: 0.05, crisis: None, story: "中途覚醒があるが日中の眠気はない。" },
    Disease { key: "rhinitis", name: "アレルギー性鼻炎", icd: "J304", icd_name: "アレルギー性鼻炎＜鼻アレルギー＞，詳細不明", department: Department::Medicine, common: [26, 18, 9, 5], men: 100, women: 100, panels: &[], shifts: &[], first: &[drugs::ANTIHISTAMINE], second: &[drugs::ANTIHISTAMINE], third: &[drugs::ANTIHISTAMINE], start: 0.4, pace: 0.0, crisis: None, story: "鼻汁は春に強い。" },
    Disease { key: "asthma", name: "気管支喘息", icd: "J459", icd_name: "喘息，詳細不明", department: Department::Respiratory, common: [10, 7, 7, 6], men: 95, women: 105, panels: &[&labs::CBC], shifts: &[], first: &[drugs::CARBOCISTEINE], second: &[drugs::CARBOCISTEINE], third: &[drugs::CARBOCISTEINE, drugs::PREDNISOLONE], start: 0.3, pace: 0.02, crisis: None, story: "発作による受診はない。" },
];

/// The stay of somebody who had been well.
pub(crate) const PLAIN_EPISODES: &[&Episode] = &[&PNEUMONIA, &SPINE_FRACTURE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_icd_without_a_dot() {
        for disease in DISEASES {
            let (letter, digits) = disease.icd.split_at(1);
            assert!(letter.chars().all(|c| c.is_ascii_uppercase()), "{}", disease.key);
            assert!((2..=4).contains(&digits.len()), "{}", disease.key);
            assert!(digits.chars().all(|c| c.is_ascii_digit()), "{}", disease.key);
        }
    }
}
