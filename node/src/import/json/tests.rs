use super::*;

fn canonical(text: &str) -> String {
    let mut parser = Parser::new(text);
    let node = parser.value().expect("test data is JSON");
    let mut out = Vec::new();
    write_canonical(&node, &mut out);
    String::from_utf8(out).expect("canonical JSON is UTF-8")
}

fn fault(text: &str) -> (usize, FaultKind) {
    let mut parser = Parser::new(text);
    let built = parser.value().map(drop).and_then(|()| parser.finish());
    let mut parser = Parser::new(text);
    let skipped = parser.skip().and_then(|()| parser.finish());
    assert_eq!(built, skipped, "reading and skipping agree");
    let fault = built.expect_err("test data is not JSON");
    (fault.offset, fault.kind)
}

#[test]
fn equal_content_has_one_spelling() {
    assert_eq!(canonical(r#" {"b" : [1.50, -0e+5, true], "a":"\u65e5\/\ud83d\ude00"} "#), {
        r#"{"a":"日/😀","b":[{"$n":"1.50"},{"$n":"-0e+5"},true]}"#
    });
    assert_eq!(
        canonical(r#""\u0000\b\f\n\r\t\u001f\u007f\"\\""#),
        "\"\\u0000\\b\\f\\n\\r\\t\\u001f\u{7f}\\\"\\\\\""
    );
}

#[test]
fn a_fault_names_its_place_and_kind() {
    use super::Expected::{Colon, CommaOrBrace, CommaOrBracket, Digit, Key, Nothing, Value};
    use FaultKind::{Control, End, Escape, Nesting};
    assert_eq!(fault("{\"a\":1,}"), (7, FaultKind::Expected(Key)));
    assert_eq!(fault("{\"a\" 1}"), (5, FaultKind::Expected(Colon)));
    assert_eq!(fault("{\"a\":01}"), (6, FaultKind::Expected(CommaOrBrace)));
    assert_eq!(fault("[1 2]"), (3, FaultKind::Expected(CommaOrBracket)));
    assert_eq!(fault("[1.]"), (3, FaultKind::Expected(Digit)));
    assert_eq!(fault("[tru]"), (1, FaultKind::Expected(Value)));
    assert_eq!(fault("[] x"), (3, FaultKind::Expected(Nothing)));
    assert_eq!(fault("[\"a"), (3, End));
    assert_eq!(fault("tr"), (2, End));
    assert_eq!(fault("\"a\nb\""), (2, Control));
    assert_eq!(fault(r#""\ud800x""#), (1, Escape));
    assert_eq!(fault(r#""\x""#), (1, Escape));
    assert_eq!(fault(&"[".repeat(NESTING_MAX + 1)), (NESTING_MAX, Nesting));
}

#[test]
fn a_repeated_key_is_noticed_even_when_it_is_escaped() {
    let mut parser = Parser::new(r#"{"x":{"id":1,"\u0069d":2}}"#);
    parser.value().expect("it is JSON all the same");
    assert_eq!(parser.duplicate(), Some(5));
}

/// What serde_json reads, this parser reads, with the same meaning, and nothing else.
#[test]
fn agrees_with_serde_json_on_any_text() {
    bolero::check!(name = "json").with_iterations(3_000).for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        agree(text);
        agree(&json_like(bytes));
    });
}

/// Random bytes are hardly ever JSON; bytes chosen from JSON's own pieces often are.
fn json_like(bytes: &[u8]) -> String {
    const PIECES: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"",
        "\\",
        "1",
        "-0.50",
        "1e5",
        "01",
        "true",
        "null",
        "false",
        " ",
        "\n",
        "é",
        "{\"a\":1}",
        "[1,2]",
    ];
    bytes.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect()
}

fn agree(text: &str) {
    let mut parser = Parser::new(text);
    let ours = parser.value().map(|node| (node, parser.duplicate().is_some())).and_then(|read| {
        parser.finish()?;
        Ok(read)
    });
    if text.contains("$serde_json::private") {
        // serde_json takes such an object for a number, which is one reason for this parser.
        return;
    }
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    match (&ours, &theirs) {
        (Ok((node, false)), Ok(value)) => assert!(same(node, value), "same meaning"),
        (Ok((_, true)), Ok(_)) => {}
        (Err(fault), _) if fault.kind == FaultKind::Nesting => {}
        (Err(_), Err(_)) => {}
        (Ok(_), Err(_)) => panic!("taken by us only"),
        (Err(_), Ok(_)) => panic!("taken by serde_json only"),
    }
}

fn same(node: &Node<'_>, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (node, value) {
        (Node::Null, Value::Null) => true,
        (Node::Bool(a), Value::Bool(b)) => a == b,
        (Node::Number(_), Value::Number(_)) => true,
        (Node::Text(a), Value::String(b)) => a == b,
        (Node::List(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Node::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key.as_ref()).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}
