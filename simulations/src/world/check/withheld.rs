//! What a hostile relay withholds is noticed with its publisher's next word: nobody is complete as of a word that counts an
//! envelope which is not here.
//!
//! That the screen also names a number as missing would claim too much: it is the difference of two sums, and what has come
//! since the word makes up for what lacks from before, until the next word.
//!
//! Only of a hospital's own writing in its charts: of what others wrote, who were put out since, the hospital's word says what it
//! accepted, and theirs counts no more. A word that does not come either makes nobody complete: the time that is shown stays.

use azalea_core::id::Timestamp;

use super::Words;
use crate::world::facility::Facility;
use crate::world::hostile::Withheld;
use crate::world::{START_MS, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.probed() {
        for withheld in world.hostile.account.withheld(facility.place()) {
            words.extend(unnoticed(world, facility, withheld));
        }
    }
    words
}

/// Says so where a device calls itself complete without what was withheld from it.
fn unnoticed(world: &World, facility: &Facility, withheld: &Withheld) -> Option<String> {
    let status = facility.status()?;
    let publisher = status.publishers.iter().find(|it| it.device == Some(withheld.author))?;
    let complete = publisher.complete?;
    let word = world.truth.stated.get(&(withheld.author, complete))?;
    let lacks = word.at > withheld.since
        && facility.reads_chart_of(&withheld.scope, &publisher.facility, complete)
        && !facility.holds(&withheld.scope, &withheld.author, withheld.seq);
    let (place, seq, scope) = (facility.place(), withheld.seq, withheld.scope);
    let since = withheld.since.since_ms(Timestamp(START_MS)) / 1_000;
    lacks.then(|| {
        format!(
            "device {place} is complete without number {seq} in {scope:?}, which the relay withheld at {since} s"
        )
    })
}
