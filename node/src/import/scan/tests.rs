use super::*;
use std::io::BufReader;

/// Every piece of a stream in words, then how the stream ended.
fn pieces(bytes: &[u8], limit: usize, chunk: usize) -> Vec<String> {
    let mut scanner = Scanner::new(BufReader::with_capacity(chunk, bytes), limit);
    let show = |piece: Option<Piece<'_>>| {
        piece.map_or("too large".to_owned(), |piece| {
            String::from_utf8_lossy(piece.bytes).into_owned()
        })
    };
    let mut out = Vec::new();
    loop {
        match scanner.next() {
            Ok(Some(Step::Entry { number, place, piece, .. })) => {
                out.push(format!(
                    "entry {number} at {}:{}: {}",
                    place.line,
                    place.column,
                    show(piece)
                ));
            }
            Ok(Some(Step::Value { number, place, head, whole })) => {
                out.push(format!(
                    "head {number} at {}:{}: {}",
                    place.line,
                    place.column,
                    show(head)
                ));
                out.push(format!("whole {number}: {}", show(whole)));
            }
            Ok(None) => return out,
            Err(error) => {
                out.push(format!("{error:?}"));
                return out;
            }
        }
    }
}

fn check(text: &str, expected: &[&str]) {
    for chunk in [1, 2, 7, 4096] {
        assert_eq!(pieces(text.as_bytes(), 64, chunk), expected, "in chunks of {chunk}");
    }
}

#[test]
fn a_bundle_is_cut_into_its_entries_wherever_its_type_stands() {
    check(
        "{\"entry\" : [ {\"a\":\"}\"},\n {\"b\":[1]} ],\"type\":\"batch\"}\n",
        &[
            "entry 1 at 1:14: {\"a\":\"}\"}",
            "entry 2 at 2:2: {\"b\":[1]}",
            "head 1 at 1:1: {\"entry\" : [],\"type\":\"batch\"}",
            "whole 1: {\"entry\" : [ {\"a\":\"}\"},\n {\"b\":[1]} ],\"type\":\"batch\"}",
        ],
    );
    check(
        "{\"\\u0065ntry\":[7]}",
        &[
            "entry 1 at 1:16: 7",
            "head 1 at 1:1: {\"\\u0065ntry\":[]}",
            "whole 1: {\"\\u0065ntry\":[7]}",
        ],
    );
}

#[test]
fn only_an_array_named_entry_at_the_top_is_cut() {
    for text in ["{\"a\":{\"entry\":[1]}}", "{\"a\":\"entry\",\"b\":[1]}", "{\"entry\":{\"x\":[]}}"]
    {
        check(text, &[&format!("head 1 at 1:1: {text}"), &format!("whole 1: {text}")]);
    }
}

#[test]
fn lines_of_values_are_told_apart_behind_a_byte_order_mark() {
    check(
        "\u{feff}{\"日\":1}\r\n\n{}",
        &["head 1 at 1:1: {\"日\":1}", "whole 1: {\"日\":1}", "head 2 at 3:1: {}", "whole 2: {}"],
    );
    check(
        "{} {}",
        &[
            "head 1 at 1:1: {}",
            "whole 1: {}",
            "NotJson(Place { line: 1, column: 4 }, Expected(Nothing))",
        ],
    );
    check("", &[]);
    check("[]", &["Foreign"]);
}

#[test]
fn what_is_larger_than_the_limit_is_passed_over_and_said() {
    let text = format!("{{\"entry\":[{{\"a\":\"{}\"}},{{}}]}}", "x".repeat(60));
    check(
        &text,
        &[
            "entry 1 at 1:11: too large",
            "entry 2 at 1:80: {}",
            "head 1 at 1:1: {\"entry\":[]}",
            "whole 1: too large",
        ],
    );
}

#[test]
fn a_stream_that_stops_says_where_and_why() {
    check("{\"entry\":[{\"a\":\"b", &["NotJson(Place { line: 1, column: 18 }, End)"]);
    check(
        "{\"entry\":[{}",
        &["entry 1 at 1:11: {}", "NotJson(Place { line: 1, column: 13 }, End)"],
    );
    check(
        "{\"entry\":[{},]}",
        &["entry 1 at 1:11: {}", "NotJson(Place { line: 1, column: 14 }, Expected(Value))"],
    );
    check(
        "{\"entry\":[{} {}]}",
        &[
            "entry 1 at 1:11: {}",
            "NotJson(Place { line: 1, column: 14 }, Expected(CommaOrBracket))",
        ],
    );
    check("{\"a\":[1 2", &["NotJson(Place { line: 1, column: 9 }, Expected(CommaOrBracket))"]);
    check("{\"a\":\"\u{3042}", &["NotJson(Place { line: 1, column: 8 }, End)"]);
}

/// However the bytes arrive, the pieces are the same.
#[test]
fn any_stream_is_cut_the_same_in_any_chunks() {
    bolero::check!(name = "scan").with_iterations(2_000).for_each(|bytes: &[u8]| {
        let like: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| PIECES[usize::from(*byte) % PIECES.len()].bytes())
            .collect();
        for stream in [bytes, &like] {
            let expected = pieces(stream, 32, 4096);
            for chunk in [1, 3] {
                assert_eq!(pieces(stream, 32, chunk), expected);
            }
        }
    });
}

const PIECES: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"entry\":[",
    "\"",
    "\\",
    "{\"entry\":[",
    "]}",
    "1",
    " ",
    "\n",
    "\"é\"",
    "{}",
];
