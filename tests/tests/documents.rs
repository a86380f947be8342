//! What the documents name is there: links between pages, pictures, and the files and folders of the code.

use std::path::{Path, PathBuf};

use azalea_tests::programs::root;

/// Folders at the top: a path in backticks that begins with one of them is one of ours.
const ROOMS: [&str; 6] = ["sync-core", "node", "relay", "tests", "simulations", "docs"];

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of documents") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of links and pictures that lie in the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
}

/// Paths of the code in backticks, with nothing in them that stands for something else.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|path| {
        let room = path.split_once('/').map(|(room, _)| room);
        room.is_some_and(|room| ROOMS.contains(&room))
            && !path.contains([' ', '*', '{', '<', '…'])
            && path.to_lowercase() == **path
    })
}

#[test]
fn every_page_and_file_that_the_documents_name_is_there() {
    let mut all = vec![root().join("README.md")];
    pages(&root().join("docs"), &mut all);
    let (mut named, mut missing) = (0, Vec::new());
    for page in &all {
        let text = std::fs::read_to_string(page).expect("a page");
        let beside = page.parent().expect("a page lies in a folder");
        let targets = links(&text).map(|link| beside.join(link));
        for target in targets.chain(paths(&text).map(|path| root().join(path))) {
            named += 1;
            if !target.exists() {
                missing.push(format!("{} names {}", page.display(), target.display()));
            }
        }
    }
    assert!(named > 20, "the documents name files: {named}");
    assert!(missing.is_empty(), "{missing:#?}");
}
