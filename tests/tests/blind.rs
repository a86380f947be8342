//! The relay is blind, and logs are silent: names, ids and texts that travel are nowhere in the relay's files and memory, and nowhere
//! in what any process says at trace level.

use azalea_tests::fhir::{allergy, bundle, observation, patient};
use azalea_tests::search::{Found, Needles};
use azalea_tests::{CLINIC, HOSPITAL, Node, PHARMACY, Region, STAFF_NAME, until};

const LOCAL: &str = "ZK-88431-Q7";
const TEXTS: [&str; 11] = [
    LOCAL,
    "鷲津野",
    "まどか之介",
    "ワシヅノ マドカノスケ",
    "1931-03-17",
    "稀有所見アカザメ",
    "7391.0420",
    "赤紫蘇アレルギー",
    "夜半に三度目覚める",
    "washizuno-ward-seven",
    STAFF_NAME,
];
/// What the note says; its beginning is looked for.
const NOTE: &str = "夜半に三度目覚める。水分を摂り再び眠る。";

/// What a test may say about a finding: texts here are invented.
fn told(found: &[Found]) -> String {
    let lines =
        found.iter().take(20).map(|it| format!("{} as {} in {}", it.text, it.form, it.place));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs everything that carries a patient's data: an import, a consent, notes both ways, a new version, searches, screens.
fn traffic(region: &Region, hospital: &Node, clinic: &Node) -> String {
    let chart = [
        patient(LOCAL, "鷲津野", "まどか之介", "ワシヅノ マドカノスケ", "1931-03-17"),
        observation("lab-ZK-88431-Q7", LOCAL, "2026-10-01", "稀有所見アカザメ", "7391.0420"),
        allergy("all-ZK-88431-Q7", LOCAL, "赤紫蘇アレルギー"),
    ];
    let file = region.write("washizuno-ward-seven.json", &bundle(&chart));
    hospital.import(&file);
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&who]).len() == chart.len()).then_some(()));
    clinic.note(&who, NOTE);
    until("the note arrives", || (hospital.note_texts(&who) == [NOTE]).then_some(()));
    // Through the inbox too, whose file names are somebody's choice.
    let newer =
        observation("lab-ZK-88431-Q7", LOCAL, "2026-10-02", "稀有所見アカザメ", "7391.0420");
    let waiting = hospital.dir().join("inbox/.washizuno-ward-seven.json");
    std::fs::write(&waiting, bundle(std::slice::from_ref(&newer))).expect("a file in the inbox");
    std::fs::rename(&waiting, waiting.with_file_name("washizuno-ward-seven.json")).expect("a name");
    // One that is cut off, whose fault is said somewhere, and one whose patient nobody knows.
    let inbox = hospital.dir().join("inbox");
    let cut = bundle(&chart);
    std::fs::write(inbox.join("washizuno-ward-seven-cut.json"), &cut[..cut.len() - 40])
        .expect("a file");
    let stray =
        observation("stray-ZK-88431-Q7", "ZK-88431-Q7-x", "2026-10-02", "稀有所見アカザメ", "1");
    std::fs::write(inbox.join("washizuno-ward-seven-stray.json"), &stray).expect("a file");
    until("the new version arrives", || clinic.export(&[&who]).contains(&newer).then_some(()));
    until("the bad file is set apart", || {
        (hospital.status()["quarantined"].as_u64() >= Some(1)).then_some(())
    });
    for node in [hospital, clinic] {
        node.ask(&["patient", "list", "鷲津野"]).expect("azalea patient list");
        node.ask(&["patient", "show", &who]).expect("azalea patient show");
        node.verify();
    }
    who
}

#[test]
fn the_relay_has_seen_nothing_and_no_log_tells_anything() {
    let mut region = Region::start_with(&[("RUST_LOG", "trace")]);
    let mut hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    let mut pharmacy = region.join(&PHARMACY);
    let who = traffic(&region, &hospital, &clinic);
    pharmacy.in_step();

    let secret = Needles::new(&TEXTS);
    // The search finds what is there: the clinic knows the patient, the relay its members.
    let seen = secret.in_memory(clinic.daemon().pid()).expect("we may look into our own processes");
    assert!(seen.iter().any(|found| found.text == "鷲津野" && found.form == "UTF-8"), "{seen:?}");
    let relay = region.relay.daemon().pid();
    region.relay.status();
    let members = Needles::new(&[HOSPITAL.name]);
    let seen = members.in_memory(relay).expect("we may look into our own processes");
    assert!(!seen.is_empty(), "the relay knows who its members are");
    assert!(!members.in_files(region.relay.dir()).is_empty(), "and keeps their certificates");

    let found = secret.in_memory(relay).expect("we may look into our own processes");
    assert!(found.is_empty(), "in the relay's memory:\n{}", told(&found));
    // The patient's id in the network is random, and yet nothing that the relay has to know.
    let ids = Needles::new(&[&who]);
    let found = ids.in_memory(relay).expect("we may look into our own processes");
    assert!(found.is_empty(), "the relay knows a patient's id:\n{}", told(&found));
    let found = secret.in_memory(pharmacy.daemon().pid()).expect("we may look");
    let found: Vec<_> = found.into_iter().filter(|found| found.text != STAFF_NAME).collect();
    assert!(found.is_empty(), "in the memory of who may not read:\n{}", told(&found));

    // At rest: the relay's files, and those of the facilities, whose stores are under a key.
    let found = secret.in_files(region.relay.dir());
    assert!(found.is_empty(), "in the relay's files:\n{}", told(&found));
    for node in [&mut hospital, &mut clinic, &mut pharmacy] {
        node.stop();
        let files = std::fs::read_dir(node.dir()).expect("a data directory").flatten();
        let found: Vec<_> = files
            // Files that the hospital itself put there are as open as it chose.
            .filter(|file| {
                !["inbox", "done", "quarantined"].map(Into::into).contains(&file.file_name())
            })
            .flat_map(|file| secret.in_files(&file.path()))
            .collect();
        assert!(found.is_empty(), "at rest at the {}:\n{}", node.part.slug, told(&found));
    }

    // What they all said, which was a great deal.
    region.relay.stop();
    let mut said = 0;
    for log in [region.relay.log(), hospital.log(), clinic.log(), pharmacy.log()] {
        let bytes = std::fs::read(log).expect("a log");
        said += bytes.len();
        let found = secret.in_bytes(&bytes, &log.display().to_string());
        assert!(found.is_empty(), "in a log:\n{}", told(&found));
        let found = ids.in_bytes(&bytes, &log.display().to_string());
        assert!(found.is_empty(), "in a log:\n{}", told(&found));
    }
    assert!(said > 100_000, "at trace level, logs are long: {said} bytes");
}
