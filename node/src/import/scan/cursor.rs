//! Finds where a JSON value ends, by its brackets and quotes alone.

/// Reads one value across any number of chunks.
#[derive(Default)]
pub(super) struct Cursor {
    state: State,
    depth: u64,
}

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Start,
    /// Inside an object or array.
    Nest,
    /// Inside a string.
    Quote,
    /// Behind a backslash in a string.
    Escape,
    /// A number or a word; ends before whatever cannot belong to it.
    Word,
}

impl Cursor {
    /// How many bytes of the chunk belong to the value, and whether the value ends with them.
    pub(super) fn run(&mut self, chunk: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < chunk.len() {
            let byte = chunk[at];
            match self.state {
                State::Start => {
                    self.state = match byte {
                        b'{' | b'[' => State::Nest,
                        b'"' => State::Quote,
                        _ => State::Word,
                    };
                    self.depth = u64::from(matches!(byte, b'{' | b'['));
                }
                State::Quote => {
                    let rest = &chunk[at..];
                    let Some(length) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))
                    else {
                        return (chunk.len(), false);
                    };
                    at += length;
                    self.state = if chunk[at] == b'\\' { State::Escape } else { State::Nest };
                    if self.depth == 0 && chunk[at] == b'"' {
                        return (at + 1, true);
                    }
                }
                State::Escape => self.state = State::Quote,
                State::Nest => {
                    let rest = &chunk[at..];
                    let Some(length) = rest.iter().position(|byte| MARKS[usize::from(*byte)])
                    else {
                        return (chunk.len(), false);
                    };
                    at += length;
                    match chunk[at] {
                        b'"' => self.state = State::Quote,
                        b'{' | b'[' => self.depth += 1,
                        _ => self.depth -= 1,
                    }
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                State::Word => {
                    if matches!(
                        byte,
                        b',' | b':'
                            | b'"'
                            | b'['
                            | b']'
                            | b'{'
                            | b'}'
                            | b' '
                            | b'\n'
                            | b'\r'
                            | b'\t'
                    ) {
                        return (at, true);
                    }
                }
            }
            at += 1;
        }
        (chunk.len(), false)
    }
}

/// The bytes that matter between strings.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let found = *b"\"{}[]";
    let mut place = 0;
    while place < found.len() {
        marks[found[place] as usize] = true;
        place += 1;
    }
    marks
};
