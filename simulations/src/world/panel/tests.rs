//! The region that is drawn is that of the field.

use super::*;
use crate::world::{Quality, atlas};

fn story(seed: u64) -> (Options, Vec<Place>, Panel) {
    let story = include_str!("../../../stories/whole-region.json");
    let options = Options { seed, ..serde_json::from_str(story).expect("a story") };
    let places = atlas::draw(&options);
    let region = options.region.clone().expect("counted by patients");
    let panel = Panel::draw(&options, &region, &places);
    (options, places, panel)
}

#[test]
fn the_whole_region_is_that_of_the_field() {
    let (options, places, panel) = story(1);
    let facilities: Vec<&Place> = places.iter().filter(|it| it.tablet_of.is_none()).collect();
    assert_eq!(facilities.iter().filter(|it| it.discloses).count(), 7);
    assert_eq!(facilities.iter().filter(|it| !it.discloses).count(), 238);
    let of = |kind| facilities.iter().filter(|it| it.kind == kind).count();
    let kinds = [FacilityKind::Hospital, FacilityKind::Clinic];
    assert_eq!(kinds.map(of), [7 + 12, 166]);
    assert_eq!([FacilityKind::Pharmacy, FacilityKind::VisitingNurse].map(of), [48, 12]);
    let tablets: Vec<&Place> = places.iter().filter(|it| it.tablet_of.is_some()).collect();
    assert!(tablets.len() == 24 && tablets.iter().all(|it| it.line == Quality::Mobile));
    assert!(tablets.iter().all(|it| it.kind == FacilityKind::VisitingNurse));
    let admitted = |by| facilities.iter().filter(|it| it.district == by).count();
    let admitted: Vec<usize> = (0..4).map(admitted).collect();
    assert_eq!(admitted.iter().sum::<usize>(), 245);
    assert!(admitted.is_sorted_by(|a, b| a > b) && admitted[3] > 10, "{admitted:?}");
    assert_eq!(panel.people.len(), 14_400);
    assert_eq!(panel.people.iter().filter(|it| it.linked.is_some()).count(), 40);
    let region = options.region.expect("counted by patients");
    assert_eq!(region, Region::default());
    let month = |rate, per| region.in_all(rate, per, options.seconds);
    assert_eq!((month(region.messages, 1), month(region.resources, 1)), (71_013, 272_219));
}

#[test]
fn lines_are_worse_further_out_and_on_the_road() {
    let places: Vec<Place> = (1..11).flat_map(|seed| story(seed).1).collect();
    let fibre = |is_one: &dyn Fn(&&Place) -> bool| {
        let these: Vec<&Place> =
            places.iter().filter(|it| it.tablet_of.is_none()).filter(is_one).collect();
        let fibre = these.iter().filter(|it| it.line == Quality::Fibre);
        100 * fibre.count() / these.len()
    };
    let clinics = |it: &&Place, by| it.kind == FacilityKind::Clinic && it.district == by;
    assert_eq!(fibre(&|it| it.kind == FacilityKind::Hospital), 100);
    let (city, out) = (fibre(&|it| clinics(it, 0)), fibre(&|it| clinics(it, 3)));
    assert!(city > 80 && out < 55, "{city} of a hundred in the city, {out} in the valleys");
}

/// What the largest of so many hold of all, in hundredths, and what the smallest does.
fn shares(mut sizes: Vec<u64>, largest: usize) -> (u64, u64) {
    sizes.sort_unstable();
    let all: u64 = sizes.iter().sum();
    let most: u64 = sizes.iter().rev().take(largest).sum();
    (100 * most / all, 1_000 * sizes[0] / all)
}

#[test]
fn sizes_work_and_openings_follow_power_laws() {
    let (_, places, panel) = story(1);
    let mut patients = vec![0; places.len()];
    let mut panels = vec![0; places.len()];
    for person in &panel.people {
        patients[person.hospital] += 1;
        person.readers.iter().for_each(|reader| panels[*reader] += 1);
    }
    let (largest, smallest) = shares(patients[..7].to_vec(), 1);
    assert!((35..43).contains(&largest) && (45..65).contains(&smallest));
    let (tenth, _) = shares(panels[7..7 + 166].to_vec(), 17);
    assert!((29..40).contains(&tenth), "the largest tenth of the clinics has {tenth} %");
    assert!(panels[7..].iter().take(238).all(|panel| *panel > 0), "nobody reads nothing");
    let each = |sums: &Sums| {
        let before = [0].into_iter().chain(sums.0.iter().copied());
        before.zip(&sums.0).map(|(before, sum)| sum - before).collect::<Vec<u64>>()
    };
    let (tenth, _) = shares(each(&panel.messages), 1_440);
    assert!((48..58).contains(&tenth), "the heaviest tenth has {tenth} % of the messages");
    let openings = each(&panel.openings);
    assert!(openings.iter().all(|openings| (1..=9).contains(openings)));
    let with = |n| openings.iter().filter(|openings| **openings == n).count();
    assert!(with(1) > 14_400 / 2 && with(1) > 3 * with(2) && with(9) > 50);
    let mean = panel.openings() * 100 / 14_400;
    assert!((170..200).contains(&mean), "{mean} hundredths a year");
}

#[test]
fn who_looks_after_whom_hangs_on_the_seed_alone() {
    assert!(story(3).2.people == story(3).2.people);
    assert!(story(3).2.people != story(4).2.people);
    let nurses = |it: &&Person| it.readers.iter().any(|place| (221..233).contains(place));
    let nursed = story(3).2.people.iter().filter(nurses).count();
    assert!((1_500..2_000).contains(&nursed), "{nursed} have a visiting nurse");
}

#[test]
fn a_region_of_one_hospital_and_a_pharmacy_has_patients_too() {
    let options =
        Options { hospitals: 1, clinics: 0, pharmacies: 1, links: 3, ..Options::default() };
    let places = atlas::draw(&options);
    let panel = Panel::draw(&options, &Region::default(), &places);
    assert!(panel.people.iter().all(|it| it.readers == [1] && it.linked.is_none()));
}
