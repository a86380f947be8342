//! What an operator does: the requests of the control socket and how they are carried out.
//!
//! The daemon executes them when it runs; otherwise the command opens the store itself and does the same.

mod view;

use azalea_core::id::{DeviceId, FacilityId};
use azalea_core::identity::{
    Certificate, FacilityKind, PublicKey, Rights, SigningKeypair, Subject,
};
use azalea_core::wire::Wire;
use azalea_transport::code::{Code, CodeError, Secret};
use data_encoding::HEXLOWER_PERMISSIVE;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::doors::Doors;
use crate::engine::{Engine, RequestError, Stopped};
use crate::home::Home;
use crate::keyfile::{self, KeyFileError};
use crate::mailbox::{Invite, Report, Request};

pub use view::{DeviceView, FacilityView, InviteView, RegistrarView, StatusView, SuspendedView};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// One request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// What is going on.
    Status,
    /// Make a one-time code.
    Invite(InviteArgs),
    /// End a membership.
    Revoke(RevokeArgs),
    /// Let facilities be members for longer.
    Renew(RenewArgs),
    /// Take envelopes again of a device that contradicted itself.
    Trust {
        /// The device's id, or its first digits.
        device: String,
    },
    /// Take up a registrar whose key was put into the data directory.
    RegistrarAdd {
        /// Its public key.
        key: String,
        /// Its certificate, signed by the root, in hexadecimal digits.
        certificate: String,
    },
}

/// A facility that is to join.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteArgs {
    /// Its name as on its sign.
    pub name: String,
    /// Its name in kana.
    pub kana: String,
    /// Its name in Latin letters.
    pub english: String,
    /// Its code (医療機関コード).
    pub code: String,
    /// hospital, clinic, pharmacy or visiting-nurse.
    pub kind: Kind,
    /// May publish charts.
    pub disclose: bool,
    /// May read what others disclose to it.
    pub view: bool,
    /// In whose name; the relay's own enrolment service if absent.
    pub registrar: Option<String>,
    /// How long the membership holds.
    pub valid_days: u64,
    /// How long the code can be used.
    pub expires_hours: u64,
}

/// Somebody who is to be revoked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeArgs {
    /// A facility's id, or its first digits.
    pub facility: Option<String>,
    /// A device's id, or its first digits.
    pub device: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// In whose name; the relay's own enrolment service if absent.
    pub registrar: Option<String>,
}

/// Facilities whose membership is to go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenewArgs {
    /// A facility's id, or its first digits; every one that ends before long if absent.
    pub facility: Option<String>,
    /// For how long from now.
    pub valid_days: u64,
    /// In whose name; each one's present registrar if absent.
    pub registrar: Option<String>,
}

/// What was renewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewed {
    /// The facilities' ids.
    pub facilities: Vec<String>,
    /// Until when they are members now, in milliseconds since 1970.
    pub until_ms: u64,
}

/// A facility's kind, as commands write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 病院.
    Hospital,
    /// 診療所.
    Clinic,
    /// 調剤薬局.
    Pharmacy,
    /// 訪問看護ステーション.
    VisitingNurse,
}

impl From<Kind> for FacilityKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Hospital => Self::Hospital,
            Kind::Clinic => Self::Clinic,
            Kind::Pharmacy => Self::Pharmacy,
            Kind::VisitingNurse => Self::VisitingNurse,
        }
    }
}

/// A code that was made; the only place where it is ever shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invited {
    /// The code.
    pub code: String,
    /// For whom.
    pub name: String,
    /// Until when it can be used, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The relay is shutting down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The relay refused.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Nobody, or more than one, is meant.
    #[error("{0}")]
    Which(String),
    /// The relay's address is not known.
    #[error(
        "under which address do facilities find this relay? Set \"public\": \"HOST:PORT\" in relay.json, or start the relay first"
    )]
    NoAddress,
    /// An address that no code can carry.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The address is not HOST:PORT.
    #[error("{0:?} is not of the form HOST:PORT")]
    Address(String),
    /// A registrar's key or certificate is not what it should be.
    #[error("{0}")]
    Registrar(String),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
}

/// Where commands are carried out.
#[derive(Clone)]
pub struct Office {
    /// The engine.
    pub engine: Engine,
    /// The data directory.
    pub home: Home,
    /// The relay's device.
    pub relay: DeviceId,
    /// HOST:PORT under which facilities find the relay, if known.
    pub public: Option<String>,
    /// Which ways lead in.
    pub doors: Doors,
}

impl Office {
    /// Carries out one command.
    pub async fn execute(&self, command: Command) -> Result<Value, CommandError> {
        match command {
            Command::Status => {
                let report = self.engine.report().await?;
                let bytes = self.engine.store_bytes();
                Ok(json!(StatusView::new(&report, &self.doors, bytes, clock::now())))
            }
            Command::Invite(args) => Ok(json!(self.invite(args).await?)),
            Command::Revoke(args) => self.revoke(args).await,
            Command::Renew(args) => Ok(json!(self.renew(args).await?)),
            Command::Trust { device } => {
                let report = self.engine.report().await?;
                let device = find_device(&report, &device)?;
                self.engine.request(Request::Trust(device)).await?;
                Ok(json!({ "trusted": { "device": device.to_string() } }))
            }
            Command::RegistrarAdd { key, certificate } => {
                self.registrar_add(&key, &certificate).await
            }
        }
    }

    async fn invite(&self, args: InviteArgs) -> Result<Invited, CommandError> {
        let public = self.public.as_ref().ok_or(CommandError::NoAddress)?;
        let (host, port) = split_address(public)?;
        let report = self.engine.report().await?;
        let registrar = find_registrar(&report, args.registrar.as_deref())?;
        let mut secret = Secret([0; 16]);
        rand::rng().fill_bytes(&mut secret.0);
        let code = Code { host, port, relay: self.relay, secret };
        let text = code.encode()?;
        let now = clock::now();
        let expires = now.plus_ms(args.expires_hours.saturating_mul(HOUR_MS));
        let invite = Invite {
            name: args.name.clone(),
            kana: args.kana,
            english: args.english,
            code: args.code,
            kind: args.kind.into(),
            rights: Rights { disclose: args.disclose, view: args.view },
            registrar,
            valid_ms: args.valid_days.saturating_mul(DAY_MS),
            expires,
            used: None,
        };
        let digest = code.secret.digest();
        self.engine.request(Request::Invite { digest, invite }).await?;
        Ok(Invited { code: text.to_string(), name: args.name, expires_ms: expires.0 })
    }

    async fn revoke(&self, args: RevokeArgs) -> Result<Value, CommandError> {
        let report = self.engine.report().await?;
        let by = find_registrar(&report, args.registrar.as_deref())?;
        let subject = match (&args.facility, &args.device) {
            (Some(facility), None) => Subject::Facility(find_facility(&report, facility)?),
            (None, Some(device)) => Subject::Device(find_device(&report, device)?),
            _ => return Err(CommandError::Which("name a facility or a device".into())),
        };
        let reason = args.reason;
        self.engine.request(Request::Revoke { subject, reason, by }).await?;
        Ok(match subject {
            Subject::Facility(id) => json!({ "revoked": { "facility": id.to_string() } }),
            Subject::Device(id) => json!({ "revoked": { "device": id.to_string() } }),
            Subject::Registrar(key) => json!({ "revoked": { "registrar": key.to_string() } }),
        })
    }

    async fn renew(&self, args: RenewArgs) -> Result<Renewed, CommandError> {
        let report = self.engine.report().await?;
        let named = |name: &String| find_registrar(&report, Some(name));
        let by = args.registrar.as_ref().map(named).transpose()?;
        let now = clock::now();
        let ids = match &args.facility {
            Some(facility) => vec![find_facility(&report, facility)?],
            None => {
                report.facilities.iter().filter(|it| it.is_ending(now)).map(|it| it.id).collect()
            }
        };
        let valid_ms = args.valid_days.saturating_mul(DAY_MS);
        for facility in &ids {
            self.engine.request(Request::Renew { facility: *facility, valid_ms, by }).await?;
        }
        let facilities = ids.iter().map(ToString::to_string).collect();
        Ok(Renewed { facilities, until_ms: now.plus_ms(valid_ms).0 })
    }

    async fn registrar_add(&self, key: &str, certificate: &str) -> Result<Value, CommandError> {
        let bad = |what: &str| CommandError::Registrar(what.into());
        let key: PublicKey = key.parse().map_err(|_| bad("not a public key"))?;
        let bytes = HEXLOWER_PERMISSIVE.decode(certificate.as_bytes());
        let certificate = bytes.ok().and_then(|bytes| Certificate::from_bytes(&bytes).ok());
        let Some(Certificate::Registrar(signed)) = certificate else {
            return Err(bad("not a registrar's certificate"));
        };
        if signed.claims().key != key {
            return Err(bad("the certificate is for another key"));
        }
        let path = self.home.registrar_path(&key);
        let pair = SigningKeypair::from_seed(*keyfile::read(&path)?);
        if pair.public() != key {
            return Err(bad("the key file holds another key"));
        }
        let name = signed.claims().name.clone();
        self.engine.request(Request::Publish(vec![Certificate::Registrar(signed)])).await?;
        self.engine.request(Request::Registrar(pair)).await?;
        Ok(json!({ "registrar": { "key": key.to_string(), "name": name } }))
    }
}

fn split_address(address: &str) -> Result<(String, u16), CommandError> {
    let bad = || CommandError::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), port.parse().map_err(|_| bad())?))
}

fn find_registrar(report: &Report, name: Option<&str>) -> Result<PublicKey, CommandError> {
    // The relay's own enrolment service bears the council's name.
    let wanted = name.unwrap_or(&report.council);
    let mut found = report.registrars.iter().filter(|(_, name)| name == wanted);
    match (found.next(), found.next()) {
        (Some((key, _)), None) => Ok(*key),
        (None, _) => Err(CommandError::Which(format!("no registrar {wanted:?} is set up here"))),
        (Some(_), Some(_)) => Err(CommandError::Which(format!("several registrars {wanted:?}"))),
    }
}

fn find_facility(report: &Report, digits: &str) -> Result<FacilityId, CommandError> {
    one_of(report.facilities.iter().map(|facility| facility.id), digits)
}

fn find_device(report: &Report, digits: &str) -> Result<DeviceId, CommandError> {
    let devices = report.facilities.iter().flat_map(|facility| &facility.devices);
    one_of(devices.map(|device| device.id), digits)
}

/// The one id that begins with these digits.
fn one_of<T: std::fmt::Display + Copy>(
    ids: impl Iterator<Item = T>,
    digits: &str,
) -> Result<T, CommandError> {
    let digits = digits.to_ascii_lowercase();
    if digits.len() < 6 {
        return Err(CommandError::Which("give at least the first 6 digits of the id".into()));
    }
    let mut found = ids.filter(|id| id.to_string().starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(CommandError::Which(format!("nobody has an id that begins {digits}"))),
        (Some(_), Some(_)) => Err(CommandError::Which(format!("several ids begin {digits}"))),
    }
}
