//! What is prescribed: names with YJ and HOT9 codes where both were checked against the published
//! masters, YJ alone where only that was, and otherwise the hospital's own code only.

/// A drug of the hospital's formulary.
#[derive(Debug)]
pub(crate) struct Drug {
    pub(crate) name: &'static str,
    /// Code of the hospital's own master.
    pub(crate) local: &'static str,
    pub(crate) yj: Option<&'static str>,
    pub(crate) hot9: Option<&'static str>,
    pub(crate) form: Form,
    pub(crate) usage: Usage,
    /// Units per dose.
    pub(crate) dose: u32,
}

/// The unit in which a drug is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Tablet,
    Patch,
    Suppository,
}

impl Form {
    /// Code and name of the unit in MERIT-9.
    pub(crate) fn unit(self) -> (&'static str, &'static str) {
        match self {
            Self::Tablet => ("TAB", "錠"),
            Self::Patch => ("MAI", "枚"),
            Self::Suppository => ("KO", "個"),
        }
    }
}

/// When a drug is taken: the standard directions of the JAMI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Morning,
    Evening,
    MorningEvening,
    EachMeal,
    Bedtime,
    OnFever,
    OnSleeplessness,
    OncePasted,
    OnConstipation,
}

impl Usage {
    pub(crate) fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Morning => "1011040000000000",
            Self::Evening => "1011000400000000",
            Self::MorningEvening => "1012040400000000",
            Self::EachMeal => "1013044400000000",
            Self::Bedtime => "1011100000000000",
            Self::OnFever => "1050710000000000",
            Self::OnSleeplessness => "1050610000000000",
            Self::OnConstipation => "2R50410000000000",
            Self::OncePasted => return None,
        })
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Morning => "１日１回　朝食後",
            Self::Evening => "１日１回　夕食後",
            Self::MorningEvening => "１日２回　朝夕食後",
            Self::EachMeal => "１日３回　毎食後",
            Self::Bedtime => "１日１回　就寝前",
            Self::OnFever => "発熱時　頓用",
            Self::OnSleeplessness => "不眠時　頓用",
            Self::OncePasted => "１日１回　貼付",
            Self::OnConstipation => "便秘時　肛門挿入",
        }
    }

    pub(crate) fn times_a_day(self) -> u32 {
        match self {
            Self::MorningEvening => 2,
            Self::EachMeal => 3,
            _ => 1,
        }
    }

    pub(crate) fn as_needed(self) -> bool {
        matches!(self, Self::OnFever | Self::OnSleeplessness | Self::OnConstipation)
    }

    pub(crate) fn external(self) -> bool {
        matches!(self, Self::OncePasted | Self::OnConstipation)
    }
}

macro_rules! drugs {
    ($($ident:ident: $name:literal, $local:literal, $yj:expr, $hot:expr, $form:ident, $usage:ident, $dose:literal;)*) => {
        $(pub(crate) const $ident: &Drug = &Drug {
            name: $name, local: $local, yj: $yj, hot9: $hot,
            form: Form::$form, usage: Usage::$usage, dose: $dose,
        };)*
        #[cfg(test)]
        const ALL: &[&Drug] = &[$($ident),*];
    };
}

#[rustfmt::skip]
drugs! {
    AMLODIPINE_LOW: "ノルバスク錠２．５ｍｇ", "D0101", Some("2171022F1029"), Some("103297002"), Tablet, Morning, 1;
    AMLODIPINE: "ノルバスク錠５ｍｇ", "D0102", Some("2171022F2025"), Some("103299402"), Tablet, Morning, 1;
    BENIDIPINE: "コニール錠４", "D0103", Some("2171021F2020"), Some("103295601"), Tablet, Morning, 1;
    CANDESARTAN: "ブロプレス錠２", "D0104", Some("2149040F1026"), None, Tablet, Morning, 2;
    CARVEDILOL: "アーチスト錠１０ｍｇ", "D0105", Some("2149032F1021"), None, Tablet, MorningEvening, 1;
    BISOPROLOL: "メインテート錠５ｍｇ", "D0106", Some("2123016F1107"), None, Tablet, Morning, 1;
    NITRATE: "アイトロール錠２０ｍｇ", "D0107", Some("2171023F2020"), Some("103302102"), Tablet, MorningEvening, 1;
    NITRATE_TAPE: "フランドルテープ４０ｍｇ", "D0108", Some("2171700S1095"), Some("103341002"), Patch, OncePasted, 1;
    PRAVASTATIN_LOW: "メバロチン錠５", "D0201", Some("2189010F1039"), Some("103464601"), Tablet, Evening, 1;
    PRAVASTATIN: "メバロチン錠１０", "D0202", Some("2189010F2027"), Some("103465301"), Tablet, Evening, 1;
    METFORMIN: "メトグルコ錠２５０ｍｇ", "D0301", Some("3962002F2027"), None, Tablet, EachMeal, 1;
    SITAGLIPTIN: "ジャヌビア錠５０ｍｇ", "D0302", Some("3969010F2030"), None, Tablet, Morning, 1;
    DAPAGLIFLOZIN: "フォシーガ錠５ｍｇ", "D0303", Some("3969019F1027"), None, Tablet, Morning, 1;
    PIOGLITAZONE: "アクトス錠１５", "D0304", Some("3969007F1024"), Some("108756701"), Tablet, Morning, 1;
    ALLOPURINOL: "ザイロリック錠１００", "D0305", Some("3943001F1314"), Some("108567902"), Tablet, Morning, 1;
    PHOSPHATE_BINDER: "カルタン錠５００", "D0306", Some("2190024F1023"), Some("103607704"), Tablet, EachMeal, 2;
    WARFARIN: "ワルファリンＫ錠１ｍｇ「トーワ」", "D0401", Some("3332001F1083"), Some("108115210"), Tablet, Morning, 2;
    APIXABAN: "エリキュース錠２．５ｍｇ", "D0402", Some("3339004F1029"), None, Tablet, MorningEvening, 1;
    ASPIRIN: "バイアスピリン錠１００ｍｇ", "D0403", Some("3399007H1021"), None, Tablet, Morning, 1;
    IFENPRODIL: "セロクラール錠２０ｍｇ", "D0404", Some("2190005F2051"), Some("103525402"), Tablet, EachMeal, 1;
    FUROSEMIDE: "フロセミド錠２０ｍｇ", "D0109", None, None, Tablet, Morning, 1;
    SPIRONOLACTONE: "スピロノラクトン錠２５ｍｇ", "D0110", None, None, Tablet, Morning, 1;
    DONEPEZIL: "ドネペジル塩酸塩ＯＤ錠５ｍｇ", "D0501", None, None, Tablet, Morning, 1;
    SLEEP: "デエビゴ錠２．５ｍｇ", "D0502", Some("1190027F1022"), None, Tablet, Bedtime, 1;
    SLEEP_AS_NEEDED: "デエビゴ錠２．５ｍｇ", "D0502", Some("1190027F1022"), None, Tablet, OnSleeplessness, 1;
    LOXOPROFEN: "ロキソニン錠６０ｍｇ", "D0503", Some("1149019F1560"), None, Tablet, EachMeal, 1;
    ACETAMINOPHEN: "カロナール錠５００", "D0504", Some("1141007F3023"), Some("123812902"), Tablet, OnFever, 1;
    CARBOCISTEINE: "カルボシステイン錠２５０ｍｇ「サワイ」", "D0601", Some("2233002F1280"), Some("103831601"), Tablet, EachMeal, 2;
    PREDNISOLONE: "プレドニン錠５ｍｇ", "D0602", Some("2456001F1310"), Some("105271807"), Tablet, Morning, 2;
    ANTIHISTAMINE: "ポララミン錠２ｍｇ", "D0603", Some("4419002F1027"), Some("109355103"), Tablet, EachMeal, 1;
    ANTIBIOTIC: "アモキシシリン錠２５０ｍｇ", "D0604", None, None, Tablet, EachMeal, 1;
    PPI: "ランソプラゾールＯＤ錠１５ｍｇ", "D0701", None, None, Tablet, Morning, 1;
    MAGNESIUM: "酸化マグネシウム錠３３０ｍｇ「ヨシダ」", "D0702", Some("2344009F2090"), Some("104770702"), Tablet, EachMeal, 1;
    SENNOSIDE: "センノシド錠１２ｍｇ「サワイ」", "D0703", Some("2354003F2367"), Some("104806301"), Tablet, Bedtime, 1;
    PROBIOTIC: "ミヤＢＭ錠", "D0704", Some("2316009F1022"), Some("104195801"), Tablet, EachMeal, 1;
    LAXATIVE: "新レシカルボン坐剤", "D0705", Some("2359800J1035"), Some("104937401"), Suppository, OnConstipation, 1;
    CALCIUM: "デノタスチュアブル配合錠", "D0801", Some("3219100F1020"), None, Tablet, Morning, 2;
    IRON: "クエン酸第一鉄ナトリウム錠５０ｍｇ", "D0802", None, None, Tablet, MorningEvening, 1;
    UROLOGICAL: "タムスロシン塩酸塩ＯＤ錠０．２ｍｇ", "D0901", None, None, Tablet, Morning, 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_shape() {
        for drug in ALL {
            assert!(drug.yj.is_none_or(|code| code.len() == 12), "{}", drug.name);
            assert!(
                drug.hot9.is_none_or(|code| code.len() == 9 && code.starts_with('1')),
                "{}",
                drug.name
            );
            assert!(drug.hot9.is_none() || drug.yj.is_some(), "{}", drug.name);
            assert!(drug.usage.code().is_none_or(|code| code.len() == 16), "{}", drug.name);
        }
    }
}
