//! One message per frame on a stream: a big-endian `u32` length, then that many bytes.

use azalea_core::wire::limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Room that is made before any byte of a frame has arrived; a peer's claim alone costs no more.
const FIRST_BYTES_MAX: usize = 64 << 10;

/// Why a frame could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length above the limit; refused before anything was allocated. Usual cause: a hostile or broken peer.
    #[error("{} is {max} here, but the frame has {claimed}", limits::FRAME.name)]
    TooLong {
        /// The limit.
        max: usize,
        /// The length that was claimed.
        claimed: usize,
    },
    /// The stream ended inside a frame. Usual cause: the line was cut.
    #[error("the stream ended inside a frame")]
    Cut,
    /// The stream failed. Usual cause: the line was cut or the peer closed the connection.
    #[error("the stream failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Sends `payload` as one frame.
pub async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    payload: &[u8],
) -> Result<(), FrameError> {
    let too_long = FrameError::TooLong { max: limits::FRAME.max, claimed: payload.len() };
    if payload.len() > limits::FRAME.max {
        return Err(too_long);
    }
    let length = u32::try_from(payload.len()).map_err(|_| too_long)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(payload).await?;
    stream.flush().await?;
    Ok(())
}

/// Receives one frame; `None` where the stream ends between two frames.
pub async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Vec<u8>>, FrameError> {
    read_frame_within(stream, || limits::FRAME.max).await
}

/// As [`read_frame`], from somebody who has no reason to send more than `max` bytes; it is asked once a frame begins, since the
/// reader waits long before that.
pub async fn read_frame_within(
    stream: &mut (impl AsyncRead + Unpin),
    max: impl Fn() -> usize,
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match stream.read(&mut length[have..]).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(FrameError::Cut),
            count => have += count,
        }
    }
    let claimed = u32::from_be_bytes(length) as usize;
    let max = max();
    if claimed > max {
        return Err(FrameError::TooLong { max, claimed });
    }
    let mut payload = Vec::with_capacity(claimed.min(FIRST_BYTES_MAX));
    (&mut *stream).take(claimed as u64).read_to_end(&mut payload).await?;
    if payload.len() < claimed {
        return Err(FrameError::Cut);
    }
    Ok(Some(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut frames = Vec::new();
        while let Some(frame) = read_frame(&mut bytes).await? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let mut line = Vec::new();
        for payload in [&b"one"[..], b"", &[7; 100_000]] {
            write_frame(&mut line, payload).await.unwrap();
        }
        let frames = read_all(&line).await.unwrap();
        assert_eq!(frames, [b"one".to_vec(), vec![], vec![7; 100_000]]);
    }

    #[tokio::test]
    async fn a_claim_above_the_limit_and_a_cut_line_are_refused() {
        let error = read_all(&u32::MAX.to_be_bytes()).await.unwrap_err();
        assert!(
            matches!(error, FrameError::TooLong { claimed, .. } if claimed == u32::MAX as usize)
        );
        for cut in [&[0, 0][..], &[0, 0, 0, 2, 9]] {
            assert!(matches!(read_all(cut).await.unwrap_err(), FrameError::Cut));
        }
        let oversized = vec![0; limits::FRAME.max + 1];
        let error = write_frame(&mut Vec::new(), &oversized).await.unwrap_err();
        assert!(matches!(error, FrameError::TooLong { .. }));
    }
}
