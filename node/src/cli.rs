//! The command line: what people type becomes a request, and its answer is printed for people or for programs.

mod arguments;
mod ask;
mod enrol;
mod password;
mod repair;
mod run;

pub use arguments::Arguments;

use arguments::{
    AttachmentCommand, DeviceCommand, FacilityCommand, QuarantineCommand, StaffCommand,
};
use arguments::{CarryCommand, Command, ConsentCommand, LinkCommand, NoteCommand, PatientCommand};
use azalea_core::causes;
use clap::Parser;
use std::process::ExitCode;

use crate::clock::Clock;
use crate::config::{DataDir, Passphrase};
use crate::ops::{Export, Request, Step, What};

/// What every command gets.
struct Context {
    dir: DataDir,
    json: bool,
    passphrase: Option<Passphrase>,
    clock: Clock,
}

/// Runs the command line of this process.
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run::start_log(arguments.global.trace);
    match dispatch(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("azalea: {}", causes::in_words(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Does the command; false where it has an answer that is no success.
async fn dispatch(arguments: Arguments) -> anyhow::Result<bool> {
    let global = arguments.global;
    let passphrase = global.passphrase_file.as_deref().map(password::read_file).transpose()?;
    let context = Context {
        dir: DataDir::new(global.dir),
        json: global.json,
        passphrase: passphrase.map(Passphrase),
        clock: Clock { shift_ms: global.clock_shift_ms },
    };
    let request = match arguments.command {
        Command::Init(options) => return enrol::init(&context, options).await,
        Command::Join(options) => return enrol::join(&context, options).await,
        Command::Run(options) => return run::run(&context, options).await,
        Command::Repair => return repair::repair(&context).await,
        Command::Import { paths, staff, lang } => {
            let paths = paths.iter().map(std::fs::canonicalize).collect::<Result<Vec<_>, _>>();
            Request::Import {
                paths: paths.map_err(|error| anyhow::anyhow!("a path cannot be found: {error}"))?,
                staff,
                lang,
            }
        }
        Command::Patient(PatientCommand::List { query, offset, limit }) => {
            Request::PatientList { query: query.join(" "), offset, limit }
        }
        Command::Patient(PatientCommand::Show { id }) => Request::PatientShow { id },
        Command::Link(command) => link(command),
        Command::Consent(command) => consent(command),
        Command::Attachment(AttachmentCommand::List { id }) => Request::AttachmentList { id },
        Command::Attachment(AttachmentCommand::Get { id, attachment, wait, output }) => {
            let request = Request::AttachmentGet { id, attachment, patience_s: wait };
            return ask::attachment(&context, request, output.as_deref()).await;
        }
        Command::Export(options) => {
            let what = match (options.id, options.directory) {
                (Some(id), _) => What::Patient(id),
                (None, true) => What::Directory,
                (None, false) => What::All,
            };
            let export = Export { what, versions: options.versions, ndjson: options.ndjson };
            return ask::export(&context, Request::Export(export), options.output.as_deref()).await;
        }
        Command::Status => Request::Status,
        Command::Sync { with, .. } => Request::Sync { with },
        Command::Carry(CarryCommand::Out { file, to, answer, unsent }) => Request::CarryOut {
            file: std::path::absolute(file)?,
            to,
            answer: answer.map(std::path::absolute).transpose()?,
            unsent,
        },
        Command::Carry(CarryCommand::In { file }) => {
            Request::CarryIn { file: std::path::absolute(file)? }
        }
        Command::Verify => Request::Verify,
        Command::Note(NoteCommand::Write { id, kind, title, text, vital, staff }) => {
            Request::NoteWrite {
                id,
                kind,
                title,
                text: password::text_or_stdin(text)?,
                vitals: vital.into_iter().collect(),
                staff,
            }
        }
        Command::Note(NoteCommand::List { id }) => Request::NoteList { id },
        Command::Quarantine(QuarantineCommand::List) => Request::QuarantineList,
        Command::Quarantine(QuarantineCommand::Retry { key }) => Request::QuarantineRetry { key },
        Command::Quarantine(QuarantineCommand::Discard { key, reason, staff }) => {
            Request::QuarantineDiscard { key, reason, staff }
        }
        Command::Staff(StaffCommand::List) => Request::StaffList,
        Command::Staff(StaffCommand::Add { login, staff_name, role, admin, password_file }) => {
            return enrol::add_staff(&context, login, staff_name, role, admin, password_file).await;
        }
        Command::Facility(FacilityCommand::List) => Request::FacilityList,
        Command::Device(DeviceCommand::Trust { device, staff }) => {
            Request::DeviceTrust { device, staff }
        }
    };
    ask::ask(&context, request).await
}

fn link(command: LinkCommand) -> Request {
    let (step, who) = match command {
        LinkCommand::Propose(who) => (Step::Propose, who),
        LinkCommand::Confirm(who) => (Step::Confirm, who),
        LinkCommand::Remove(who) => (Step::Remove, who),
        LinkCommand::List => return Request::LinkList,
    };
    Request::Link { step, patient: who.patient, local: who.local, staff: who.staff }
}

fn consent(command: ConsentCommand) -> Request {
    match command {
        ConsentCommand::Give { id, to, until, proxy, staff } => {
            Request::ConsentGive { id, to, until, proxy, staff }
        }
        ConsentCommand::Withdraw { id, to, staff } => Request::ConsentWithdraw { id, to, staff },
        ConsentCommand::Show { id } => Request::ConsentShow { id },
    }
}
