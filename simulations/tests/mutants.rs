//! The list of mutations of the sources does not rot.

use std::path::Path;

use azalea_simulations::mutants::list;

#[test]
fn every_mutation_changes_one_place_of_a_source_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mutants = list(&root).unwrap_or_else(|error| panic!("{error}"));
    assert!(mutants.len() >= 12, "{} mutations", mutants.len());
}
