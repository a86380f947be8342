//! The command line: reads it, asks the running daemon or opens the store itself, prints.

mod text;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use azalea_core::identity::{Certificate, Registrar, Signed, SigningKeypair, Validity};
use azalea_core::wire::Wire;
use azalea_transport::control::{self, ControlError};
use clap::{Args, Parser, Subcommand};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::clock;
use crate::commands::{
    Command, InviteArgs, Invited, Kind, RenewArgs, Renewed, RevokeArgs, StatusView,
};
use crate::daemon::{self, Options};
use crate::home::{Home, Settings};
use crate::keyfile;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// 中継サーバ。暗号化された記録を預かり、届けます(中身は読めません)。
///
/// The relay: keeps and forwards sealed records that it cannot read.
#[derive(Debug, Parser)]
#[command(name = "azalea-relay", version)]
pub struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 新しい連携ネットワークを作る / Begin a network: keys, store, settings
    Init(Init),
    /// 中継サーバを動かす / Run the relay
    Run(Run),
    /// 施設の参加コードを作る / Make a one-time code for a facility
    Invite(Invite),
    /// 施設または端末を失効させる / Revoke a facility or a device
    Revoke(Revoke),
    /// 施設の参加期限を延ばす / Let a facility be a member for longer
    Renew(Renew),
    /// 番号の重複で止めた端末を再び受け入れる / Take envelopes again of a device that contradicted itself
    Trust(Trust),
    /// 状態を見る / Show members, connections, backlog
    Status(Common),
    /// バックアップから戻した直後に / Once, after the directory came from a backup
    Restored(Common),
    /// 登録機関(医師会など)/ Registrars, such as a medical association
    #[command(subcommand)]
    Registrar(RegistrarAction),
}

#[derive(Debug, Args)]
struct Common {
    /// データの置き場所 / Data directory
    #[arg(long, env = "AZALEA_RELAY_DIR")]
    dir: PathBuf,
    /// JSON で出力 / Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    common: Common,
    /// 協議会の名前 / The council's name
    #[arg(long, default_value = "協議会")]
    name: String,
    /// 待ち受ける UDP アドレス / UDP address to listen on
    #[arg(long, default_value = "0.0.0.0:4433")]
    listen: SocketAddr,
    /// UDP が通らない施設のための TCP アドレス(例 0.0.0.0:443)/ TCP address for facilities where UDP does not pass
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_tcp: Option<SocketAddr>,
    /// 施設から見えるアドレス HOST:PORT / Address under which facilities find the relay
    #[arg(long)]
    public: Option<String>,
    /// 監視用 TCP アドレス / TCP address of the metrics
    #[arg(long)]
    metrics: Option<SocketAddr>,
    /// ルート鍵の保存先(別の媒体を推奨)/ Where the root key goes; another medium is best
    #[arg(long)]
    root_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// 設定より優先する UDP アドレス / UDP address, instead of the settings'
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// 設定より優先する TCP アドレス / TCP address for facilities where UDP does not pass, instead of the settings'
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_tcp: Option<SocketAddr>,
    /// 施設から見えるアドレス / Address under which facilities find the relay, instead of the settings'
    #[arg(long)]
    public: Option<String>,
    /// 監視用 TCP アドレス / TCP address of the metrics, instead of the settings'
    #[arg(long)]
    metrics: Option<SocketAddr>,
}

#[derive(Debug, Args)]
struct Invite {
    #[command(flatten)]
    common: Common,
    /// 施設名 / Name
    #[arg(long)]
    name: String,
    /// カナ / Name in kana
    #[arg(long, default_value = "")]
    kana: String,
    /// 英語名 / Name in Latin letters
    #[arg(long, default_value = "")]
    english: String,
    /// 種別 / Kind
    #[arg(long, value_enum)]
    kind: Kind,
    /// 医療機関コード / Facility code
    #[arg(long, default_value = "")]
    code: String,
    /// 開示を認める / May publish charts
    #[arg(long)]
    disclose: bool,
    /// 閲覧を認める / May read what others disclose to it
    #[arg(long)]
    view: bool,
    /// 登録機関の名前 / In whose name; the relay's own if absent
    #[arg(long)]
    registrar: Option<String>,
    /// 参加の有効日数 / How long the membership holds
    #[arg(long, default_value_t = 1_826)]
    valid_days: u64,
    /// コードの有効時間 / How long the code can be used
    #[arg(long, default_value_t = 168)]
    expires_hours: u64,
}

#[derive(Debug, Args)]
struct Revoke {
    #[command(flatten)]
    common: Common,
    /// 施設ID(先頭6桁以上)/ Facility id, or its first digits
    #[arg(long, conflicts_with = "device", required_unless_present = "device")]
    facility: Option<String>,
    /// 端末ID(先頭6桁以上)/ Device id, or its first digits
    #[arg(long)]
    device: Option<String>,
    /// 理由 / Why
    #[arg(long)]
    reason: String,
    /// 登録機関の名前 / In whose name; the relay's own if absent
    #[arg(long)]
    registrar: Option<String>,
}

#[derive(Debug, Args)]
struct Renew {
    #[command(flatten)]
    common: Common,
    /// 施設ID(先頭6桁以上)/ Facility id, or its first digits
    #[arg(conflicts_with = "ending", required_unless_present = "ending")]
    facility: Option<String>,
    /// 期限まで90日以内の施設すべて / Every facility whose membership ends within 90 days
    #[arg(long)]
    ending: bool,
    /// 今日からの有効日数 / For how long from today
    #[arg(long, default_value_t = 1_826)]
    valid_days: u64,
    /// 登録機関の名前 / In whose name; each one's present registrar if absent
    #[arg(long)]
    registrar: Option<String>,
}

#[derive(Debug, Args)]
struct Trust {
    #[command(flatten)]
    common: Common,
    /// 端末ID(先頭6桁以上)/ Device id, or its first digits
    device: String,
}

#[derive(Debug, Subcommand)]
enum RegistrarAction {
    /// 登録機関を加える(ルート鍵が要ります)/ Add one; needs the root key
    Add(RegistrarAdd),
}

#[derive(Debug, Args)]
struct RegistrarAdd {
    #[command(flatten)]
    common: Common,
    /// 登録機関の名前 / Name
    #[arg(long)]
    name: String,
    /// ルート鍵のファイル / File of the root key
    #[arg(long)]
    root_key: PathBuf,
    /// 有効日数 / How long it may admit
    #[arg(long, default_value_t = 3_652)]
    valid_days: u64,
}

/// Does what the command line asks.
pub async fn main(cli: Cli) -> anyhow::Result<()> {
    match cli.action {
        Action::Init(args) => init(args),
        Action::Run(args) => run(args).await,
        Action::Invite(args) => {
            let (common, command) = args.into_command();
            let answer = ask(&common.dir, command).await?;
            show(&common, &answer, |invited: &Invited| text::invited(invited))
        }
        Action::Revoke(args) => {
            let Revoke { common, facility, device, reason, registrar } = args;
            let command = Command::Revoke(RevokeArgs { facility, device, reason, registrar });
            let answer = ask(&common.dir, command).await?;
            show(&common, &answer, |_: &Value| text::revoked())
        }
        Action::Renew(Renew { common, facility, valid_days, registrar, .. }) => {
            let command = Command::Renew(RenewArgs { facility, valid_days, registrar });
            let answer = ask(&common.dir, command).await?;
            show(&common, &answer, |renewed: &Renewed| text::renewed(renewed))
        }
        Action::Trust(Trust { common, device }) => {
            let answer = ask(&common.dir, Command::Trust { device }).await?;
            show(&common, &answer, |_: &Value| text::trusted())
        }
        Action::Status(common) => {
            let answer = ask(&common.dir, Command::Status).await?;
            show(&common, &answer, |status: &StatusView| text::status(status, clock::now()))
        }
        Action::Restored(common) => {
            let epoch = Home::new(&common.dir).restored()?;
            let answer = json!({ "epoch": epoch.to_string() });
            show(&common, &answer, |_: &Value| text::restored())
        }
        Action::Registrar(RegistrarAction::Add(args)) => registrar_add(args).await,
    }
}

fn init(args: Init) -> anyhow::Result<()> {
    let home = Home::new(&args.common.dir);
    let root_key = args.root_key.unwrap_or_else(|| args.common.dir.join("root.key"));
    let settings = Settings {
        listen: args.listen,
        listen_tcp: args.listen_tcp,
        public: args.public,
        metrics: args.metrics,
    };
    let network = home.init(clock::now(), &args.name, &settings, &root_key)?;
    let answer = json!({
        "network": network.to_string(),
        "dir": args.common.dir,
        "root_key": root_key,
    });
    show(&args.common, &answer, |_: &Value| {
        text::initialised(&args.name, &network.to_string(), &args.common.dir, &root_key)
    })
}

async fn run(args: Run) -> anyhow::Result<()> {
    let home = Home::new(&args.common.dir);
    let settings = home.settings()?;
    let options = Options {
        listen: args.listen.unwrap_or(settings.listen),
        listen_tcp: args.listen_tcp.or(settings.listen_tcp),
        public: args.public.or(settings.public),
        metrics: args.metrics.or(settings.metrics),
    };
    let json = args.common.json;
    // Before we say that we run: whoever reads that may end us at once.
    let stop = asked_to_stop()?;
    let on_ready = |ready: &daemon::Ready| {
        if json {
            println!("{}", json!(ready));
        } else {
            println!("{}", text::ready(ready));
        }
    };
    daemon::run(&home, options, on_ready, stop).await
}

/// Ready on Ctrl-C or SIGTERM; heard from now on, not only when it is waited for.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn registrar_add(args: RegistrarAdd) -> anyhow::Result<()> {
    let home = Home::new(&args.common.dir);
    home.settings()?;
    let root = SigningKeypair::from_seed(*keyfile::read(&args.root_key)?);
    let registrar = SigningKeypair::generate(&mut rand::rng());
    let claims = Registrar {
        network: root.public().network_id(),
        key: registrar.public(),
        name: args.name,
        validity: Validity::lasting(clock::now(), args.valid_days.saturating_mul(DAY_MS)),
    };
    let certificate = Certificate::Registrar(Signed::sign(claims, &root)?);
    // The key first: a certificate whose key is nowhere would admit nobody.
    let path = home.registrar_path(&registrar.public());
    keyfile::write_new(&path, &registrar.seed())?;
    let command = Command::RegistrarAdd {
        key: registrar.public().to_string(),
        certificate: HEXLOWER.encode(&certificate.to_bytes()),
    };
    let answer = match ask(&args.common.dir, command).await {
        Ok(answer) => answer,
        Err(error) => {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
    };
    show(&args.common, &answer, |_: &Value| text::registrar_added())
}

/// Asks the daemon, or does it here where none runs.
async fn ask(dir: &Path, command: Command) -> anyhow::Result<Value> {
    let home = Home::new(dir);
    let settings = home.settings()?;
    match control::call(dir, &command, |_| {}).await {
        Ok(answer) => Ok(answer),
        Err(ControlError::NotRunning { .. }) => {
            let public = settings.public.or_else(|| daemon::reachable(settings.listen));
            daemon::alone(&home, public, command).await
        }
        Err(error) => Err(error.into()),
    }
}

fn show<T: serde::de::DeserializeOwned>(
    common: &Common,
    answer: &Value,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    if common.json {
        println!("{answer}");
    } else {
        let answer: T =
            serde_json::from_value(answer.clone()).context("the daemon is another version")?;
        print!("{}", text(&answer));
    }
    Ok(())
}

impl Invite {
    fn into_command(self) -> (Common, Command) {
        let Self { common, name, kana, english, kind, code, disclose, view, .. } = self;
        let (registrar, valid_days, expires_hours) =
            (self.registrar, self.valid_days, self.expires_hours);
        let args = InviteArgs {
            name,
            kana,
            english,
            code,
            kind,
            disclose,
            view,
            registrar,
            valid_days,
            expires_hours,
        };
        (common, Command::Invite(args))
    }
}
