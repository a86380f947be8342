//! What was said about links, one entry each, and what it amounts to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Link, LinkView, Mark};
use crate::document::Editor;
use crate::wire::{Limit, Reader, Wire, WireError, Writer};

/// Whether two editors are one person, at whichever device.
pub(super) fn is_one(a: &Editor, b: &Editor) -> bool {
    (a.author.facility, &a.staff) == (b.author.facility, &b.staff)
}

/// Names an entry by the digest of what it says, who says it and when.
pub(super) type EntryId = crate::id::VersionId;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Propose,
    Confirm,
    Remove,
}

/// One thing that somebody said.
pub(super) struct Entry {
    pub(super) action: Action,
    pub(super) link: Link,
    /// The entries that this confirms or removes.
    pub(super) about: Vec<EntryId>,
}

impl Wire for Entry {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        writer.u8(match self.action {
            Action::Propose => 1,
            Action::Confirm => 2,
            Action::Remove => 3,
        });
        self.link.write(writer);
        writer.list(&self.about);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8(FIELD)? {
            VERSION => {}
            found => return Err(WireError::Version { field: FIELD, found, known: VERSION }),
        }
        let action = match reader.u8("link action")? {
            1 => Action::Propose,
            2 => Action::Confirm,
            3 => Action::Remove,
            _ => return Err(WireError::Invalid { field: "link action" }),
        };
        Ok(Self { action, link: Link::read(reader)?, about: reader.list(ABOUT)? })
    }
}

/// An entry with its id and who made it.
pub(super) struct Said {
    pub(super) id: EntryId,
    pub(super) entry: Entry,
    pub(super) mark: Mark,
}

pub(super) struct Entries(pub(super) BTreeMap<EntryId, Said>);

impl Entries {
    /// What was said about a link and not taken back.
    pub(super) fn standing(&self, link: &Link) -> impl Iterator<Item = &Said> {
        let about_link = |said: &&Said| said.entry.link == *link;
        let removed: BTreeSet<EntryId> = self
            .0
            .values()
            .filter(about_link)
            .filter(|said| said.entry.action == Action::Remove)
            .flat_map(|said| said.entry.about.iter().copied())
            .collect();
        self.0
            .values()
            .filter(move |said| said.entry.link == *link)
            .filter(move |said| said.entry.action != Action::Remove && !removed.contains(&said.id))
    }

    pub(super) fn proposals(&self, link: &Link) -> impl Iterator<Item = &Said> {
        self.standing(link).filter(|said| said.entry.action == Action::Propose)
    }

    pub(super) fn view(&self, link: &Link) -> Option<LinkView> {
        let earliest = |said: &&Said| (said.mark.at, said.id);
        let confirms = |confirmation: &Said, proposal: &Said| {
            confirmation.entry.about.contains(&proposal.id)
                && !is_one(&confirmation.mark.editor, &proposal.mark.editor)
        };
        let confirmed = self
            .standing(link)
            .filter(|said| said.entry.action == Action::Confirm)
            .flat_map(|said| {
                let proposals = self.proposals(link).filter(|proposal| confirms(said, proposal));
                proposals.map(move |proposal| (said, proposal))
            })
            .min_by_key(|(said, proposal)| (earliest(said), earliest(proposal)));
        let proposal = match confirmed {
            Some((_, proposal)) => proposal,
            None => self.proposals(link).min_by_key(earliest)?,
        };
        Some(LinkView {
            link: link.clone(),
            proposed: proposal.mark.clone(),
            confirmed: confirmed.map(|(said, _)| said.mark.clone()),
        })
    }
}

const VERSION: u8 = 1;
const FIELD: &str = "link entry";
const ABOUT: Limit = Limit { name: "link_entries_max", max: 4_096 };
