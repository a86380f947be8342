//! The report as people read it.

use std::fmt::Write;

use super::{FileReport, ImportReport, Outcome, Quarantined, Skipped};
use crate::import::cause::Language;

impl ImportReport {
    /// The report in words: one line per file that needs attention, then the sums.
    pub fn text(&self, language: Language) -> String {
        let mut out = String::new();
        for file in &self.files {
            file.write_text(language, &mut out);
        }
        let counts = &self.counts;
        let line = match language {
            Language::Japanese => format!(
                "ファイル {} 件（うち取込保留 {} 件）\n取込 {} 件、変更なし {} 件、新しい版 {} 件（うち以前の版に戻ったもの {} 件）、取込保留 {} 件、対象外 {} 件",
                self.files_read,
                self.files_quarantined,
                counts.taken,
                counts.unchanged,
                counts.new_versions,
                counts.older_again,
                counts.quarantined,
                counts.skipped,
            ),
            Language::English => format!(
                "{} files ({} quarantined)\n{} taken, {} unchanged, {} new versions ({} of them as they were before), {} quarantined, {} skipped",
                self.files_read,
                self.files_quarantined,
                counts.taken,
                counts.unchanged,
                counts.new_versions,
                counts.older_again,
                counts.quarantined,
                counts.skipped,
            ),
        };
        let _ = writeln!(out, "{line}");
        if let Some(reason) = &self.stopped {
            let word = match language {
                Language::Japanese => "取込を中断しました",
                Language::English => "the import stopped",
            };
            let _ = writeln!(out, "{word}: {reason}");
        }
        out
    }
}

impl FileReport {
    /// What was not taken, one line each; empty where all was.
    pub fn text(&self, language: Language) -> String {
        let mut out = String::new();
        self.write_text(language, &mut out);
        out
    }

    fn write_text(&self, language: Language, out: &mut String) {
        for item in &self.quarantined {
            let _ = writeln!(out, "{}: {}", self.path, item.text(language));
        }
        let unlisted = self.counts.quarantined - self.quarantined.len() as u64;
        if unlisted > 0 {
            let _ = match language {
                Language::Japanese => writeln!(out, "{}: ほか取込保留 {unlisted} 件", self.path),
                Language::English => writeln!(out, "{}: {unlisted} more quarantined", self.path),
            };
        }
        for (reason, number) in &self.skipped {
            let _ = writeln!(out, "{}: {} ({number})", self.path, reason.text(language));
        }
        if self.counts.quarantined > 0 && self.outcome == Outcome::PartlyQuarantined {
            let records = self.counts.records();
            let _ = match language {
                Language::Japanese => {
                    writeln!(out, "{}: ほかの {records} 件は取り込みました", self.path)
                }
                Language::English => writeln!(out, "{}: the other {records} were taken", self.path),
            };
        }
    }
}

impl Quarantined {
    /// The place and the cause.
    pub fn text(&self, language: Language) -> String {
        let mut out = String::new();
        match language {
            Language::Japanese => {
                if let Some(place) = self.place {
                    let _ = write!(out, "{} 行 {} 文字目", place.line, place.column);
                }
                if let Some(entry) = self.entry {
                    let _ = write!(out, "、{entry} 番目");
                }
            }
            Language::English => {
                if let Some(place) = self.place {
                    let _ = write!(out, "line {}, column {}", place.line, place.column);
                }
                if let Some(entry) = self.entry {
                    let _ = write!(out, ", entry {entry}");
                }
            }
        }
        if let Some(kind) = &self.kind {
            let _ = write!(out, " ({kind})");
        }
        let separator = if out.is_empty() { "" } else { ": " };
        format!("{out}{separator}{}", self.cause.text(language))
    }
}

impl Skipped {
    fn text(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Japanese, Self::Request) => "読み出しの要求で、取り込むものがありません",
            (Language::Japanese, Self::Response) => "応答だけで、取り込むものがありません",
            (Language::Japanese, Self::NoResource) => "resource がありません",
            (Language::English, Self::Request) => "requests to read, nothing to take",
            (Language::English, Self::Response) => "responses without a resource, nothing to take",
            (Language::English, Self::NoResource) => "entries without a resource",
        }
    }
}
