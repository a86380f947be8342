//! PouchDB and express-pouchdb, under Node.js: started from here, and told what to do in files.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json, value::RawValue};

use crate::data::{Change, Dataset, Document};
use crate::party::{Order, Wanted};

/// The lines of orders are in this program, beside the packages.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../pouch/package.json")),
    ("package-lock.json", include_str!("../../pouch/package-lock.json")),
    ("party.mjs", include_str!("../../pouch/party.mjs")),
];

/// A party's process, not yet started.
pub fn command(dir: &Path, options: &Value) -> Result<Command> {
    let mut command = Command::new("node");
    command.arg(installed()?.join("party.mjs")).arg(dir).arg(options.to_string());
    Ok(command)
}

/// Installs what the lock file names beside this program, once.
pub fn installed() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?.join("pouch");
    std::fs::create_dir_all(&folder)?;
    let lock = folder.join("node_modules/.package-lock.json");
    let is_current =
        std::fs::read_to_string(folder.join(FILES[1].0)).is_ok_and(|it| it == FILES[1].1);
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text)?;
    }
    if !(is_current && lock.exists()) {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
        npm.stdin(Stdio::null()).stdout(Stdio::null());
        let status = npm.status().context("npm of Node.js 20 is needed for PouchDB")?;
        ensure!(status.success(), "npm ci failed in {}", folder.display());
    }
    Ok(folder)
}

/// An order as the script takes it.
pub fn line(dir: &Path, order: &Order) -> Result<Value> {
    let file = dir.with_extension("ndjson");
    Ok(match order {
        Order::Fill(data) => {
            write(&file, |out| {
                let mut failed = None;
                data.each(|document| failed = failed.take().or(put(out, *data, &document).err()));
                failed.map_or(Ok(()), Err)
            })?;
            json!(["fill", file])
        }
        Order::Change(data, round) => {
            write(&file, |out| {
                data.changed(*round).into_iter().try_for_each(|number| {
                    let change = vec![data.later(number, *round)];
                    put_one(out, &data.name(number), &change)
                })
            })?;
            json!(["change", file])
        }
        Order::Write(number) => {
            let record = Dataset::Small(1).later(0, *number);
            write(&file, |out| put_one(out, &record.id, &vec![record.clone()]))?;
            json!(["write", file])
        }
        Order::Await(number) => json!(["await", Dataset::Small(1).later(0, *number).id]),
        Order::Serve => json!(["serve"]),
        Order::Fetch(from, wanted) => {
            let (count, strangers) = match wanted {
                Wanted::All(data) => (data.changes(), false),
                Wanted::Round(data, round) => (data.changed(*round).len(), false),
                Wanted::Strangers(data, round) => (data.changed(*round).len(), true),
            };
            json!(["fetch", from, { "count": count, "strangers": strangers }])
        }
        Order::Follow(from) => json!(["follow", from]),
        Order::Count(_) => json!(["count"]),
        Order::Close => json!(["close"]),
    })
}

fn write(
    file: &Path,
    fill: impl FnOnce(&mut BufWriter<std::fs::File>) -> Result<()>,
) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    fill(&mut out)?;
    Ok(out.flush()?)
}

fn put(out: &mut impl Write, data: Dataset, document: &Document) -> Result<()> {
    if matches!(data, Dataset::Small(_)) {
        return put_one(out, &document.name, &document.changes[0]);
    }
    document.changes.iter().enumerate().try_for_each(|(number, change)| {
        put_one(out, &format!("{}/{number:04}", document.name), change)
    })
}

fn put_one(out: &mut impl Write, id: &str, change: &Change) -> Result<()> {
    let records = change.iter().map(|record| RawValue::from_string(record.json()));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let records = serde_json::to_string(&records)?;
    Ok(writeln!(out, r#"{{"_id":{},"records":{records}}}"#, json!(id))?)
}
