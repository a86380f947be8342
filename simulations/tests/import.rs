//! What the generator writes is what the importer takes: every resource, in the chart of its patient.

use std::fs;

use azalea_node::import::{MemorySink, Subject, import_path};
use azalea_simulations::population::{Options, Population};

#[test]
fn the_importer_takes_every_resource_into_the_chart_of_its_patient() {
    let options = Options { patients: 40, years: 1, hospitals: 1, ..Options::default() };
    let population = Population::new(options);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("directory.json"), population.directory_bundle(0)).unwrap();
    for chart in population.charts() {
        fs::write(folder.path().join(format!("{}.json", chart.local_id)), chart.bundle()).unwrap();
    }
    let mut sink = MemorySink::default();
    let report = import_path(folder.path(), &mut sink, &mut |_| ());
    let held_back: Vec<_> = report.files.iter().flat_map(|file| &file.quarantined).collect();
    assert!(held_back.is_empty(), "{held_back:?}");
    for chart in population.charts() {
        for resource in &chart.resources {
            let versions = sink.versions(resource.kind, &resource.id);
            let [record] = versions else {
                panic!("{} {} has {} versions", resource.kind, resource.id, versions.len())
            };
            assert_eq!(
                record.subject,
                Subject::Patient(chart.local_id.clone()),
                "{}",
                resource.kind
            );
            assert_eq!(record.raw, resource.json.as_bytes());
        }
    }
    for resource in population.directory(0) {
        let [record] = sink.versions(resource.kind, &resource.id) else { panic!("one version") };
        assert_eq!(record.subject, Subject::Directory);
    }
}
