//! A disk that is soon full: a little file system in memory, in a namespace of its own, which needs no rights of an administrator.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A small file system over a folder; it goes away when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    /// Sleeps inside and so keeps it there.
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Makes one over `folder`; `None` where the system does not let us, which it has to in CI.
    pub(crate) fn mount(folder: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder to mount on");
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m tmpfs '{}' && echo ready && exec sleep infinity",
            folder.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mounted = command.spawn().ok().and_then(|mut holder| {
            let mut line = String::new();
            let told = BufReader::new(holder.stdout.take()?).read_line(&mut line);
            let disk = Self { holder, folder: folder.to_owned() };
            (told.is_ok() && line.trim() == "ready").then_some(disk)
        });
        if mounted.is_none() {
            let in_ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!in_ci, "a small disk can be made in CI: allow user namespaces");
            println!("skipped: this system makes no small disk (unshare --map-root-user --mount)");
        }
        mounted
    }

    /// The words before a command that make it run inside.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let words = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &pid];
        words.map(str::to_owned).to_vec()
    }

    /// Puts something large beside the data until nothing more fits.
    pub fn fill(&self) {
        let told = self.inside("dd if=/dev/zero of=ballast bs=16k oflag=append conv=notrunc");
        assert!(!told, "a small disk is full at some time");
    }

    /// Takes it away again.
    pub fn make_room(&self) {
        assert!(self.inside("rm ballast"), "the ballast is there");
    }

    fn inside(&self, script: &str) -> bool {
        let prefix = self.prefix();
        let script = format!("cd '{}' && {script}", self.folder.display());
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).args(["sh", "-c", &script]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("nsenter starts").success()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
