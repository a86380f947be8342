//! One stream of frames over TLS on TCP, with the signs of life that QUIC has by itself.
//!
//! ```text
//! session ── Outward ──► pipe ──► frames, and an empty one when there are none ──► TLS
//! session ◄── Inward ─── pipe ◄── frames, without the empty ones ◄──────────────── TLS
//! ```
//!
//! An empty frame (four zero bytes) says only that its sender is there. It is sent between two frames by an end that has sent nothing
//! for a while, whatever its session does; so silence means that the line is dead, also while a session waits for a disk. An end that
//! does not take what comes is not blamed for silence: it only counts while we wait for it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex, split,
};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::peer::{Ended, Receiver, Sender, Via};

/// An end that has sent nothing for so long shows that it is there.
const SIGN: Duration = Duration::from_secs(5);
/// Three signs of life have not come: the line is dead.
const SILENT: Duration = Duration::from_secs(16);
/// Bytes that wait between a session and its line, each way; TCP's own windows come on top.
const PIPE_BYTES: usize = 32 << 10;
/// What is moved at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// The frame that means nothing but a sign of life.
const EMPTY_FRAME: [u8; 4] = [0; 4];

/// A connection over TCP: its one stream, and how it ended.
#[derive(Clone)]
pub struct Tunnel(Arc<Inner>);

struct Inner {
    via: Via,
    ends: Mutex<Option<(DuplexStream, DuplexStream)>>,
    ended: watch::Receiver<Option<Ended>>,
    pump: AbortHandle,
}

/// The way out.
pub struct Outward {
    pipe: DuplexStream,
    tunnel: Tunnel,
}

/// The way in; fails with the connection's cause where that did not end in good order.
pub struct Inward {
    pipe: DuplexStream,
    tunnel: Tunnel,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Tunnel {
    pub(super) fn over(stream: TlsStream<TcpStream>, via: Via) -> Self {
        let (outward, pumped_out) = duplex(PIPE_BYTES);
        let (inward, pumped_in) = duplex(PIPE_BYTES);
        let (tell, ended) = watch::channel(None);
        let pump = tokio::spawn(async move {
            let (from, to) = split(stream);
            // The pipe towards the session is closed only once the cause is known, so that the session reads it there.
            let mut pumped_in = pumped_in;
            let outcome = {
                let come = receive(from, &mut pumped_in);
                let gone = send(pumped_out, to);
                tokio::try_join!(come, gone)
            };
            tell.send_replace(Some(outcome.err().unwrap_or(Ended::Closed)));
            drop(pumped_in);
        });
        let ends = Mutex::new(Some((outward, inward)));
        Self(Arc::new(Inner { via, ends, ended, pump: pump.abort_handle() }))
    }

    pub(crate) fn via(&self) -> Via {
        self.0.via
    }

    /// Its stream, once.
    pub(crate) fn stream(&self) -> Result<(Sender, Receiver), Ended> {
        let ends = self.0.ends.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (outward, inward) = ends.ok_or(Ended::Taken)?;
        let outward = Outward { pipe: outward, tunnel: self.clone() };
        let inward = Inward { pipe: inward, tunnel: self.clone() };
        Ok((Sender::Tcp(outward), Receiver::Tcp(inward)))
    }

    pub(crate) fn close(&self) {
        self.0.pump.abort();
    }

    pub(crate) async fn closed(&self) -> Ended {
        let mut ended = self.0.ended.clone();
        // The pump is gone without a word where it was told to end.
        match ended.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or(Ended::Closed),
            Err(_) => Ended::Closed,
        }
    }
}

impl Outward {
    /// Waits until the other end has closed, which it does once it has read everything.
    pub(crate) async fn closed(&self) {
        self.tunnel.closed().await;
    }
}

/// Moves what comes to the session; ends where the other end finishes.
async fn receive(mut from: impl AsyncRead + Unpin, pipe: &mut DuplexStream) -> Result<(), Ended> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut passed = Vec::with_capacity(CHUNK_BYTES + EMPTY_FRAME.len());
    let mut frames = Frames::default();
    loop {
        let read = timeout(SILENT, from.read(&mut chunk)).await;
        let read = read.map_err(|_| Ended::Silent { seconds: SILENT.as_secs() })?;
        match read.map_err(|error| Ended::Tcp(error.to_string()))? {
            0 => {
                // Nobody may be reading any more, which is as good.
                let _ = pipe.shutdown().await;
                return Ok(());
            }
            count => frames.pass(&chunk[..count], &mut passed),
        }
        // A session that has heard enough does not keep the line from its end.
        let _ = pipe.write_all(&passed).await;
        passed.clear();
    }
}

/// Moves what the session says to the line, and a sign of life when it says nothing; ends where the session finishes.
async fn send(mut pipe: DuplexStream, mut to: impl AsyncWrite + Unpin) -> Result<(), Ended> {
    let failed = |error: io::Error| Ended::Tcp(error.to_string());
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut passed = Vec::with_capacity(CHUNK_BYTES + EMPTY_FRAME.len());
    let mut frames = Frames::default();
    loop {
        match timeout(SIGN, pipe.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return to.shutdown().await.map_err(failed),
            Ok(Ok(count)) => {
                frames.pass(&chunk[..count], &mut passed);
                to.write_all(&chunk[..count]).await.map_err(failed)?;
                passed.clear();
            }
            Err(_) if frames.is_between() => to.write_all(&EMPTY_FRAME).await.map_err(failed)?,
            Err(_) => continue,
        }
        to.flush().await.map_err(failed)?;
    }
}

/// Where in a sequence of frames a stream of bytes is. Lengths above the limit are passed on: whoever reads the frames refuses them.
#[derive(Default)]
struct Frames {
    length: [u8; 4],
    have: usize,
    left: usize,
}

impl Frames {
    /// Adds `bytes` without their empty frames to `passed`.
    fn pass(&mut self, mut bytes: &[u8], passed: &mut Vec<u8>) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let (content, after) = bytes.split_at(self.left.min(bytes.len()));
                passed.extend_from_slice(content);
                self.left -= content.len();
                bytes = after;
                continue;
            }
            self.length[self.have] = first;
            self.have += 1;
            bytes = rest;
            if self.have == self.length.len() {
                self.have = 0;
                self.left = u32::from_be_bytes(self.length) as usize;
                if self.left > 0 {
                    passed.extend_from_slice(&self.length);
                }
            }
        }
    }

    fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

impl AsyncWrite for Outward {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().pipe).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_shutdown(context)
    }
}

impl AsyncRead for Inward {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut this.pipe).poll_read(context, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        match &*this.tunnel.0.ended.borrow() {
            None | Some(Ended::Closed) => Poll::Ready(Ok(())),
            Some(cause) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, cause.clone())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of frames that arrive in pieces of `size` bytes.
    fn check(size: usize, line: &[u8], expected: &[u8]) {
        let mut frames = Frames::default();
        let mut passed = Vec::new();
        line.chunks(size).for_each(|piece| frames.pass(piece, &mut passed));
        assert_eq!(passed, expected, "in pieces of {size}");
        assert!(frames.is_between());
    }

    #[test]
    fn signs_of_life_are_taken_out_wherever_a_piece_ends_and_content_is_not() {
        let line =
            [&[0; 4][..], &[0, 0, 0, 6], &[0; 6], &[0; 8], &[0, 0, 0, 1, 7], &[0; 4]].concat();
        let expected = [&[0, 0, 0, 6][..], &[0; 6], &[0, 0, 0, 1, 7]].concat();
        for size in 1..=line.len() {
            check(size, &line, &expected);
        }
    }

    /// Both directions over a pipe whose time is virtual.
    #[tokio::test(start_paused = true)]
    async fn a_quiet_line_lives_by_signs_of_life_and_a_dead_one_is_noticed() {
        let (near, far) = duplex(PIPE_BYTES);
        let (far_in, far_out) = split(far);
        let (near_in, _near_out) = split(near);
        let (_session, says) = duplex(PIPE_BYTES);
        let speaking = tokio::spawn(send(says, far_out));
        let (_hears, mut heard) = duplex(PIPE_BYTES);
        let hearing = async { receive(near_in, &mut heard).await };
        tokio::pin!(hearing);
        // Ten times as long as silence may last, with a peer that says nothing but that it is there.
        assert!(timeout(SILENT * 10, &mut hearing).await.is_err(), "alive");
        // Its process hangs: the line is open and nothing comes.
        speaking.abort();
        let ended = timeout(SILENT * 2, &mut hearing).await.expect("noticed");
        assert!(matches!(ended, Err(Ended::Silent { .. })), "{ended:?}");
        drop(far_in);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_does_not_read_is_no_reason_to_give_up_the_line() {
        let (near, mut far) = duplex(PIPE_BYTES);
        let (session, mut heard) = duplex(CHUNK_BYTES);
        let hearing = tokio::spawn(async move { receive(near, &mut heard).await });
        let frame = [&(2 * PIPE_BYTES as u32).to_be_bytes()[..], &vec![7; 2 * PIPE_BYTES]].concat();
        let written = tokio::spawn(async move {
            far.write_all(&frame).await.unwrap();
            far.shutdown().await.unwrap();
        });
        tokio::time::sleep(SILENT * 10).await;
        assert!(!hearing.is_finished());
        let mut all = Vec::new();
        let mut session = session;
        session.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 4 + 2 * PIPE_BYTES);
        written.await.unwrap();
        hearing.await.unwrap().unwrap();
    }
}
