//! How long a member that comes back waits for its welcome, over a line whose round trips are long: with the whole handshake first, and
//! with its first words in the first flight.

use std::time::{Duration, Instant};

use azalea_core::sync::message::{Cursor, Hello, Message};
use azalea_simulations::line::{Line, Quality};
use azalea_tests::session::{Returning, Session, identity, now, relay_seed};
use azalea_tests::{CLINIC, Region};

use super::row;

/// A round trip takes twice this.
const DELAY: Duration = Duration::from_millis(300);
const TRIALS: usize = 10;

/// Times both.
pub(super) fn run() {
    let region = Region::start();
    let who = identity(&region.joined(&CLINIC));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let quality = Quality { delay: DELAY, ..Quality::default() };
        let line = Line::open(region.relay.address(), quality, 1).await.expect("a line");
        let returning = Returning::new(&who, &relay_seed(&region.relay));
        let hello = |cursor| {
            let (network, device, at) = (who.network, who.device_id(), now());
            Message::Hello(Hello { network, device, cursor, want_own: false, at })
        };
        let mut session = returning.call(line.address(), &hello(None)).await;
        let cursor = Some(welcome(&mut session).await);
        leave(session).await;
        let (mut whole, mut early) = (Vec::new(), Vec::new());
        for _ in 0..TRIALS {
            let began = Instant::now();
            let mut session = returning.call(line.address(), &hello(cursor)).await;
            welcome(&mut session).await;
            whole.push(began.elapsed());
            leave(session).await;
            let began = Instant::now();
            let (mut session, is_heard) =
                returning.call_early(line.address(), &hello(cursor)).await;
            welcome(&mut session).await;
            early.push(began.elapsed());
            assert!(is_heard, "the relay knows the ticket");
            leave(session).await;
        }
        say("until the welcome, the whole handshake first", whole);
        say("until the welcome, first words in the first flight", early);
    });
}

async fn welcome(session: &mut Session) -> Cursor {
    let Message::Welcome(welcome) = session.hear().await else { panic!("no welcome") };
    Cursor { epoch: welcome.epoch, position: welcome.end }
}

/// Leaves once something has come back that was asked for after the welcome: tickets have come before that.
async fn leave(mut session: Session) {
    session.say(&Message::Refill).await;
    while !matches!(session.hear().await, Message::Refilled { .. }) {}
    session.close();
}

fn say(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let trips = |took: Duration| took.as_secs_f64() / (2 * DELAY).as_secs_f64();
    let [least, median, most] = [0, took.len() / 2, took.len() - 1].map(|at| took[at]);
    row(
        what,
        &format!(
            "{} ms ({}–{} ms), {:.2} round trips",
            median.as_millis(),
            least.as_millis(),
            most.as_millis(),
            trips(median)
        ),
    );
}
