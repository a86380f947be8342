//! Asks the running daemon, or opens the store itself where none runs.

use anyhow::Context as _;
use azalea_transport::control::{self, ControlError};
use azalea_transport::lock::LockError;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::Context;
use crate::ops::{self, Answer, Output, Request, Told};
use crate::serve::{self, ServeError};

/// How often, and how long apart, a directory is tried that somebody else has for a moment.
const TRIES_MAX: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Asks and prints the answer.
pub(super) async fn ask(context: &Context, request: Request) -> anyhow::Result<bool> {
    let answer = answer(context, request, Sink::Discard).await?;
    print(context, &answer)
}

/// Asks for a long result, which goes to standard output or a file; the answer is a word on standard error.
pub(super) async fn export(
    context: &Context,
    request: Request,
    file: Option<&Path>,
) -> anyhow::Result<bool> {
    let sink = match file {
        None => Sink::Stdout,
        Some(path) => {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let file = azalea_transport::lock::owner_only(&mut options).open(path);
            Sink::File(file.with_context(|| format!("{}", path.display()))?)
        }
    };
    let answer = answer(context, request, sink).await?;
    match (file.is_some(), context.json) {
        (true, _) => return print(context, &answer),
        (false, true) => {}
        (false, false) => eprintln!("{}", answer.text),
    }
    Ok(answer.success)
}

/// Asks for an attachment; a file in which not all of it came is taken away again.
pub(super) async fn attachment(
    context: &Context,
    request: Request,
    file: Option<&Path>,
) -> anyhow::Result<bool> {
    let given = export(context, request, file).await;
    if let (Some(file), Ok(false) | Err(_)) = (file, &given) {
        // Where that fails too, the error that is reported is the first one.
        let _ = std::fs::remove_file(file);
    }
    given
}

/// The answer of the daemon, or of this process where no daemon runs.
pub(super) async fn answer(
    context: &Context,
    request: Request,
    sink: Sink,
) -> anyhow::Result<Answer> {
    let mut terminal = Terminal { sink, failed: None };
    let mut tries = 0;
    let opened = loop {
        let told = |value: Value| match serde_json::from_value(value) {
            Ok(Told::Progress(text)) => terminal.progress(&text),
            // A failure is kept and reported at the end: the daemon cannot be interrupted from here.
            Ok(Told::Data(text)) => drop(terminal.data(&text)),
            Ok(Told::Bytes(base64)) => {
                let bytes = data_encoding::BASE64.decode(base64.as_bytes());
                drop(terminal.bytes(&bytes.unwrap_or_default()));
            }
            Err(_) => {}
        };
        match control::call::<Answer>(context.dir.path(), &request, told).await {
            Ok(answer) => return terminal.finish(answer),
            Err(ControlError::NotRunning { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match serve::open(&context.dir, context.passphrase.as_ref(), context.clock).await {
            Ok(opened) => break opened,
            // Somebody has the directory and does not listen: a node that is starting or stopping, or another command.
            Err(ServeError::Lock(LockError::Held { .. })) if tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let node = opened.node.clone();
    let work = tokio::task::spawn_blocking(move || {
        let answer = ops::execute(&node, request, &mut terminal);
        (answer, terminal)
    });
    let outcome = work.await;
    opened.close().await;
    let (answer, terminal) = outcome.context("the command failed inside")?;
    terminal.finish(answer?)
}

/// Prints an answer for people or for programs.
pub(super) fn print(context: &Context, answer: &Answer) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    let printed = match context.json {
        true => writeln!(out, "{}", answer.json),
        false if answer.text.is_empty() => Ok(()),
        false => writeln!(out, "{}", answer.text),
    };
    printed.and_then(|()| out.flush()).context("standard output")?;
    Ok(answer.success)
}

/// Where a long result goes.
pub(super) enum Sink {
    Discard,
    Stdout,
    File(File),
}

/// Progress on standard error, where a person sits before it; results where they belong.
struct Terminal {
    sink: Sink,
    failed: Option<io::Error>,
}

impl Terminal {
    fn finish(mut self, answer: Answer) -> anyhow::Result<Answer> {
        if let Some(error) = self.failed {
            return Err(error).context("the output cannot be written");
        }
        if let Sink::File(file) = &mut self.sink {
            file.sync_all().context("the output cannot be written")?;
        }
        Ok(answer)
    }
}

impl Output for Terminal {
    fn progress(&mut self, text: &str) {
        if io::stderr().is_terminal() {
            eprintln!("{text}");
        }
    }

    fn data(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.failed.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let written = match &mut self.sink {
            Sink::Discard => Ok(()),
            Sink::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Sink::File(file) => file.write_all(bytes),
        };
        written.map_err(|error| {
            let again = io::Error::from(error.kind());
            self.failed = Some(error);
            again
        })
    }
}
