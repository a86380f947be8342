//! What is sealed for a record before the record is taken.

use super::stories::disclosed;
use super::*;

#[test]
fn an_attachment_is_sealed_in_the_scope_that_its_record_then_goes_to() {
    let mut region = disclosed(81);
    let new = Subject::Patient("p-new".into());
    let sealer = |region: &Region, subject: &Subject| {
        let found = region.nodes["hospital"].replica.sealer(subject, [7; 32], 40_000);
        found.expect("a short content").map(|(scope, _)| scope)
    };
    assert_eq!(sealer(&region, &new), None, "nobody knows the patient yet");
    let open = || Command::OpenScopes { subjects: vec![Subject::Patient("p-new".into())] };
    assert_eq!(region.command("hospital", open()), Ok(Outcome::Opened));
    let scope = sealer(&region, &new).expect("made");
    assert_eq!(region.command("hospital", open()), Ok(Outcome::Opened), "and once is enough");
    assert_eq!(sealer(&region, &new), Some(scope));
    region.command("hospital", import(vec![record("p-new", "o1", "{}")])).expect("an import");
    let entry = View::new(&region.nodes["hospital"].disk).scope(&scope).expect("sound");
    let number = entry.expect("known").number;
    let records = View::new(&region.nodes["hospital"].disk).records(number).expect("sound");
    assert_eq!(records.len(), 1);
    let refused = region.command("clinic", open()).expect_err("it discloses nothing");
    assert!(matches!(refused, CommandError::NoRight(_)), "{refused}");
}
