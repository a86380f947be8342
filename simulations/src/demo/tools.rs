//! Every command line that the demo uses, in one place: the demo knows the programs only by their commands.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;

use super::build::Programs;
use super::cast::{Member, Part};
use super::child::{Daemon, answer, report};

/// The relay's commands on its data folder.
#[derive(Clone, Debug)]
pub struct RelayTool {
    program: PathBuf,
    folder: PathBuf,
}

impl RelayTool {
    /// The relay whose data lies in `folder`.
    pub fn new(programs: &Programs, folder: &Path) -> Self {
        Self { program: programs.relay.clone(), folder: folder.to_owned() }
    }

    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(verb).arg("--dir").arg(&self.folder).arg("--json");
        command
    }

    /// Makes the network with its root and its relay.
    pub async fn init(&self, network: &str) -> Result<()> {
        let mut command = self.command(&["init"]);
        command.args(["--name", network]);
        answer(command, "azalea-relay init").await.map(|_| ())
    }

    /// Starts the relay on a free port and says where it listens.
    pub async fn run(&self, logs: &Path) -> Result<(Daemon, SocketAddr)> {
        let mut command = self.command(&["run"]);
        command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        let (daemon, told) = Daemon::start(command, "relay", logs).await?;
        let address = told["listen"].as_str().context("the relay did not say where it listens")?;
        let address = address.parse().context("the relay listens at no address")?;
        Ok((daemon, address))
    }

    /// A one-time code for a facility.
    pub async fn invite(&self, part: &Part) -> Result<String> {
        let mut command = self.command(&["invite"]);
        command
            .args(["--kind", part.kind.slug()])
            .args(["--name", part.name])
            .args(["--kana", part.kana])
            .args(["--english", part.english])
            .args(["--code", &part.code]);
        if part.kind.discloses() {
            command.arg("--disclose");
        }
        command.arg("--view");
        let told = answer(command, "azalea-relay invite").await?;
        Ok(told["code"].as_str().context("the relay gave no code")?.to_owned())
    }
}

/// A facility's commands on its data folder.
#[derive(Clone, Debug)]
pub struct NodeTool {
    program: PathBuf,
    folder: PathBuf,
}

impl NodeTool {
    /// The node whose data lies in `folder`.
    pub fn new(programs: &Programs, folder: &Path) -> Self {
        Self { program: programs.node.clone(), folder: folder.to_owned() }
    }

    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(verb).arg("--dir").arg(&self.folder).arg("--json");
        command
    }

    /// Joins the network by a code, over the line at `relay`, with the first member of staff.
    pub async fn join(
        &self,
        code: &str,
        relay: SocketAddr,
        first: &Member,
        password: &Path,
    ) -> Result<()> {
        let mut command = self.command(&["join", code]);
        command
            .args(["--relay", &relay.to_string()])
            .args(["--staff", first.login])
            .args(["--staff-name", first.name])
            .args(["--role", first.role])
            .arg("--password-file")
            .arg(password);
        answer(command, "azalea join").await.map(|_| ())
    }

    /// Starts the daemon with its screens on a free port and says where they are.
    pub async fn run(
        &self,
        relay: SocketAddr,
        name: &str,
        logs: &Path,
    ) -> Result<(Daemon, String)> {
        let mut command = self.command(&["run"]);
        command.args(["--relay", &relay.to_string()]).args(["--web", "127.0.0.1:0"]);
        let (daemon, told) = Daemon::start(command, name, logs).await?;
        let web = told["web"].as_str().context("the node did not say where its screens are")?;
        let web = if web.contains("://") { web.to_owned() } else { format!("http://{web}/") };
        Ok((daemon, web))
    }

    /// Adds a member of staff.
    pub async fn add_staff(&self, member: &Member, password: &Path) -> Result<()> {
        let mut command = self.command(&["staff", "add", member.login]);
        command
            .args(["--staff-name", member.name])
            .args(["--role", member.role])
            .arg("--password-file")
            .arg(password);
        answer(command, "azalea staff add").await.map(|_| ())
    }

    /// Imports a file or a folder.
    pub async fn import(&self, path: &Path) -> Result<Value> {
        let mut command = self.command(&["import"]);
        command.arg(path);
        // Files that were put aside are told in the report; the demo goes on with what was taken.
        report(command, "azalea import").await
    }

    /// Records a consent of one of this facility's own patients for other facilities.
    pub async fn give_consent(
        &self,
        local_id: &str,
        staff: &Member,
        facilities: &[&str],
    ) -> Result<String> {
        let mut command = self.command(&["consent", "give", local_id]);
        command.args(["--staff", staff.login]);
        for facility in facilities {
            command.args(["--to", facility]);
        }
        let told = answer(command, "azalea consent give").await?;
        Ok(told["patient"].as_str().context("no patient came back")?.to_owned())
    }

    /// Proposes that a patient of the network is this facility's patient.
    pub async fn propose_link(&self, patient: &str, local_id: &str, staff: &Member) -> Result<()> {
        let mut command = self.command(&["link", "propose", patient, local_id]);
        command.args(["--staff", staff.login]);
        answer(command, "azalea link propose").await.map(|_| ())
    }

    /// Confirms a proposal as the second person.
    pub async fn confirm_link(&self, patient: &str, local_id: &str, staff: &Member) -> Result<()> {
        let mut command = self.command(&["link", "confirm", patient, local_id]);
        command.args(["--staff", staff.login]);
        answer(command, "azalea link confirm").await.map(|_| ())
    }

    /// The state of the node.
    pub async fn status(&self) -> Result<Value> {
        answer(self.command(&["status"]), "azalea status").await
    }

    /// Puts a file into the inbox that the daemon watches: written beside it and then moved in whole.
    pub async fn drop_into_inbox(&self, name: &str, content: &str) -> Result<()> {
        let beside = self.folder.join(format!(".{name}"));
        tokio::fs::write(&beside, content).await.context("cannot write a file")?;
        let inbox = self.folder.join("inbox");
        tokio::fs::create_dir_all(&inbox).await.context("cannot make the inbox")?;
        tokio::fs::rename(&beside, inbox.join(name)).await.context("cannot move into the inbox")
    }
}
