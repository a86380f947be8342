//! The local control socket: how a command reaches the daemon that holds the store.
//!
//! One request per connection: a line of JSON goes in; lines `{"progress": …}` come out, then one line
//! `{"ok": …}` or `{"error": "…"}`. The socket lies in the data directory and only its owner can open it, so
//! whoever can ask could also have read the files.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// Name of the socket inside a data directory.
pub const FILE: &str = "control.sock";
/// A request's line, in bytes.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// An answer's line, in bytes. Results that may be longer are sent as progress, piece by piece.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Requests that are worked on at once.
const REQUESTS_MAX: usize = 32;
/// Progress lines that wait for a slow reader before the work waits too.
const PROGRESS_MAX: usize = 64;

/// Why a request got no result.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No daemon listens. Usual cause: it is not running; the caller may open the store itself.
    #[error("no daemon is running on {}", path.display())]
    NotRunning {
        /// Where it would listen.
        path: PathBuf,
    },
    /// The daemon understood and said no.
    #[error("{0}")]
    Refused(String),
    /// The daemon ended before it answered.
    #[error("the daemon ended before it answered")]
    Cut,
    /// A line longer than its limit.
    #[error("a line of more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// A line that is not what was expected. Usual cause: the daemon is another version than the command.
    #[error("the daemon's answer was not understood: {0}")]
    Form(#[from] serde_json::Error),
    /// The socket failed. Usual causes: a path longer than a socket's name may be (about 100 bytes), missing rights.
    #[error("{}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Progress(Value),
    Ok(Value),
    Error(String),
}

/// The daemon's end, bound; removed again when dropped.
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
}

/// Tells whoever asked how far the work is.
#[derive(Clone)]
pub struct Progress(mpsc::Sender<Value>);

impl Progress {
    /// Sends one progress line; waits while the reader is behind, does nothing once it has gone.
    pub async fn send(&self, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            let _ = self.0.send(value).await;
        }
    }

    /// As [`Progress::send`], from a thread that may block.
    pub fn send_blocking(&self, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            let _ = self.0.blocking_send(value);
        }
    }

    /// Whether nobody listens any more; long work may stop at a safe point.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl Control {
    /// Binds the socket of `dir`. Hold the directory's [`crate::lock::DataLock`]: a socket found there is then a dead process's.
    pub fn bind(dir: &Path) -> Result<Self, ControlError> {
        let path = dir.join(FILE);
        let failed = |source| ControlError::Io { path: path.clone(), source };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, rights).map_err(failed)?;
        Ok(Self { path, listener })
    }

    /// Answers requests with `handler` until the future is dropped. A request whose asker leaves is finished all the same.
    pub async fn serve<H, F>(&self, handler: H)
    where
        H: Fn(Value, Progress) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let places = Arc::new(Semaphore::new(REQUESTS_MAX));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let handler = handler.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, handler.as_ref()).await {
                            tracing::debug!(%error, "a control request ended early");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    // Usually no file descriptors left; the next one that is closed lets us go on.
                    tracing::warn!(%error, "the control socket cannot accept");
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer<H, F>(stream: UnixStream, handler: &H) -> io::Result<()>
where
    H: Fn(Value, Progress) -> F,
    F: Future<Output = Result<Value, String>> + Send + 'static,
{
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let request = match read_line(&mut reading, REQUEST_BYTES_MAX).await {
        Ok(Some(line)) => serde_json::from_slice(&line).map_err(|error| error.to_string()),
        Ok(None) => return Ok(()),
        Err(LineError::TooLong) => Err(format!("a request of more than {REQUEST_BYTES_MAX} bytes")),
        Err(LineError::Io(error)) => return Err(error),
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => return write_line(&mut writing, &Line::Error(error)).await,
    };
    let (progress, mut told) = mpsc::channel(PROGRESS_MAX);
    let work = tokio::spawn(handler(request, Progress(progress)));
    while let Some(value) = told.recv().await {
        write_line(&mut writing, &Line::Progress(value)).await?;
    }
    let last = match work.await {
        Ok(Ok(value)) => Line::Ok(value),
        Ok(Err(error)) => Line::Error(error),
        Err(_) => Line::Error("the request failed inside the daemon; its log says more".into()),
    };
    write_line(&mut writing, &last).await
}

/// Asks the daemon of the data directory `dir`; `on_progress` sees each progress line as it comes.
pub async fn call<A: DeserializeOwned>(
    dir: &Path,
    request: &impl Serialize,
    mut on_progress: impl FnMut(Value),
) -> Result<A, ControlError> {
    let path = dir.join(FILE);
    let failed = |source| ControlError::Io { path: path.clone(), source };
    let stream = UnixStream::connect(&path).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { path: path.clone() }
        }
        _ => ControlError::Io { path: path.clone(), source },
    })?;
    let (reading, mut writing) = stream.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    if line.len() > REQUEST_BYTES_MAX {
        return Err(ControlError::TooLong { max: REQUEST_BYTES_MAX });
    }
    writing.write_all(&line).await.map_err(failed)?;
    let mut reading = BufReader::new(reading);
    loop {
        let line = match read_line(&mut reading, ANSWER_BYTES_MAX).await {
            Ok(Some(line)) => line,
            Ok(None) => return Err(ControlError::Cut),
            Err(LineError::TooLong) => return Err(ControlError::TooLong { max: ANSWER_BYTES_MAX }),
            Err(LineError::Io(source)) => return Err(failed(source)),
        };
        match serde_json::from_slice(&line)? {
            Line::Progress(value) => on_progress(value),
            Line::Ok(value) => return Ok(serde_json::from_value(value)?),
            Line::Error(error) => return Err(ControlError::Refused(error)),
        }
    }
}

enum LineError {
    TooLong,
    Io(io::Error),
}

/// One line without its end; `None` where the other end left before a whole line.
async fn read_line(
    stream: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> Result<Option<Vec<u8>>, LineError> {
    let mut line = Vec::new();
    let mut bounded = stream.take(max as u64 + 1);
    bounded.read_until(b'\n', &mut line).await.map_err(LineError::Io)?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        _ if line.len() >= max => Err(LineError::TooLong),
        _ => Ok(None),
    }
}

async fn write_line(stream: &mut (impl AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn serving<F>(dir: &Path, asks: F) -> F::Output
    where
        F: Future,
    {
        let control = Control::bind(dir).unwrap();
        let handler = |request: Value, progress: Progress| async move {
            progress.send(json!({ "step": 1 })).await;
            match request["add"].as_array() {
                Some(terms) => Ok(json!(terms.iter().filter_map(Value::as_u64).sum::<u64>())),
                None => Err("nothing to add".to_owned()),
            }
        };
        tokio::select! {
            () = control.serve(handler) => unreachable!("serving ends with its future"),
            result = asks => result,
        }
    }

    #[tokio::test]
    async fn a_request_gets_its_progress_and_its_result_or_refusal() {
        let dir = tempfile::tempdir().unwrap();
        serving(dir.path(), async {
            let mut steps = Vec::new();
            let sum: u64 =
                call(dir.path(), &json!({ "add": [1, 2] }), |step| steps.push(step)).await.unwrap();
            assert_eq!((sum, steps), (3, vec![json!({ "step": 1 })]));
            let refused = call::<u64>(dir.path(), &json!({}), |_| {}).await.unwrap_err();
            assert!(matches!(refused, ControlError::Refused(why) if why == "nothing to add"));
            let long = "x".repeat(REQUEST_BYTES_MAX);
            let refused = call::<u64>(dir.path(), &long, |_| {}).await.unwrap_err();
            assert!(matches!(refused, ControlError::TooLong { .. }));
        })
        .await;
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_process_is_noticed_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let missing = call::<Value>(dir.path(), &json!({}), |_| {}).await.unwrap_err();
        assert!(matches!(missing, ControlError::NotRunning { .. }));
        // A killed process leaves its socket file behind.
        drop(std::os::unix::net::UnixListener::bind(dir.path().join(FILE)).unwrap());
        let dead = call::<Value>(dir.path(), &json!({}), |_| {}).await.unwrap_err();
        assert!(matches!(dead, ControlError::NotRunning { .. }));
        let sum: u64 = serving(dir.path(), async {
            call(dir.path(), &json!({ "add": [4] }), |_| {}).await.unwrap()
        })
        .await;
        assert_eq!(sum, 4);
        assert!(!dir.path().join(FILE).exists());
    }

    #[tokio::test]
    async fn a_line_that_is_no_json_is_refused_not_fatal() {
        let dir = tempfile::tempdir().unwrap();
        serving(dir.path(), async {
            let mut stream = UnixStream::connect(dir.path().join(FILE)).await.unwrap();
            stream.write_all(b"{nonsense\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("{\"error\":"), "{answer}");
            let sum: u64 = call(dir.path(), &json!({ "add": [1] }), |_| {}).await.unwrap();
            assert_eq!(sum, 1);
        })
        .await;
    }
}
