//! Style, script and mark, compiled in: nothing a page needs comes from a network.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const CSS: &str = include_str!("assets/azalea.css");
const SCRIPT: &str = include_str!("assets/azalea.js");
const MARK: &str = include_str!("assets/mark.svg");

/// The style's address: it changes with its content, so that a browser may keep it.
pub(super) fn css_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| path(CSS, "css"));
    &PATH
}

/// The script's address.
pub(super) fn script_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| path(SCRIPT, "js"));
    &PATH
}

/// The mark's address.
pub(super) fn mark_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| path(MARK, "svg"));
    &PATH
}

fn path(content: &str, kind: &str) -> String {
    format!("/assets/{}.{kind}", &blake3::hash(content.as_bytes()).to_hex()[..16])
}

/// Serves one asset.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let asked = format!("/assets/{name}");
    let known = [
        (css_path(), CSS, "text/css; charset=utf-8"),
        (script_path(), SCRIPT, "text/javascript; charset=utf-8"),
        (mark_path(), MARK, "image/svg+xml"),
    ];
    match known.into_iter().find(|(path, ..)| *path == asked) {
        Some((_, content, kind)) => {
            let headers =
                [(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, max-age=31536000, immutable")];
            (headers, content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
