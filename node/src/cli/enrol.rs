//! Making keys, joining a network, and the accounts that come with it.

use anyhow::{Context as _, bail};
use azalea_core::id::NetworkId;
use azalea_core::identity::{AgreementKeypair, Certificate, Identity, SigningKeypair};
use azalea_transport::code::Code;
use azalea_transport::endpoint::Endpoint;
use azalea_transport::lock::DataLock;
use serde_json::json;
use std::path::PathBuf;

use super::arguments::{InitOptions, JoinOptions};
use super::{Context, ask, password};
use crate::config::{Config, ConfigError, Passphrase, RelayConfig, Secrets};
use crate::entropy;
use crate::net::enrol;
use crate::net::ways::{RelayTarget, Ways};
use crate::ops::{self, Answer, Request};
use crate::serve;
use crate::store::StoreKey;

/// Makes keys where there are none.
pub(super) async fn init(context: &Context, options: InitOptions) -> anyhow::Result<bool> {
    let passphrase = options.new_passphrase_file.as_deref().map(password::read_file).transpose()?;
    let passphrase = passphrase.map(Passphrase);
    let _lock = DataLock::acquire(context.dir.path())?;
    if context.dir.secrets().exists() {
        bail!("{} has keys already: join with `azalea join CODE`", context.dir.path().display());
    }
    let identity = make_keys(context, passphrase.as_ref())?;
    let answer = Answer {
        json: json!({
            "facility_id": identity.facility.to_string(),
            "device_id": identity.device_id().to_string(),
        }),
        text: format!(
            "keys made for facility {} and device {}\nnext: azalea join CODE",
            identity.facility,
            identity.device_id()
        ),
        success: true,
    };
    ask::print(context, &answer)
}

fn make_keys(context: &Context, passphrase: Option<&Passphrase>) -> anyhow::Result<Identity> {
    let mut rng = entropy::rng()?;
    let facility = SigningKeypair::generate(&mut rng);
    let identity = Identity {
        network: NetworkId::ZERO,
        facility: facility.public().facility_id(),
        facility_key: Some(facility),
        device: SigningKeypair::generate(&mut rng),
        agreement: AgreementKeypair::generate(&mut rng),
    };
    let store_key = StoreKey::random(&mut rng);
    let secrets = Secrets { store_key, identity: identity.to_secret_bytes() };
    secrets.save(&context.dir.secrets(), passphrase)?;
    Config::default().save(&context.dir)?;
    Ok(identity)
}

/// Joins by a code: keys are on the disk before the relay hears of them, so a cut on the way loses nothing.
pub(super) async fn join(context: &Context, options: JoinOptions) -> anyhow::Result<bool> {
    let proxy = options.way.proxy()?;
    let code: Code = options.code.parse().context("the code cannot be read: check it")?;
    ops::staff::check(&options.staff, &options.staff_name, &options.role)?;
    let (secret, made) = password::read_or_make(options.password_file.as_deref())?;
    let verifier = password::verifier(&secret)?;
    let lock = DataLock::acquire(context.dir.path())?;
    let mut config = match Config::load(&context.dir) {
        Err(ConfigError::NoNode { .. }) => Config::default(),
        config => config?,
    };
    if config.network.is_some() {
        bail!("this node has joined a network already: see `azalea status`");
    }
    if !context.dir.secrets().exists() {
        make_keys(context, context.passphrase.as_ref())?;
    }
    let mut secrets = Secrets::load(&context.dir.secrets(), context.passphrase.as_ref())?;
    let mut identity = serve::read_identity(&secrets)?;
    let address = options.relay.unwrap_or_else(|| address(&code));
    let endpoint = Endpoint::client(&identity.device.seed())?;
    let tcp = options.way.relay_tcp;
    let target = RelayTarget::new(address.clone(), tcp.clone(), proxy, code.relay);
    let mut ways = Ways::new(endpoint.clone(), target)?;
    let now = context.clock.now();
    let joined = enrol::join(&mut ways, &code, &mut identity, &options.label, now).await?;
    endpoint.close("enrolled");

    secrets.identity = identity.to_secret_bytes();
    secrets.save(&context.dir.secrets(), context.passphrase.as_ref())?;
    config.network = Some(identity.network.to_string());
    config.relay = Some(RelayConfig {
        address,
        tcp,
        key: data_encoding::HEXLOWER.encode(joined.relay.as_bytes()),
    });
    config.facility_name = name(&joined.certificates, &identity);
    config.certificates = serve::certificates_text(&joined.certificates);
    config.save(&context.dir)?;
    drop(lock);

    let request = Request::StaffAdd {
        login: options.staff.clone(),
        name: options.staff_name,
        role: options.role,
        admin: true,
        verifier,
    };
    // Opens the store for the first time, which begins it with the certificates.
    ask::answer(context, request, ask::Sink::Discard).await?;
    let mut answer = Answer {
        json: json!({
            "network": identity.network.to_string(),
            "facility": config.facility_name,
            "facility_id": identity.facility.to_string(),
            "device_id": identity.device_id().to_string(),
            "staff": options.staff,
        }),
        text: format!(
            "joined as {}\nsign in as {} once it runs: azalea run\nkeep a copy of {} in a safe place",
            config.facility_name,
            options.staff,
            context.dir.secrets().display()
        ),
        success: true,
    };
    show_once(&mut answer, made.as_ref().map(|made| made.as_str()));
    ask::print(context, &answer)
}

/// Adds an account; a made password is printed once and kept nowhere.
pub(super) async fn add_staff(
    context: &Context,
    login: String,
    name: String,
    role: String,
    admin: bool,
    password_file: Option<PathBuf>,
) -> anyhow::Result<bool> {
    let (secret, made) = password::read_or_make(password_file.as_deref())?;
    let verifier = password::verifier(&secret)?;
    let request = Request::StaffAdd { login, name, role, admin, verifier };
    let mut answer = ask::answer(context, request, ask::Sink::Discard).await?;
    show_once(&mut answer, made.as_ref().map(|made| made.as_str()));
    ask::print(context, &answer)
}

fn show_once(answer: &mut Answer, made: Option<&str>) {
    if let Some(made) = made {
        answer.json["password"] = made.into();
        answer.text.push_str(&format!("\npassword, shown once: {made}"));
    }
}

/// The relay's address in a code, as a resolver takes it.
fn address(code: &Code) -> String {
    match code.host.contains(':') {
        true => format!("[{}]:{}", code.host, code.port),
        false => format!("{}:{}", code.host, code.port),
    }
}

fn name(certificates: &[Certificate], identity: &Identity) -> String {
    let names = certificates.iter().find_map(|certificate| match certificate {
        Certificate::Facility(facility) if facility.claims().id() == identity.facility => {
            Some(facility.claims().name.clone())
        }
        _ => None,
    });
    names.unwrap_or_default()
}
