//! One spelling for searching: what people type and what records hold differ in width, kana and old forms.
//!
//! Half-width kana become full, hiragana becomes katakana, small kana large, full-width letters ASCII, case
//! is dropped, spaces and dots go, and the old forms of characters common in names meet their new ones. The
//! result is for comparing only; nothing folded is ever shown.

/// Folds a text for comparing.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() || is_dropped(character) {
            continue;
        }
        push(&mut folded, character);
    }
    folded
}

/// The parts of a text between spaces (of either width), each folded.
pub fn fold_parts(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| c.is_whitespace() || matches!(c, '・' | '･' | ',' | '，' | '、'))
        .map(fold)
        .filter(|part| !part.is_empty())
}

/// Whether a text is kana only (either width, with spaces and long marks).
pub fn is_kana(text: &str) -> bool {
    let mut letters = text.chars().filter(|c| !c.is_whitespace()).peekable();
    letters.peek().is_some()
        && letters.all(|c| matches!(c, '\u{3041}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9f}'))
}

/// Whether a text holds kana or kanji.
pub fn is_japanese(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}')
            || c as u32 >= 0x2_0000
    })
}

fn push(folded: &mut String, character: char) {
    let character = match character {
        '\u{ff01}'..='\u{ff5e}' => shifted(character, 0xfee0),
        '\u{3041}'..='\u{3096}' => shifted_up(character, 0x60),
        '\u{ff66}'..='\u{ff9d}' => HALF_WIDTH[(character as usize) - 0xff66],
        // Voicing marks, half-width or combining, join the letter before them.
        '\u{ff9e}' | '\u{3099}' | '\u{309b}' => return voice(folded, 1),
        '\u{ff9f}' | '\u{309a}' | '\u{309c}' => return voice(folded, 2),
        other => other,
    };
    match character {
        'ー' | '‐' | '‑' | '–' | '—' | '―' | '−' | '-' => folded.push('-'),
        _ if character.is_ascii() => folded.push(character.to_ascii_lowercase()),
        _ => match large(character) {
            Some(large) => folded.push(large),
            None => push_other(folded, character),
        },
    }
}

fn push_other(folded: &mut String, character: char) {
    match OLD_FORMS.iter().find(|(old, _)| old.contains(character)) {
        Some((_, new)) => folded.push(*new),
        None => folded.extend(character.to_lowercase()),
    }
}

fn is_dropped(character: char) -> bool {
    matches!(character, '・' | '･' | '\'' | '’' | '.' | '．' | ',' | '，' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn shifted(character: char, down: u32) -> char {
    char::from_u32(character as u32 - down).unwrap_or(character)
}

fn shifted_up(character: char, up: u32) -> char {
    char::from_u32(character as u32 + up).unwrap_or(character)
}

/// Adds a voicing mark to the last letter: カ to ガ (1), ハ to パ (2).
fn voice(folded: &mut String, mark: u32) {
    let Some(last) = folded.chars().last() else { return };
    let voiced = match (last, mark) {
        ('カ'..='ト', 1) if VOICED.contains(last) => shifted_up(last, 1),
        ('ハ' | 'ヒ' | 'フ' | 'ヘ' | 'ホ', _) => shifted_up(last, mark),
        ('ウ', 1) => 'ヴ',
        _ => return,
    };
    folded.pop();
    folded.push(voiced);
}

fn large(character: char) -> Option<char> {
    SMALL.chars().position(|small| small == character).and_then(|at| LARGE.chars().nth(at))
}

const VOICED: &str = "カキクケコサシスセソタチツテト";
const SMALL: &str = "ァィゥェォッャュョヮヵヶ";
const LARGE: &str = "アイウエオツヤユヨワカケ";

/// U+FF66 to U+FF9D in order.
const HALF_WIDTH: [char; 56] = [
    'ヲ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ャ', 'ュ', 'ョ', 'ッ', 'ー', 'ア', 'イ', 'ウ', 'エ', 'オ',
    'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ', 'チ', 'ツ', 'テ', 'ト', 'ナ',
    'ニ', 'ヌ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ヘ', 'ホ', 'マ', 'ミ', 'ム', 'メ', 'モ', 'ヤ', 'ユ',
    'ヨ', 'ラ', 'リ', 'ル', 'レ', 'ロ', 'ワ', 'ン',
];

/// Forms that family registers keep and keyboards do not offer first.
const OLD_FORMS: [(&str, char); 24] = [
    ("髙", '高'),
    ("﨑嵜碕", '崎'),
    ("邊邉", '辺'),
    ("齋齊斎", '斉'),
    ("濵濱", '浜'),
    ("澤", '沢'),
    ("廣", '広'),
    ("國", '国'),
    ("德", '徳'),
    ("櫻", '桜'),
    ("槇", '槙'),
    ("藏", '蔵'),
    ("龍", '竜'),
    ("瀨", '瀬'),
    ("惠", '恵'),
    ("眞", '真'),
    ("淺", '浅'),
    ("嶋嶌", '島'),
    ("冨", '富'),
    ("壽", '寿'),
    ("榮", '栄'),
    ("吉𠮷", '吉'),
    ("條", '条'),
    ("萬", '万'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, typed: &str) {
        assert_eq!(fold(written), fold(typed), "{written} {typed}");
    }

    #[test]
    fn one_name_in_many_spellings_meets() {
        check("ヤマダ タロウ", "やまだたろう");
        check("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ　タロウ");
        check("ﾊﾟｳﾛ ｳﾞｨｸﾄﾙ", "ぱうろヴィクトル");
        check("か\u{3099}", "ガ");
        check("髙﨑 龍", "高崎竜");
        check("渡邊", "渡辺");
        check("ＡＢＣ－１２３", "abc-123");
        check("ジャン・ピエール", "じゃんぴえーる");
        check("キョウコ", "ｷﾖｳｺ");
        check("辻\u{e0100}", "辻");
    }

    #[test]
    fn different_names_stay_apart() {
        assert_ne!(fold("ハナ"), fold("バナ"));
        assert_ne!(fold("山田"), fold("山本"));
    }

    #[test]
    fn kana_and_japanese_are_recognised() {
        assert!(is_kana("ヤマダ タロウ") && is_kana("ﾔﾏﾀﾞ") && !is_kana("山田") && !is_kana(" "));
        assert!(is_japanese("mg 山") && !is_japanese("Sodium"));
    }
}
