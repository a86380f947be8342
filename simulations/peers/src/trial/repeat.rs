//! What is the same for every system: single changes one after the other, and a line that is cut again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::party::{Order, Ticket, Took, Wanted};
use crate::seat::Seat;

/// The line stands for so long, and is then cut for so long.
const STANDS: Duration = Duration::from_secs(20);
const CUT: Duration = Duration::from_secs(3);
/// The pause between two looks at whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// How often a sync that broke off is begun again.
const TRIES: u32 = 20;

/// Times from the publisher's order to the reader's sight, ascending.
pub(super) fn changes(
    publisher: &mut Seat,
    reader: &mut Seat,
    from: u32,
    count: u32,
) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in from..from + count {
        reader.begin(&Order::Await(number))?;
        publisher.begin(&Order::Write(number))?;
        let (written, seen) = (publisher.at()?, reader.at()?);
        times.push(seen.nanos.saturating_sub(written.nanos) as f64 / 1e9);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The value below which this share of ascending values lies.
pub(super) fn share(values: &[f64], percent: usize) -> f64 {
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

/// Gets a client into step over a line that is cut again and again; also gives the seconds of the cuts.
pub(super) fn over_a_bad_line(
    client: &mut Seat,
    from: &Ticket,
    wanted: Wanted,
    set_cut: impl Fn(bool) + Sync,
) -> Result<(Took, f64)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let cutter = scope.spawn(|| {
            let mut cuts = Duration::ZERO;
            loop {
                if waits(STANDS, &over) {
                    return cuts;
                }
                set_cut(true);
                let before = Instant::now();
                let is_over = waits(CUT, &over);
                cuts += before.elapsed();
                set_cut(false);
                if is_over {
                    return cuts;
                }
            }
        });
        let before = Instant::now();
        let mut took = client.fetch(from.clone(), wanted);
        for _ in 0..TRIES {
            if took.is_ok() {
                break;
            }
            // A program would do the same: begin again, and go on from where it was.
            std::thread::sleep(Duration::from_millis(200));
            took = client.fetch(from.clone(), wanted);
        }
        let seconds = before.elapsed().as_secs_f64();
        over.store(true, Ordering::Release);
        let cuts = cutter.join().expect("it only sleeps").as_secs_f64();
        took.map(|took| (Took { seconds, ..took }, cuts))
    })
}

/// Waits so long; whether it was over before.
fn waits(long: Duration, over: &AtomicBool) -> bool {
    let end = Instant::now() + long;
    while Instant::now() < end {
        if over.load(Ordering::Acquire) {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}
