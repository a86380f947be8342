//! Every operation that a document has, so that a new change's references can be checked before it is merged.
//!
//! A reference must point to something that the change's author had: an operation of the same change, or of one
//! that it depends on. Whether a change is sound then depends on its own past only, and every replica
//! decides alike, in whatever order changes come.

use std::collections::{BTreeSet, HashMap};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, ChangeHash, ObjType, ScalarValue};

use super::changes::{Candidate, ChangeError};

/// What a document consists of.
#[derive(Clone, Default)]
pub(super) struct Shape {
    nodes: Vec<Node>,
    by_hash: HashMap<ChangeHash, usize>,
    operations: HashMap<OpId, Spot>,
    /// The changes that no other one builds on.
    heads: BTreeSet<usize>,
}

/// The changes that one builds on.
enum Past {
    /// All that there are: whoever writes after having read everything.
    All,
    /// These.
    Some(Vec<bool>),
}

impl Past {
    fn contains(&self, node: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(nodes) => nodes.get(node).copied().unwrap_or(false),
        }
    }
}

/// A change and those that it depends on.
#[derive(Clone)]
struct Node {
    dependencies: Vec<usize>,
    last_operation: u64,
}

/// What one operation did, and where.
#[derive(Clone)]
struct Spot {
    /// Which change it is part of.
    node: usize,
    object: ObjectId,
    place: Place,
    makes: Option<ObjType>,
    inserts: bool,
}

/// A place in an object that can hold values.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Field(String),
    Element(OpId),
}

impl Shape {
    /// Whether everything that the change depends on is there.
    pub(super) fn is_ready(&self, candidate: &Candidate) -> bool {
        candidate.expanded.deps.iter().all(|hash| self.by_hash.contains_key(hash))
    }

    /// Checks a change that is ready, and takes it in if it is sound.
    pub(super) fn take(&mut self, candidate: &Candidate) -> Result<(), ChangeError> {
        let dependencies = self.dependencies(candidate)?;
        let past = self.past(&dependencies);
        let first = candidate.expanded.start_op.get();
        let operations = &candidate.expanded.operations;
        let last = first.saturating_add(operations.len() as u64).saturating_sub(1);
        if operations.is_empty() {
            return Err(ChangeError::Malformed { field: "operations" });
        }
        if candidate.expanded.seq != 1 {
            return Err(ChangeError::Foreign { field: "a sequence number" });
        }
        if self.last_operation(&past) >= first || last > u64::from(u32::MAX) {
            return Err(ChangeError::Malformed { field: "first operation" });
        }
        for (count, limit, max) in [
            (self.operations.len() + operations.len(), "document_operations_max", OPERATIONS_MAX),
            (self.nodes.len() + 1, "document_changes_max", CHANGES_MAX),
        ] {
            if count > max {
                return Err(ChangeError::TooMuch { limit, max });
            }
        }
        let spots = self.spots(&past, first, &candidate.expanded.actor_id, operations)?;
        self.operations.extend(spots);
        let node = self.nodes.len();
        self.by_hash.insert(candidate.change.hash(), node);
        dependencies.iter().for_each(|before| {
            self.heads.remove(before);
        });
        self.heads.insert(node);
        self.nodes.push(Node { dependencies, last_operation: last });
        Ok(())
    }

    fn dependencies(&self, candidate: &Candidate) -> Result<Vec<usize>, ChangeError> {
        let dangling = ChangeError::Dangling { field: "a change" };
        let find = |hash| self.by_hash.get(hash).copied().ok_or(dangling.clone());
        candidate.expanded.deps.iter().map(find).collect()
    }

    fn past(&self, dependencies: &[usize]) -> Past {
        if self.heads.iter().all(|head| dependencies.contains(head)) {
            return Past::All;
        }
        let mut past = vec![false; self.nodes.len()];
        let mut open = dependencies.to_vec();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut past[node], true) {
                open.extend(&self.nodes[node].dependencies);
            }
        }
        Past::Some(past)
    }

    fn last_operation(&self, past: &Past) -> u64 {
        let in_past = |(at, _): &(usize, &Node)| past.contains(*at);
        let nodes = self.nodes.iter().enumerate().filter(in_past);
        nodes.map(|(_, node)| node.last_operation).max().unwrap_or(0)
    }

    fn spots(
        &self,
        past: &Past,
        first: u64,
        actor: &ActorId,
        operations: &[Op],
    ) -> Result<HashMap<OpId, Spot>, ChangeError> {
        let mut own: HashMap<OpId, Spot> = HashMap::with_capacity(operations.len());
        for (counter, operation) in (first..).zip(operations) {
            let id = OpId::new(counter, actor);
            let find = |id: &OpId| {
                own.get(id)
                    .or_else(|| self.operations.get(id).filter(|spot| past.contains(spot.node)))
            };
            let spot = check(&id, operation, self.nodes.len(), find)?;
            own.insert(id, spot);
        }
        Ok(own)
    }
}

/// Checks one operation against those that its author had.
fn check<'a>(
    id: &OpId,
    operation: &Op,
    node: usize,
    find: impl Fn(&OpId) -> Option<&'a Spot>,
) -> Result<Spot, ChangeError> {
    let dangling = |field| ChangeError::Dangling { field };
    let kind = match &operation.obj {
        ObjectId::Root => ObjType::Map,
        ObjectId::Id(object) => {
            find(object).and_then(|spot| spot.makes).ok_or(dangling("an object"))?
        }
    };
    let place = match (kind, &operation.key, operation.insert) {
        (ObjType::Map, Key::Map(field), false) => Place::Field(field.to_string()),
        (ObjType::List | ObjType::Text, Key::Seq(element), _) => {
            if let ElementId::Id(element) = element {
                find(element)
                    .filter(|spot| spot.inserts && spot.object == operation.obj)
                    .ok_or(dangling("an element"))?;
            }
            match (element, operation.insert) {
                (_, true) => Place::Element(id.clone()),
                (ElementId::Id(element), false) => Place::Element(element.clone()),
                (ElementId::Head, false) => return Err(dangling("an element")),
            }
        }
        _ => return Err(dangling("a place")),
    };
    let makes = check_action(kind, operation)?;
    for replaced in operation.pred.iter() {
        find(replaced)
            .filter(|spot| spot.object == operation.obj && spot.place == place)
            .ok_or(dangling("a value"))?;
    }
    let repeats = operation.pred.iter().zip(operation.pred.iter().skip(1)).any(|(a, b)| a == b);
    let replaces = !operation.pred.is_empty();
    let in_sequence = matches!(place, Place::Element(_));
    let must_replace = operation.action == OpType::Delete || in_sequence && !operation.insert;
    if repeats || replaces && operation.insert || must_replace && !replaces {
        return Err(ChangeError::Malformed { field: "predecessors" });
    }
    let inserts = operation.insert;
    Ok(Spot { node, object: operation.obj.clone(), place, makes, inserts })
}

/// Checks what an operation does; returns the object that it makes.
fn check_action(kind: ObjType, operation: &Op) -> Result<Option<ObjType>, ChangeError> {
    let foreign = |field| Err(ChangeError::Foreign { field });
    match (&operation.action, kind) {
        (OpType::Delete, _) if operation.insert => {
            Err(ChangeError::Malformed { field: "an insertion" })
        }
        (OpType::Delete, _) => Ok(None),
        (OpType::Put(ScalarValue::Str(_)), ObjType::Text) => Ok(None),
        (_, ObjType::Text) => foreign("text"),
        (OpType::Put(ScalarValue::Counter(_) | ScalarValue::Unknown { .. }), _) => {
            foreign("a value type")
        }
        (OpType::Put(_), _) => Ok(None),
        (OpType::Make(made @ (ObjType::Map | ObjType::List | ObjType::Text)), _) => Ok(Some(*made)),
        _ => foreign("an operation"),
    }
}

/// Operations of one document: a note of this size would take a day to read.
const OPERATIONS_MAX: usize = 1 << 20;
/// Changes of one document: checking one costs as much as there are before it, where it was made apart.
const CHANGES_MAX: usize = 16_384;
