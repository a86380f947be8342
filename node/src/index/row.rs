//! What one clinical resource shows in a list: category, time, title, value, codes; and its compact form.

use azalea_core::wire::{Limit, Reader, Wire, WireError, Writer};

use super::date::CareTime;

const FORMAT: u8 = 1;
/// Bytes of one text in a row; longer texts are cut, the record itself is not.
const TEXT: Limit = Limit { name: "row_text_bytes_max", max: 4_096 };
const CODES: Limit = Limit { name: "row_codes_max", max: 32 };

/// Where a row is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// アレルギー
    Allergy,
    /// 病名
    Problem,
    /// 処方, 注射, 調剤
    Medication,
    /// 検体検査
    Lab,
    /// 診療(入退院)
    Encounter,
    /// 文書
    Document,
    /// 処置・手術
    Procedure,
    /// 予防接種
    Immunization,
    /// バイタル
    Vital,
    /// 画像
    Imaging,
    /// Anything else.
    Other,
}

impl Category {
    /// All of them, in the order of the patient page.
    pub const ALL: [Self; 11] = [
        Self::Allergy,
        Self::Problem,
        Self::Medication,
        Self::Lab,
        Self::Encounter,
        Self::Document,
        Self::Procedure,
        Self::Immunization,
        Self::Vital,
        Self::Imaging,
        Self::Other,
    ];

    /// A short name for addresses and rows; stable.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Allergy => "allergy",
            Self::Problem => "problem",
            Self::Medication => "medication",
            Self::Lab => "lab",
            Self::Encounter => "encounter",
            Self::Document => "document",
            Self::Procedure => "procedure",
            Self::Immunization => "immunization",
            Self::Vital => "vital",
            Self::Imaging => "imaging",
            Self::Other => "other",
        }
    }

    /// The category of a short name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.slug() == slug)
    }
}

/// How a value stands to its reference range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// H
    High,
    /// L
    Low,
    /// HH
    VeryHigh,
    /// LL
    VeryLow,
    /// Stated as abnormal without a direction.
    Abnormal,
}

/// Whether a row still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Valid, current, active.
    Current,
    /// Over: resolved, stopped, finished, inactive.
    Past,
    /// Not yet final: preliminary, planned, draft.
    Pending,
    /// Corrected since it was first final.
    Corrected,
    /// Entered in error or replaced by another record; never to be acted on.
    Void,
}

/// A coding system that people here look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// JLAC10 laboratory items.
    Jlac10,
    /// YJ drug codes.
    Yj,
    /// HOT drug codes (7, 9 or 13 digits).
    Hot,
    /// ICD-10.
    Icd10,
    /// MEDIS standard disease names.
    Disease,
    /// LOINC.
    Loinc,
    /// RxNorm.
    RxNorm,
    /// SNOMED CT.
    Snomed,
}

impl CodeKind {
    const ALL: [Self; 8] = [
        Self::Jlac10,
        Self::Yj,
        Self::Hot,
        Self::Icd10,
        Self::Disease,
        Self::Loinc,
        Self::RxNorm,
        Self::Snomed,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jlac10 => "JLAC10",
            Self::Yj => "YJ",
            Self::Hot => "HOT",
            Self::Icd10 => "ICD-10",
            Self::Disease => "MEDIS",
            Self::Loinc => "LOINC",
            Self::RxNorm => "RxNorm",
            Self::Snomed => "SNOMED",
        }
    }

    /// The kind of a FHIR code system.
    pub fn of_system(system: &str) -> Option<Self> {
        Some(match system {
            "urn:oid:1.2.392.200119.4.504" => Self::Jlac10,
            "urn:oid:1.2.392.100495.20.1.73" => Self::Yj,
            "urn:oid:1.2.392.200119.4.402.1"
            | "urn:oid:1.2.392.200119.4.403.1"
            | "urn:oid:1.2.392.200119.4.403.2" => Self::Hot,
            "http://hl7.org/fhir/sid/icd-10" | "urn:oid:2.16.840.1.113883.6.3" => Self::Icd10,
            "urn:oid:1.2.392.200119.4.101.6" => Self::Disease,
            "http://loinc.org" => Self::Loinc,
            "http://www.nlm.nih.gov/research/umls/rxnorm" => Self::RxNorm,
            "http://snomed.info/sct" => Self::Snomed,
            _ => return icd10_of_medis(system),
        })
    }
}

fn icd10_of_medis(system: &str) -> Option<CodeKind> {
    (system.starts_with("http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10"))
        .then_some(CodeKind::Icd10)
}

/// A code with its system.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The system.
    pub kind: CodeKind,
    /// The code as written.
    pub code: String,
}

/// A result: what was measured, in what unit, against which range. Numbers are kept as written.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Value {
    /// What to print: the number as written, or words.
    pub text: String,
    /// Whether `text` is a number that can be drawn.
    pub numeric: bool,
    /// The unit as written.
    pub unit: String,
    /// The lower end of the reference range, as written.
    pub low: String,
    /// The upper end of the reference range, as written.
    pub high: String,
    /// The range in words, where it is not two numbers.
    pub range: String,
    /// How the value stands to the range, as the laboratory says, or by its numbers.
    pub flag: Option<Flag>,
}

/// One line of a timeline. Prints its category only: it is patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct TimelineRow {
    /// Where it is listed.
    pub category: Category,
    /// The FHIR type.
    pub kind: String,
    /// When it happened; `None` where the record does not say.
    pub at: Option<CareTime>,
    /// When it ended: discharge, end of supply.
    pub until: Option<CareTime>,
    /// What it is, in Japanese where the record has it.
    pub title: String,
    /// A second line: directions, severity, reaction, ward.
    pub detail: String,
    /// The result, for tests and vitals.
    pub value: Option<Value>,
    /// Whether it still counts.
    pub standing: Standing,
    /// The status as the record writes it.
    pub status: String,
    /// Codes that people look for.
    pub codes: Vec<Code>,
    /// Who did it, where the record names them.
    pub performer: String,
    /// Whether it stands inside a document rather than by itself.
    pub inside_document: bool,
}

impl TimelineRow {
    /// An empty row of a type.
    pub fn new(category: Category, kind: &str) -> Self {
        Self {
            category,
            kind: kind.to_owned(),
            at: None,
            until: None,
            title: String::new(),
            detail: String::new(),
            value: None,
            standing: Standing::Current,
            status: String::new(),
            codes: Vec::new(),
            performer: String::new(),
            inside_document: false,
        }
    }

    /// Groups results of one test across hospitals: the JLAC10 analyte and material where there is one, else the
    /// title; and the unit, since numbers in two units do not belong in one row.
    pub fn series_key(&self) -> String {
        let unit = self.value.as_ref().map_or("", |value| value.unit.as_str());
        let jlac10 = self.codes.iter().find(|code| code.kind == CodeKind::Jlac10);
        // Analyte (5), identification (4), material (3); method and result form differ between hospitals.
        match jlac10.and_then(|code| code.code.get(..12)) {
            Some(stem) => format!("jlac10:{stem}:{unit}"),
            None => format!("title:{}:{unit}", super::fold::fold(&self.title)),
        }
    }
}

impl std::fmt::Debug for TimelineRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TimelineRow({:?}, {} bytes of title)", self.category, self.title.len())
    }
}

impl Wire for TimelineRow {
    fn write(&self, writer: &mut Writer) {
        writer.u8(FORMAT);
        writer.u8(position(&Category::ALL, &self.category));
        writer.u8(position(&STANDINGS, &self.standing));
        writer.bool(self.inside_document);
        writer.option(&self.at);
        writer.option(&self.until);
        for text in [&self.kind, &self.title, &self.detail, &self.status, &self.performer] {
            writer.text(cut(text));
        }
        writer.option(&self.value);
        let codes = &self.codes[..self.codes.len().min(CODES.max)];
        writer.list(codes);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let found = reader.u8("row format")?;
        if found != FORMAT {
            return Err(WireError::Version { field: "timeline row", found, known: FORMAT });
        }
        let category = pick(&Category::ALL, reader.u8("category")?, "category")?;
        let standing = pick(&STANDINGS, reader.u8("standing")?, "standing")?;
        let inside_document = reader.bool("inside document")?;
        let (at, until) = (reader.option("at")?, reader.option("until")?);
        let mut text = || reader.text(TEXT).map(str::to_owned);
        let (kind, title, detail) = (text()?, text()?, text()?);
        let (status, performer) = (text()?, text()?);
        let value = reader.option("value")?;
        let codes = reader.list(CODES)?;
        Ok(Self {
            category,
            kind,
            at,
            until,
            title,
            detail,
            value,
            standing,
            status,
            codes,
            performer,
            inside_document,
        })
    }
}

impl Wire for Value {
    fn write(&self, writer: &mut Writer) {
        for text in [&self.text, &self.unit, &self.low, &self.high, &self.range] {
            writer.text(cut(text));
        }
        writer.bool(self.numeric);
        writer.u8(self.flag.map_or(0, |flag| position(&FLAGS, &flag) + 1));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut field = || reader.text(TEXT).map(str::to_owned);
        let (text, unit, low, high, range) = (field()?, field()?, field()?, field()?, field()?);
        let numeric = reader.bool("numeric")?;
        let flag = match reader.u8("flag")? {
            0 => None,
            number => Some(pick(&FLAGS, number - 1, "flag")?),
        };
        Ok(Self { text, numeric, unit, low, high, range, flag })
    }
}

impl Wire for Code {
    fn write(&self, writer: &mut Writer) {
        writer.u8(position(&CodeKind::ALL, &self.kind));
        writer.text(cut(&self.code));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = pick(&CodeKind::ALL, reader.u8("code kind")?, "code kind")?;
        Ok(Self { kind, code: reader.text(TEXT)?.to_owned() })
    }
}

const STANDINGS: [Standing; 5] =
    [Standing::Current, Standing::Past, Standing::Pending, Standing::Corrected, Standing::Void];
const FLAGS: [Flag; 5] = [Flag::High, Flag::Low, Flag::VeryHigh, Flag::VeryLow, Flag::Abnormal];

fn position<T: PartialEq>(all: &[T], item: &T) -> u8 {
    let at = all.iter().position(|known| known == item).unwrap_or_default();
    u8::try_from(at).expect("these lists are a handful long")
}

fn pick<T: Copy>(all: &[T], at: u8, field: &'static str) -> Result<T, WireError> {
    all.get(usize::from(at)).copied().ok_or(WireError::Invalid { field })
}

/// The text up to the limit of a row, at a character boundary.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT.max)]
}
