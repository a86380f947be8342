//! The words of the command line.

use azalea_transport::tcp::{Proxy, ProxyError};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A facility's part of a regional medical network: holds patients' records offline, keeps them in step with
/// other facilities through a relay that cannot read them, and serves the screens.
#[derive(Debug, Parser)]
#[command(name = "azalea", version, max_term_width = 100)]
pub struct Arguments {
    /// Settings of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The node's directory.
    #[arg(
        long,
        global = true,
        env = "AZALEA_DIR",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "azalea-data"
    )]
    pub dir: PathBuf,
    /// Prints JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// Says on standard error what goes on, without patient data; RUST_LOG chooses more finely.
    #[arg(long, global = true)]
    pub trace: bool,
    /// A file with the passphrase of the secrets file, if it is under one.
    #[arg(
        long,
        global = true,
        env = "AZALEA_PASSPHRASE_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub passphrase_file: Option<PathBuf>,
    /// Milliseconds added to the clock, for rehearsals.
    #[arg(long, global = true, env = "AZALEA_CLOCK_SHIFT_MS", hide = true, default_value_t = 0)]
    pub clock_shift_ms: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes this facility's and this device's keys
    Init(InitOptions),
    /// Joins a network by the one-time code that its office gave
    Join(JoinOptions),
    /// Runs the node: sync, inbox, screens
    Run(RunOptions),
    /// Takes FHIR R4 JSON and NDJSON files, or whole folders
    Import {
        /// Files or folders.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Who imports, by login or staff id.
        #[arg(long, value_name = "LOGIN")]
        staff: Option<String>,
        /// The language of the report: ja or en.
        #[arg(long, default_value = "en", value_parser = ["ja", "en"])]
        lang: String,
    },
    /// Patients: what is held, from whom, how fresh
    #[command(subcommand)]
    Patient(PatientCommand),
    /// Links own patients to patients of the network; two people are needed
    #[command(subcommand)]
    Link(LinkCommand),
    /// Consents: who may read a patient's chart here and write with us
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Attachments of a patient's records: which there are, how much of each is here, and getting one
    #[command(subcommand)]
    Attachment(AttachmentCommand),
    /// Writes records out as FHIR, byte for byte as they came
    Export(ExportOptions),
    /// How the node stands: line, last sync, unsent, missing, waiting
    Status,
    /// Checks every signature, chain, hash and statement of the replica, offline
    Verify,
    /// Care notes
    #[command(subcommand)]
    Note(NoteCommand),
    /// What is set apart: files that could not be taken, late writes, forks
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Staff accounts of this facility
    #[command(subcommand)]
    Staff(StaffCommand),
    /// The network's facilities
    #[command(subcommand)]
    Facility(FacilityCommand),
    /// Decides on devices that contradicted themselves
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Syncs with other nodes directly, with no relay between
    Sync {
        /// Where the other node listens (`azalea run --listen`).
        #[arg(long, value_name = "HOST:PORT", required_unless_present = "nearby")]
        with: Option<String>,
        /// All nodes of this network that announce themselves on the local network.
        #[arg(long, conflicts_with = "with")]
        nearby: bool,
    },
    /// Carries changes in a file, sealed as on the line, for where no line goes
    #[command(subcommand)]
    Carry(CarryCommand),
    /// Moves a damaged store aside and starts a new one; the relay sends everything again
    Repair,
}

/// Making keys.
#[derive(Debug, Args)]
pub struct InitOptions {
    /// Puts the keys under a passphrase, read from this file; `run` needs it then.
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// Joining.
#[derive(Debug, Args)]
pub struct JoinOptions {
    /// The code; hyphens, spaces and case do not matter.
    pub code: String,
    /// The relay's address, if it is not reached at the one in the code.
    #[arg(long, value_name = "HOST:PORT")]
    pub relay: Option<String>,
    /// Ways to the relay besides UDP.
    #[command(flatten)]
    pub way: WayOptions,
    /// What staff call this device.
    #[arg(long, default_value = "node")]
    pub label: String,
    /// The login of the first staff account, an administrator.
    #[arg(long, value_name = "LOGIN", default_value = "admin")]
    pub staff: String,
    /// The first member of staff's name.
    #[arg(long, value_name = "NAME", default_value = "管理者")]
    pub staff_name: String,
    /// What the first member of staff does: doctor, nurse, pharmacist or clerk.
    #[arg(long, default_value = "clerk")]
    pub role: String,
    /// A file with the first password; without it one is made and printed once.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Ways to the relay besides UDP.
#[derive(Debug, Args)]
pub struct WayOptions {
    /// Where the relay listens on TCP, for networks where UDP does not pass; port 443 of the relay's host unless given.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub relay_tcp: Option<String>,
    /// The HTTP proxy through which TCP goes out: http://[USER:PASSWORD@]HOST:PORT. Other people on the machine may see what is typed
    /// here; the variable is for passwords.
    #[arg(long, env = "AZALEA_PROXY", hide_env_values = true, value_name = "URL")]
    pub proxy: Option<ProxyText>,
}

/// A proxy as it was typed. It is read later than the other words, since what cannot be read is repeated to the terminal there.
#[derive(Clone)]
pub struct ProxyText(String);

impl From<String> for ProxyText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for ProxyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyText")
    }
}

impl WayOptions {
    /// The proxy, if there is one; an empty variable is none.
    pub fn proxy(&self) -> Result<Option<Proxy>, ProxyError> {
        let text = self.proxy.as_ref().map(|text| text.0.as_str());
        text.filter(|text| !text.is_empty()).map(str::parse).transpose()
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("not of the form HOST:PORT".to_owned()),
    }
}

/// Running.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// Where the screens listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub web: Option<String>,
    /// The relay's address, if it is not reached at the one in the code.
    #[arg(long, value_name = "HOST:PORT")]
    pub relay: Option<String>,
    /// Ways to the relay besides UDP.
    #[command(flatten)]
    pub way: WayOptions,
    /// A name under which browsers ask for the screens, besides localhost and plain addresses.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// The screens are reached through a proxy that speaks TLS.
    #[arg(long)]
    pub behind_tls: bool,
    /// Serves Prometheus metrics here; best on 127.0.0.1, since anybody who reaches the port reads them.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Lets other nodes of this network call here over UDP to sync with no relay between (`azalea sync --with`); closed unless
    /// given.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// With --listen: does not tell the local network (multicast DNS) that this node listens.
    #[arg(long, requires = "listen")]
    pub no_announce: bool,
}

/// Patients.
#[derive(Debug, Subcommand)]
pub enum PatientCommand {
    /// Lists patients, the newest care first, or those who match
    List {
        /// Name, kana, number or date of birth.
        query: Vec<String>,
        /// Skips so many.
        #[arg(long, default_value_t = 0)]
        offset: usize,
        /// Lists at most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Shows what is held of a patient, from whom, how fresh
    Show {
        /// The network's id or this facility's own.
        id: String,
    },
}

/// Linking.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Says that a patient of the network and one of our own are one person
    Propose(LinkWho),
    /// Confirms it, as another person than the one who proposed it
    Confirm(LinkWho),
    /// Takes a link or its proposal back
    Remove(LinkWho),
    /// Lists who waits for a link, what is proposed and what is linked
    List,
}

/// Who is linked, by whom.
#[derive(Debug, Args)]
pub struct LinkWho {
    /// The network's patient id.
    pub patient: String,
    /// This facility's own patient id.
    pub local: String,
    /// Who says so, by login or staff id.
    #[arg(long, value_name = "LOGIN")]
    pub staff: String,
}

/// Consents.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Records that a patient lets facilities read our chart and write with us
    Give {
        /// The network's patient id or this facility's own.
        id: String,
        /// A facility, by id, code or name; may be given more than once.
        #[arg(long, value_name = "FACILITY", required = true)]
        to: Vec<String>,
        /// The last day, as 2027-03-31.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Who gave it, if not the patient.
        #[arg(long, value_name = "NAME")]
        proxy: Option<String>,
        /// Who recorded it, by login or staff id.
        #[arg(long, value_name = "LOGIN")]
        staff: String,
    },
    /// Records that a patient withdraws; for all facilities where none is named
    Withdraw {
        /// The network's patient id or this facility's own.
        id: String,
        /// A facility, by id, code or name.
        #[arg(long, value_name = "FACILITY")]
        to: Vec<String>,
        /// Who recorded it, by login or staff id.
        #[arg(long, value_name = "LOGIN")]
        staff: String,
    },
    /// Shows a patient's consents
    Show {
        /// The network's patient id or this facility's own.
        id: String,
    },
}

/// Attachments.
#[derive(Debug, Subcommand)]
pub enum AttachmentCommand {
    /// Lists them
    List {
        /// The network's patient id or this facility's own.
        id: String,
    },
    /// Writes one out; one that is not here is fetched first
    Get {
        /// The network's patient id or this facility's own.
        id: String,
        /// The attachment's id in the list, or its first digits.
        attachment: String,
        /// Gives up once nothing more of it has come for so many seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait: u64,
        /// Writes to a file, readable by its owner only, instead of standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Writing records out.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// The network's patient id or this facility's own.
    #[arg(required_unless_present_any = ["directory", "all"], conflicts_with_all = ["directory", "all"])]
    pub id: Option<String>,
    /// What belongs to no patient: organisations, practitioners, places.
    #[arg(long, conflicts_with = "all")]
    pub directory: bool,
    /// Everything that is held.
    #[arg(long)]
    pub all: bool,
    /// Superseded versions too.
    #[arg(long)]
    pub versions: bool,
    /// One resource a line instead of one Bundle.
    #[arg(long)]
    pub ndjson: bool,
    /// Writes to a file, readable by its owner only, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Notes.
#[derive(Debug, Subcommand)]
pub enum NoteCommand {
    /// Writes a note; its text is read from standard input where --text is missing
    Write {
        /// The network's patient id or this facility's own.
        id: String,
        /// record, vitals, nursing or handover.
        #[arg(long, default_value = "record")]
        kind: String,
        /// The title.
        #[arg(long, default_value = "")]
        title: String,
        /// The text.
        #[arg(long)]
        text: Option<String>,
        /// A vital sign: temperature, systolic, diastolic, pulse, spo2, respiration.
        #[arg(long, value_name = "NAME=VALUE", value_parser = vital)]
        vital: Vec<(String, String)>,
        /// Who writes, by login or staff id.
        #[arg(long, value_name = "LOGIN")]
        staff: String,
    },
    /// Lists the notes about a patient
    List {
        /// The network's patient id or this facility's own.
        id: String,
    },
}

/// What is set apart.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Lists it with causes
    List,
    /// Reads quarantined files again
    Retry {
        /// One file, by its key in the list; without it all that lie in the folder of quarantined files.
        key: Option<String>,
    },
    /// Takes a quarantined file off the list; the file itself is kept
    Discard {
        /// Which, by its key in the list.
        key: String,
        /// Why; kept in the access log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who decides, by login or staff id.
        #[arg(long, value_name = "LOGIN")]
        staff: String,
    },
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Adds an account
    Add {
        /// What the person types to sign in.
        login: String,
        /// The person's name.
        #[arg(long, value_name = "NAME")]
        staff_name: String,
        /// doctor, nurse, pharmacist or clerk.
        #[arg(long, default_value = "clerk")]
        role: String,
        /// May add and stop accounts.
        #[arg(long)]
        admin: bool,
        /// A file with the password; without it one is made and printed once.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Lists the accounts
    List,
}

/// Facilities.
#[derive(Debug, Subcommand)]
pub enum FacilityCommand {
    /// Lists them with ids and codes
    List,
}

/// Carrying.
#[derive(Debug, Subcommand)]
pub enum CarryCommand {
    /// Writes what another facility may have into a file
    Out {
        /// The file; nothing may lie there yet.
        file: PathBuf,
        /// The facility that it is for, by id, code or name; this facility's own for its other devices.
        #[arg(long, value_name = "FACILITY")]
        to: String,
        /// A carry file from there: only what it does not have is written.
        #[arg(long, value_name = "FILE")]
        answer: Option<PathBuf>,
        /// Only what the relay does not have from this device.
        #[arg(long)]
        unsent: bool,
    },
    /// Takes in what such a file holds; twice changes nothing
    In {
        /// The file.
        file: PathBuf,
    },
}

/// Devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Merges again what a suspended device writes, and what was set aside of it
    Trust {
        /// The device's id, or its first digits; `azalea status` lists suspended devices
        device: String,
        /// The administrator who decided, by login or id
        #[arg(long)]
        staff: String,
    },
}

fn vital(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    /// Each page as people read it, with a terminal of fixed width.
    #[test]
    fn help_reads_well() {
        let mut pages = String::new();
        pages_of(Arguments::command().term_width(100), "azalea", &mut pages);
        insta::assert_snapshot!(pages);
    }

    fn pages_of(mut command: clap::Command, name: &str, pages: &mut String) {
        pages.push_str(&format!("━━ {name}\n{}\n", command.render_long_help()));
        command.build();
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            pages_of(inner.clone().term_width(100), &format!("{name} {}", inner.get_name()), pages);
        }
    }
}
