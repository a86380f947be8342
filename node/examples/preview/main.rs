//! Serves the screens over made-up patients held in memory, to look at them while working on them.
//!
//! `cargo run -p azalea-node --example preview -- 8600`, then sign in as `kodama` with `azalea-preview`. A second word, `offline`
//! or `hostile`, shows the clinic with the line cut, or with markup where names should be.

use std::sync::Arc;

use azalea_core::id::Timestamp;
use azalea_node::web::{WebOptions, router, serve};

mod sample;

use sample::{Mood, SampleClinic};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8600);
    let begun = std::time::Instant::now();
    // The sample's day stands still at its morning and goes on from there.
    let clock = move || Timestamp(sample::NOW.0 + begun.elapsed().as_millis() as u64);
    let options = WebOptions { clock: Arc::new(clock), hosts: Vec::new(), tls: false };
    let clinic = match std::env::args().nth(2).as_deref() {
        Some("offline") => SampleClinic::new(Mood::Offline),
        Some("hostile") => SampleClinic::hostile("<b onclick=alert(1)>\"太郎\"</b>"),
        _ => SampleClinic::new(Mood::Connected),
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://127.0.0.1:{port}/p/{}", SampleClinic::main_patient());
    serve(listener, router(Arc::new(clinic), options), std::future::pending()).await
}
