//! Whatever a person types or a peer sends: a finished type or a refusal, never a panic.

use azalea_transport::code::Code;
use azalea_transport::frames::read_frame;

#[test]
fn fuzz_code() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(code) = text.parse::<Code>() {
            let written = code.encode().expect("what was read can be written");
            assert_eq!(written.parse(), Ok(code));
        }
    });
}

#[test]
fn fuzz_frames() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut line = bytes;
        let frames = async { while let Ok(Some(_)) = read_frame(&mut line).await {} };
        runtime.block_on(frames);
    });
}
