//! The parts of one entry of a Bundle, and the outline of a resource.

use std::borrow::Cow;

use super::json::{Fault, Parser};

/// What an entry consists of.
pub(crate) struct Entry<'a, T> {
    /// The name that the Bundle has for the resource; `Some(None)` where it is not a string.
    pub(crate) full_url: Option<Option<Cow<'a, str>>>,
    /// The method of `request`.
    pub(crate) method: Option<Cow<'a, str>>,
    /// There is a `response`.
    pub(crate) response: bool,
    /// Where the resource starts within the entry, its span, and what was read of it.
    pub(crate) resource: Option<(usize, &'a str, T)>,
    /// One of the above stands there twice.
    pub(crate) repeated: bool,
}

impl<'a, T> Entry<'a, T> {
    /// Reads an entry, the resource by `read`; `None` where it is not an object.
    pub(crate) fn read(
        parser: &mut Parser<'a>,
        mut read: impl FnMut(&mut Parser<'a>) -> Result<T, Fault>,
    ) -> Result<Option<Self>, Fault> {
        if parser.ahead()? != b'{' {
            parser.skip()?;
            return Ok(None);
        }
        let mut entry =
            Self { full_url: None, method: None, response: false, resource: None, repeated: false };
        parser.members(|parser, key| {
            match key.as_ref() {
                "fullUrl" => {
                    entry.repeated |= entry.full_url.is_some();
                    entry.full_url = Some(parser.text_if_any()?);
                }
                "resource" => {
                    entry.repeated |= entry.resource.is_some();
                    entry.resource = Some(parser.spanned(&mut read)?);
                }
                "request" => {
                    entry.repeated |= entry.method.is_some();
                    entry.method = method(parser)?;
                }
                "response" => {
                    entry.response = true;
                    parser.skip()?;
                }
                _ => parser.skip()?,
            }
            Ok(())
        })?;
        Ok(Some(entry))
    }
}

fn method<'a>(parser: &mut Parser<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let mut method = None;
    if parser.ahead()? != b'{' {
        parser.skip()?;
        return Ok(None);
    }
    parser.members(|parser, key| {
        if key == "method" {
            method = parser.text_if_any()?;
            return Ok(());
        }
        parser.skip()
    })?;
    Ok(method)
}

/// What a resource says it is.
#[derive(Default)]
pub(crate) struct Outline<'a> {
    /// Its `resourceType`, where it is a string.
    pub(crate) kind: Option<Cow<'a, str>>,
    /// Its `id`, where it is a string.
    pub(crate) id: Option<Cow<'a, str>>,
    /// Its `type`, where it is a string.
    pub(crate) form: Option<Cow<'a, str>>,
    /// One of them, or `entry`, stands there twice.
    pub(crate) repeated: bool,
}

impl<'a> Outline<'a> {
    /// Checks a value and reads its outline.
    pub(crate) fn read(parser: &mut Parser<'a>) -> Result<Self, Fault> {
        let mut outline = Self::default();
        if parser.ahead()? != b'{' {
            parser.skip()?;
            return Ok(outline);
        }
        let mut entries = false;
        parser.members(|parser, key| {
            let field = match key.as_ref() {
                "resourceType" => &mut outline.kind,
                "id" => &mut outline.id,
                "type" => &mut outline.form,
                other => {
                    outline.repeated |= other == "entry" && entries;
                    entries |= other == "entry";
                    return parser.skip();
                }
            };
            outline.repeated |= field.is_some();
            *field = parser.text_if_any()?;
            Ok(())
        })?;
        Ok(outline)
    }
}
