//! What a resource is, apart from how it is spelt: its digest, and the names that it may have.

use azalea_core::document::content_digest;
use azalea_core::wire::limits;

use super::json::{Node, write_canonical};

/// Digest of the canonical form, which is written into `scratch` on the way.
pub(crate) fn digest(resource: &Node<'_>, scratch: &mut Vec<u8>) -> [u8; 32] {
    scratch.clear();
    write_canonical(resource, scratch);
    content_digest(scratch)
}

/// The id of a resource that has none: equal for equal content.
pub(crate) fn nameless(resource: &Node<'_>) -> String {
    nameless_id(&digest(resource, &mut Vec::new()))
}

/// The id that stands for content.
pub(crate) fn nameless_id(digest: &[u8; 32]) -> String {
    format!("sha-{}", data_encoding::HEXLOWER.encode(digest))
}

/// True where a text can be an id: not empty, within the limit, nothing that a terminal or a page would act on.
pub(crate) fn usable_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= limits::KEY.max && !text.chars().any(char::is_control)
}
