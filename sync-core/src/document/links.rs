//! Which of a facility's own patient IDs is which patient of the network (名寄せ).
//!
//! A link counts once two people have said so: one proposes, another confirms. What they say is kept as a set of
//! entries that only grows; a removal names the entries that it takes back, so a proposal made apart from it
//! stays. Whoever says something is known from the envelope, not from the entry.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc, ScalarValue, Value};

use super::shared::{Applied, EditError, LoadError, Shared};
use super::{Author, ChangeError, Contribution, Editor};
use crate::id::{FacilityId, PatientId, Timestamp};
use crate::wire::{Limit, Reader, Wire, WireError, Writer, limits};

/// That a facility's own patient ID belongs to a patient of the network.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The facility whose ID it is.
    pub facility: FacilityId,
    /// The facility's own patient ID.
    pub local: String,
    /// The patient.
    pub patient: PatientId,
}

/// Prints no patient.
impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({:?})", self.facility)
    }
}

impl Wire for Link {
    fn write(&self, writer: &mut Writer) {
        self.facility.write(writer);
        writer.text(&self.local);
        self.patient.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let facility = FacilityId::read(reader)?;
        let local = reader.text(limits::KEY)?.to_owned();
        Ok(Self { facility, local, patient: PatientId::read(reader)? })
    }
}

/// Who said something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub editor: Editor,
    /// When, by the editor's device.
    pub at: Timestamp,
}

/// What stands about one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// Who proposed it; the earliest where several did.
    pub proposed: Mark,
    /// Who confirmed it, another person; `None` while the proposal is open.
    pub confirmed: Option<Mark>,
}

/// The links of one scope, with everything that was said about them.
#[derive(Clone)]
pub struct Links {
    shared: Shared,
}

impl Links {
    /// No links.
    pub fn new() -> Self {
        Self { shared: Shared::new() }
    }

    /// The links that these contributions make; what is refused is left out and counted.
    pub fn replay(contributions: &[Contribution]) -> (Self, Applied) {
        let each = contributions.iter().map(|it| (&it.author, it.changes.as_slice()));
        let (shared, applied) = Shared::replay(each);
        (Self { shared }, applied)
    }

    /// Proposes a link. Returns the changes to seal; `None` where this person has proposed it already.
    pub fn propose(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let open = self.entries().proposals(link).any(|said| is_one(&said.mark.editor, editor));
        if open { Ok(None) } else { self.say(Action::Propose, link, Vec::new(), editor, at) }
    }

    /// Confirms a link that another person proposed. Returns the changes to seal; `None` where it is confirmed.
    pub fn confirm(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let entries = self.entries();
        if entries.view(link).is_some_and(|view| view.confirmed.is_some()) {
            return Ok(None);
        }
        let mut proposals = entries.proposals(link).peekable();
        if proposals.peek().is_none() {
            return Err(LinkError::NotProposed);
        }
        let theirs: Vec<EntryId> = proposals
            .filter(|said| !is_one(&said.mark.editor, editor))
            .map(|said| said.id)
            .collect();
        if theirs.is_empty() {
            return Err(LinkError::SamePerson);
        }
        self.say(Action::Confirm, link, theirs, editor, at)
    }

    /// Takes back all that is held about a link. Returns the changes to seal; `None` where nothing stands.
    pub fn remove(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let standing: Vec<EntryId> = self.entries().standing(link).map(|said| said.id).collect();
        if standing.is_empty() {
            Ok(None)
        } else {
            self.say(Action::Remove, link, standing, editor, at)
        }
    }

    /// Every link that is proposed or confirmed, in the order of facility and ID.
    pub fn view(&self) -> Vec<LinkView> {
        let entries = self.entries();
        let links: BTreeSet<&Link> = entries.0.values().map(|said| &said.entry.link).collect();
        links.into_iter().filter_map(|link| entries.view(link)).collect()
    }

    /// What stands about one link.
    pub fn find(&self, link: &Link) -> Option<LinkView> {
        self.entries().view(link)
    }

    /// Takes in changes that came in an envelope of `author`. Never panics, whatever the bytes.
    pub fn apply(&mut self, author: &Author, changes: &[u8]) -> Result<Applied, ChangeError> {
        self.shared.apply(author, changes)
    }

    /// The document for this replica's own store.
    pub fn save(&self) -> Vec<u8> {
        self.shared.save()
    }

    /// Takes back what [`Links::save`] wrote. For this replica's own store only.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Shared::load(bytes).map(|shared| Self { shared })
    }

    fn say(
        &mut self,
        action: Action,
        link: &Link,
        about: Vec<EntryId>,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let entry = Entry { action, link: link.clone(), about };
        let bytes = entry.to_bytes();
        let device = editor.author.device;
        let id = EntryId::digest(
            ENTRY_CONTEXT,
            &[&bytes, device.as_bytes(), editor.staff.as_bytes(), &at.to_bytes()],
        );
        let changes = self.shared.edit(None, editor, at, |transaction| {
            transaction.put(ROOT, id.to_string(), ScalarValue::Bytes(bytes.clone()))
        })?;
        Ok(changes)
    }

    /// What was said, without what does not read: a newer program's, or damage by its author.
    fn entries(&self) -> Entries {
        let document = self.shared.document();
        let mut entries = BTreeMap::new();
        for key in document.keys(ROOT) {
            let Ok(id) = key.parse::<EntryId>() else { continue };
            let Ok(Some((Value::Scalar(value), place))) = document.get(ROOT, key) else { continue };
            let ScalarValue::Bytes(bytes) = value.as_ref() else { continue };
            let (Ok(entry), Some(writer)) = (Entry::from_bytes(bytes), self.shared.writer(&place))
            else {
                continue;
            };
            let mark = Mark { editor: writer.editor, at: writer.at };
            entries.insert(id, Said { id, entry, mark });
        }
        Entries(entries)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints how much there is, not whom it is about.
impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Links({} entries)", self.shared.document().length(ROOT))
    }
}

/// Whether two editors are one person, at whichever device.
fn is_one(a: &Editor, b: &Editor) -> bool {
    (a.author.facility, &a.staff) == (b.author.facility, &b.staff)
}

type EntryId = crate::id::VersionId;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Propose,
    Confirm,
    Remove,
}

/// One thing that somebody said.
struct Entry {
    action: Action,
    link: Link,
    /// The entries that this confirms or removes.
    about: Vec<EntryId>,
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
struct Said {
    id: EntryId,
    entry: Entry,
    mark: Mark,
}

struct Entries(BTreeMap<EntryId, Said>);

impl Entries {
    /// What was said about a link and not taken back.
    fn standing(&self, link: &Link) -> impl Iterator<Item = &Said> {
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

    fn proposals(&self, link: &Link) -> impl Iterator<Item = &Said> {
        self.standing(link).filter(|said| said.entry.action == Action::Propose)
    }

    fn view(&self, link: &Link) -> Option<LinkView> {
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

/// Why nothing was said about a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody has proposed it, or the proposal was taken back.
    #[error("nobody has proposed this link")]
    NotProposed,
    /// The person who proposed it cannot confirm it.
    #[error("a link is confirmed by another person than the one who proposed it")]
    SamePerson,
    /// The edit could not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
}

const VERSION: u8 = 1;
const FIELD: &str = "link entry";
const ENTRY_CONTEXT: &str = "azalea link entry v1";
const ABOUT: Limit = Limit { name: "link_entries_max", max: 4_096 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeviceId;
    use proptest::prelude::*;

    fn editor(facility: u8, device: u8, staff: &str) -> Editor {
        let author =
            Author { device: DeviceId([device; 16]), facility: FacilityId([facility; 16]) };
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
        assert_eq!(
            links.confirm(&link, &at_another_device, Timestamp(4)),
            Err(LinkError::SamePerson)
        );
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
}
