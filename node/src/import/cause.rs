//! Why something was not taken, in words for people and a code for programs.
//!
//! A cause names limits, fields and places. It never repeats what the file says there.

use std::io::ErrorKind;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::json::{Expected, FaultKind, NESTING_MAX};

/// The screen's languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 日本語
    Japanese,
    /// English
    English,
}

/// Why a file or a resource was quarantined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The file has no bytes, or only white space.
    Empty,
    /// The file could not be read; the operating system's reason.
    Unreadable(ErrorKind),
    /// The file changed between two readings. Usual cause: it was still being written.
    Changed,
    /// The file is of another kind, recognised by its first bytes.
    Foreign(Foreign),
    /// Bytes that are not UTF-8. Usual cause: Shift_JIS.
    NotUtf8,
    /// The file ends inside a value. Usual cause: a copy that was interrupted.
    Truncated,
    /// Not JSON.
    NotJson(Syntax),
    /// Values within each other beyond the limit.
    TooDeep,
    /// A resource larger than the limit in bytes.
    TooLarge(usize),
    /// An object that repeats a key: what it means is open.
    RepeatedKey,
    /// No `resourceType`, or one that is not a string.
    NoResourceType,
    /// A `resourceType` that is no name of a type.
    BadResourceType,
    /// An `id` that is not a string.
    IdNotText,
    /// An empty `id`, one with control characters, or one longer than the limit in bytes.
    BadId(usize),
    /// A `fullUrl` that is not a string or longer than the limit in bytes.
    BadFullUrl(usize),
    /// More Bundles in one file than the limit.
    TooManyBundles(usize),
    /// `Bundle.type` is missing or unknown, so that it is open what its entries mean.
    BadBundleType,
    /// An element of `entry`, or its `resource`, that is not an object.
    BadEntry,
    /// An entry that asks for a deletion.
    Deletion,
    /// An entry that holds a patch instead of a resource.
    Patch,
    /// A reference to a patient that neither this file nor the records held can resolve; the field's name.
    PatientUnknown(String),
    /// A reference to an attachment as this program writes it in place of one: whose that is cannot be told from a file.
    AttachmentReference,
    /// A `history` Bundle larger than the limit in bytes: its entries have to be turned round.
    HistoryTooLarge(usize),
}

/// What a file is instead of FHIR JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// FHIR or other XML.
    Xml,
    /// A JSON Web Token, such as a SMART health card.
    Token,
    /// An HL7 v2 message.
    Hl7,
    /// A PDF document.
    Pdf,
    /// A DICOM object.
    Dicom,
    /// A compressed file or archive.
    Archive,
    /// Text in UTF-16.
    Utf16,
    /// A JSON value that is not an object.
    JsonArray,
    /// Nothing that is known here.
    Other,
}

/// How a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// A value should stand here.
    Value,
    /// A key in double quotes should stand here.
    Key,
    /// A colon should stand here.
    Colon,
    /// A comma or a closing brace should stand here.
    CommaOrBrace,
    /// A comma or a closing bracket should stand here.
    CommaOrBracket,
    /// A digit should stand here.
    Digit,
    /// An object should start here.
    Object,
    /// A string should stand here.
    Text,
    /// Nothing more should stand on this line.
    Nothing,
    /// A control character stands in a string.
    Control,
    /// A backslash is followed by something unknown.
    Escape,
}

impl Cause {
    /// The cause as a word for programs; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Unreadable(_) => "unreadable",
            Self::Changed => "changed",
            Self::Foreign(Foreign::Xml) => "xml",
            Self::Foreign(Foreign::Token) => "token",
            Self::Foreign(Foreign::Hl7) => "hl7-v2",
            Self::Foreign(Foreign::Pdf) => "pdf",
            Self::Foreign(Foreign::Dicom) => "dicom",
            Self::Foreign(Foreign::Archive) => "archive",
            Self::Foreign(Foreign::Utf16) => "utf-16",
            Self::Foreign(Foreign::JsonArray) => "not-an-object",
            Self::Foreign(Foreign::Other) => "unknown-format",
            Self::NotUtf8 => "not-utf-8",
            Self::Truncated => "truncated",
            Self::NotJson(_) => "not-json",
            Self::TooDeep => "too-deep",
            Self::TooLarge(_) => "too-large",
            Self::RepeatedKey => "repeated-key",
            Self::NoResourceType => "no-resource-type",
            Self::BadResourceType => "bad-resource-type",
            Self::IdNotText => "id-not-text",
            Self::BadId(_) => "bad-id",
            Self::BadFullUrl(_) => "bad-full-url",
            Self::TooManyBundles(_) => "too-many-bundles",
            Self::BadBundleType => "bad-bundle-type",
            Self::BadEntry => "bad-entry",
            Self::Deletion => "deletion",
            Self::Patch => "patch",
            Self::PatientUnknown(_) => "patient-unknown",
            Self::AttachmentReference => "attachment-reference",
            Self::HistoryTooLarge(_) => "history-too-large",
        }
    }

    /// The cause as a sentence, with what to do about it where something can be done.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Japanese => self.japanese(),
            Language::English => self.english(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Empty => "the file is empty".into(),
            Self::Unreadable(ErrorKind::InvalidInput) => {
                "not a file; put the file itself here".into()
            }
            Self::Unreadable(kind) => format!("the file cannot be read ({kind})"),
            Self::Changed => {
                "the file changed while it was read; put it here again once it is complete".into()
            }
            Self::Foreign(foreign) => foreign.english().into(),
            Self::NotUtf8 => "these bytes are not UTF-8; export as UTF-8".into(),
            Self::Truncated => "the file stops in the middle of a value; copy it again".into(),
            Self::NotJson(syntax) => format!("not JSON: {}", syntax.english()),
            Self::TooDeep => format!("more than {NESTING_MAX} values are nested"),
            Self::TooLarge(max) => format!("the resource is larger than {}", megabytes(*max)),
            Self::RepeatedKey => "an object has the same key twice, so its meaning is open".into(),
            Self::NoResourceType => "resourceType is missing or not a string".into(),
            Self::BadResourceType => "resourceType is not the name of a resource type".into(),
            Self::IdNotText => "id is not a string".into(),
            Self::BadId(max) => {
                format!("id is empty, has control characters or is longer than {max} bytes")
            }
            Self::BadFullUrl(max) => format!("fullUrl is not a string or longer than {max} bytes"),
            Self::TooManyBundles(max) => format!("more than {max} Bundles; export several files"),
            Self::BadBundleType => "Bundle.type is missing or unknown".into(),
            Self::BadEntry => "an entry or its resource is not an object".into(),
            Self::Deletion => "deletion by Bundle is not taken".into(),
            Self::Patch => "a patch is not taken; export the resource as a whole".into(),
            Self::PatientUnknown(field) => {
                format!(
                    "{field} names a patient who is neither in this file nor known; import the patient first"
                )
            }
            Self::AttachmentReference => {
                "an attachment was replaced by a reference of another node; export it again with its content".into()
            }
            Self::HistoryTooLarge(max) => {
                format!("a history Bundle is larger than {}; export it in parts", megabytes(*max))
            }
        }
    }

    fn japanese(&self) -> String {
        match self {
            Self::Empty => "ファイルが空です".into(),
            Self::Unreadable(ErrorKind::InvalidInput) => {
                "ファイルではありません。ファイルを置いてください".into()
            }
            Self::Unreadable(kind) => format!("ファイルを読めません（{kind}）"),
            Self::Changed => {
                "読み込み中にファイルが変更されました。書き込みが終わってから置き直してください"
                    .into()
            }
            Self::Foreign(foreign) => foreign.japanese().into(),
            Self::NotUtf8 => "UTF-8 ではありません。UTF-8 で出力してください".into(),
            Self::Truncated => "ファイルが途中で切れています。もう一度コピーしてください".into(),
            Self::NotJson(syntax) => format!("JSON として読めません：{}", syntax.japanese()),
            Self::TooDeep => format!("入れ子が {NESTING_MAX} 段を超えています"),
            Self::TooLarge(max) => format!("リソースが {} を超えています", megabytes(*max)),
            Self::RepeatedKey => "同じキーが重複しており、意味が定まりません".into(),
            Self::NoResourceType => "resourceType がないか、文字列ではありません".into(),
            Self::BadResourceType => "resourceType がリソース型の名前ではありません".into(),
            Self::IdNotText => "id が文字列ではありません".into(),
            Self::BadId(max) => format!("id が空か、制御文字を含むか、{max} バイトを超えています"),
            Self::BadFullUrl(max) => {
                format!("fullUrl が文字列でないか、{max} バイトを超えています")
            }
            Self::TooManyBundles(max) => {
                format!("Bundle が {max} 個を超えています。複数のファイルに分けてください")
            }
            Self::BadBundleType => "Bundle.type がないか、未知の種類です".into(),
            Self::BadEntry => "entry またはその resource がオブジェクトではありません".into(),
            Self::Deletion => "Bundle による削除は取り込みません".into(),
            Self::Patch => "パッチは取り込みません。リソース全体を出力してください".into(),
            Self::PatientUnknown(field) => {
                format!(
                    "{field} の患者がこのファイルにも登録済みの記録にも見つかりません。先に患者を取り込んでください"
                )
            }
            Self::AttachmentReference => {
                "添付ファイルが他の端末の参照に置き換えられています。内容を含めて出力し直してください".into()
            }
            Self::HistoryTooLarge(max) => {
                format!(
                    "history Bundle が {} を超えています。分割して出力してください",
                    megabytes(*max)
                )
            }
        }
    }
}

impl Foreign {
    fn english(self) -> &'static str {
        match self {
            Self::Xml => "FHIR XML is not read; export JSON",
            Self::Token => "a signed token (JWT) is not read; export the resources as JSON",
            Self::Hl7 => "an HL7 v2 message is not read from here",
            Self::Pdf => "a PDF is not read from here",
            Self::Dicom => "a DICOM file is not read from here",
            Self::Archive => "a compressed file is not read; unpack it first",
            Self::Utf16 => "the text is UTF-16; export as UTF-8",
            Self::JsonArray => "a JSON array is not FHIR; export a Bundle or NDJSON",
            Self::Other => "not FHIR JSON",
        }
    }

    fn japanese(self) -> &'static str {
        match self {
            Self::Xml => "FHIR XML は読み込みません。JSON で出力してください",
            Self::Token => {
                "署名付きトークン（JWT）は読み込みません。リソースを JSON で出力してください"
            }
            Self::Hl7 => "HL7 v2 メッセージはここでは読み込みません",
            Self::Pdf => "PDF はここでは読み込みません",
            Self::Dicom => "DICOM はここでは読み込みません",
            Self::Archive => "圧縮ファイルは読み込みません。展開してください",
            Self::Utf16 => "UTF-16 です。UTF-8 で出力してください",
            Self::JsonArray => {
                "JSON 配列は FHIR ではありません。Bundle か NDJSON で出力してください"
            }
            Self::Other => "FHIR JSON ではありません",
        }
    }
}

impl Syntax {
    fn english(self) -> &'static str {
        match self {
            Self::Value => "a value should stand here",
            Self::Key => "a key in double quotes should stand here",
            Self::Colon => "a colon should stand here",
            Self::CommaOrBrace => "a comma or } should stand here",
            Self::CommaOrBracket => "a comma or ] should stand here",
            Self::Digit => "a digit should stand here",
            Self::Object => "an object should start here",
            Self::Text => "a string should stand here",
            Self::Nothing => "nothing more should stand on this line",
            Self::Control => "a control character stands in a string",
            Self::Escape => "a backslash is followed by something unknown",
        }
    }

    fn japanese(self) -> &'static str {
        match self {
            Self::Value => "ここには値が必要です",
            Self::Key => "ここには二重引用符で囲んだキーが必要です",
            Self::Colon => "ここにはコロンが必要です",
            Self::CommaOrBrace => "ここにはカンマか } が必要です",
            Self::CommaOrBracket => "ここにはカンマか ] が必要です",
            Self::Digit => "ここには数字が必要です",
            Self::Object => "ここにはオブジェクトが必要です",
            Self::Text => "ここには文字列が必要です",
            Self::Nothing => "この行にはこれ以上何も置けません",
            Self::Control => "文字列の中に制御文字があります",
            Self::Escape => "バックスラッシュの後が不正です",
        }
    }
}

impl From<FaultKind> for Cause {
    fn from(kind: FaultKind) -> Self {
        Self::NotJson(match kind {
            FaultKind::End => return Self::Truncated,
            FaultKind::Nesting => return Self::TooDeep,
            FaultKind::Control => Syntax::Control,
            FaultKind::Escape => Syntax::Escape,
            FaultKind::Expected(expected) => match expected {
                Expected::Value => Syntax::Value,
                Expected::Key => Syntax::Key,
                Expected::Colon => Syntax::Colon,
                Expected::CommaOrBrace => Syntax::CommaOrBrace,
                Expected::CommaOrBracket => Syntax::CommaOrBracket,
                Expected::Digit => Syntax::Digit,
                Expected::Object => Syntax::Object,
                Expected::Text => Syntax::Text,
                Expected::Nothing => Syntax::Nothing,
            },
        })
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Cause", 3)?;
        out.serialize_field("code", self.code())?;
        out.serialize_field("en", &self.english())?;
        out.serialize_field("ja", &self.japanese())?;
        out.end()
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{} MiB", bytes >> 20)
}
