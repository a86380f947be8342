//! A JSON value that borrows from the text it was read from.

use std::borrow::Cow;

/// Any JSON value. Objects are sorted by key, so that a member is found by bisection and equal objects are equal.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    /// The number as it is written.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// The member of an object; `None` for all else.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Object(members) = self else { return None };
        let place = members.binary_search_by(|(name, _)| name.as_ref().cmp(key)).ok()?;
        Some(&members[place].1)
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Node::Text(text) = self { Some(text) } else { None }
    }

    /// The text of a member that is a string.
    pub(crate) fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The elements of a list, a single value as a list of itself, nothing for null: how FHIR's readers treat
    /// elements that may repeat.
    pub(crate) fn items(&self) -> &[Node<'a>] {
        match self {
            Node::List(items) => items,
            Node::Null => &[],
            single => std::slice::from_ref(single),
        }
    }

    /// Calls `each` for every value at a path of member names with dots between; lists on the way are walked through.
    pub(crate) fn each_at<'n>(&'n self, path: &str, each: &mut dyn FnMut(&'n Node<'a>)) {
        let (first, rest) =
            path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        for item in self.items() {
            let Some(member) = item.get(first) else { continue };
            match rest {
                Some(rest) => member.each_at(rest, each),
                None => member.items().iter().for_each(&mut *each),
            }
        }
    }
}

/// Patient data: says its shape only.
impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Node::Null => f.write_str("null"),
            Node::Bool(_) => f.write_str("bool"),
            Node::Number(lexeme) => write!(f, "number({} bytes)", lexeme.len()),
            Node::Text(text) => write!(f, "text({} bytes)", text.len()),
            Node::List(items) => write!(f, "list({})", items.len()),
            Node::Object(members) => write!(f, "object({})", members.len()),
        }
    }
}
