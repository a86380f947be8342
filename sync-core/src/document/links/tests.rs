//! Two people link a patient, together and apart.

use super::*;
use crate::id::DeviceId;
use proptest::prelude::*;

fn editor(facility: u8, device: u8, staff: &str) -> Editor {
    let author = Author { device: DeviceId([device; 16]), facility: FacilityId([facility; 16]) };
    Editor { author, staff: staff.into() }
}

fn link(local: &str) -> Link {
    Link { facility: FacilityId([1; 16]), local: local.into(), patient: PatientId([9; 16]) }
}

fn changed(result: Result<Option<Vec<u8>>, LinkError>) -> Vec<u8> {
    result.expect("allowed").expect("it changes something")
}

#[test]
fn a_link_needs_two_people() {
    let mut links = Links::new();
    let (sato, mori) = (editor(1, 1, "sato"), editor(1, 1, "mori"));
    let link = link("0001");
    assert_eq!(links.confirm(&link, &mori, Timestamp(1)), Err(LinkError::NotProposed));
    changed(links.propose(&link, &sato, Timestamp(2)));
    assert_eq!(links.propose(&link, &sato, Timestamp(3)), Ok(None));
    assert_eq!(links.confirm(&link, &sato, Timestamp(4)), Err(LinkError::SamePerson));
    let at_another_device = editor(1, 2, "sato");
    assert_eq!(links.confirm(&link, &at_another_device, Timestamp(4)), Err(LinkError::SamePerson));
    assert!(links.find(&link).is_some_and(|view| view.confirmed.is_none()));
    changed(links.confirm(&link, &mori, Timestamp(5)));
    assert_eq!(
        links.view(),
        [LinkView {
            link: link.clone(),
            proposed: Mark { editor: sato, at: Timestamp(2) },
            confirmed: Some(Mark { editor: mori.clone(), at: Timestamp(5) }),
        }]
    );
    assert_eq!(links.confirm(&link, &mori, Timestamp(6)), Ok(None));
}

#[test]
fn two_people_of_one_name_at_two_facilities_are_two() {
    let mut links = Links::new();
    let link = link("0001");
    changed(links.propose(&link, &editor(1, 1, "sato"), Timestamp(1)));
    changed(links.confirm(&link, &editor(2, 2, "sato"), Timestamp(2)));
    assert!(links.find(&link).is_some_and(|view| view.confirmed.is_some()));
}

#[test]
fn a_removal_takes_back_what_it_saw_and_a_proposal_made_apart_stays() {
    let (sato, mori) = (editor(1, 1, "sato"), editor(1, 2, "mori"));
    let link = link("0001");
    let mut mine = Links::new();
    let proposed = changed(mine.propose(&link, &sato, Timestamp(1)));
    let mut theirs = Links::new();
    theirs.apply(&sato.author, &proposed).expect("sound");
    let removed = changed(mine.remove(&link, &sato, Timestamp(2)));
    assert_eq!(mine.view(), []);
    let again = changed(theirs.propose(&link, &mori, Timestamp(2)));
    mine.apply(&mori.author, &again).expect("sound");
    theirs.apply(&sato.author, &removed).expect("sound");
    assert_eq!(mine.view(), theirs.view());
    assert!(mine.find(&link).is_some_and(|view| view.proposed.editor == mori));
    assert_eq!(Links::load(&mine.save()).expect("just saved").view(), mine.view());
}

/// A device that confirms its own proposal under another's name gains nothing: the envelope tells.
#[test]
fn a_confirmation_that_points_to_its_own_proposal_does_not_count() {
    let sato = editor(1, 1, "sato");
    let link = link("0001");
    let mut links = Links::new();
    changed(links.propose(&link, &sato, Timestamp(1)));
    let proposals = links.entries().proposals(&link).map(|said| said.id).collect();
    changed(links.say(Action::Confirm, &link, proposals, &sato, Timestamp(2)));
    assert!(links.find(&link).is_some_and(|view| view.confirmed.is_none()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_order_with_repeats_gives_the_same_links(
        steps in prop::collection::vec((0..3u8, 0..3u8, 0..2u8), 1..16),
        order in Just((0..32usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut replicas = [Links::new(), Links::new()];
        let mut made: Vec<Contribution> = Vec::new();
        for (at, (action, who, local)) in (1..).zip(steps) {
            let editor = editor(1, who, &format!("staff {who}"));
            let link = link(&local.to_string());
            let replica = &mut replicas[usize::from(who % 2)];
            let changes = match action {
                0 => replica.propose(&link, &editor, Timestamp(at)),
                1 => replica.confirm(&link, &editor, Timestamp(at)),
                _ => replica.remove(&link, &editor, Timestamp(at)),
            };
            if let Ok(Some(changes)) = changes {
                made.push(Contribution { author: editor.author, changes });
            }
        }
        let (straight, applied) = Links::replay(&made);
        prop_assert!(applied.refused.is_empty() && applied.waiting == 0);
        let mut shuffled = Links::new();
        for at in order.iter().chain(&order) {
            if let Some(Contribution { author, changes }) = made.get(*at) {
                shuffled.apply(author, changes).expect("sound");
            }
        }
        prop_assert_eq!(shuffled.view(), straight.view());
    }
}
