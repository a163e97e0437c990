//! Rust source with comments, literals and tests told from code. Not a parser: enough for rules about words.

use std::ops::Range;

/// What is left of Rust source once its literals and comments are blanked.
pub struct Lexed {
    /// As long as the text, line by line and byte by byte.
    pub code: String,
    /// The contents of string literals, in order.
    pub strings: Vec<String>,
}

/// Blanks comments, strings and characters, so that a word in them counts for nothing.
pub fn lex(text: &str) -> Lexed {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut strings = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let blank = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => at..line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => at..comment_end(bytes, at),
            b'"' => at + 1..string_end(bytes, at + 1, 0),
            b'r' if !follows_name(bytes, at) && raw_hashes(bytes, at).is_some() => {
                let hashes = raw_hashes(bytes, at).unwrap_or_default();
                let begin = at + 1 + hashes + 1;
                begin..string_end(bytes, begin, hashes + 1)
            }
            b'\'' => at + 1..character_end(text, at + 1),
            _ => at..at,
        };
        let is_string = matches!(bytes[at], b'"' | b'r') && !blank.is_empty();
        if is_string {
            strings.push(text[blank.clone()].to_owned());
        }
        let (begin, end) = (blank.start, blank.end);
        code[blank].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = if begin > at { end + 1 } else { end.max(at + 1) };
    }
    Lexed { code: String::from_utf8(code).expect("blanks replace whole characters"), strings }
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| from + n)
}

fn comment_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at.min(bytes.len())
}

/// Where the string ends that begins at `from`; `raw` is 0, or one more than its number of hashes.
fn string_end(bytes: &[u8], from: usize, raw: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if raw == 0 => at += 1,
            b'"' if raw == 0 => return at,
            b'"' if bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count() + 1 >= raw => {
                return at;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The number of hashes of a raw string that begins with the `r` at `at`, if one does.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

/// Is the byte at `at` inside of a name? The `b` of `br"…"` doesn't count.
fn follows_name(bytes: &[u8], at: usize) -> bool {
    let name = |n: usize| at >= n && is_name(bytes[at - n]);
    name(1) && (bytes[at - 1] != b'b' || name(2))
}

/// Where the character literal ends that begins at `from`, or `from` where it's a lifetime.
fn character_end(text: &str, from: usize) -> usize {
    let mut rest = text[from..].chars();
    match (rest.next(), rest.next()) {
        (Some('\\'), Some(escaped)) => {
            let after = from + 1 + escaped.len_utf8();
            text[after..].find('\'').map_or(after, |n| after + n)
        }
        (Some(character), Some('\'')) => from + character.len_utf8(),
        _ => from,
    }
}

pub fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands in `code` as a word of its own.
pub fn places(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let ends_in_name = word.bytes().last().is_some_and(is_name);
    let begins_in_name = word.bytes().next().is_some_and(is_name);
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !begins_in_name || *at == 0 || !is_name(bytes[at - 1]))
        .filter(|at| !ends_in_name || !bytes.get(at + word.len()).copied().is_some_and(is_name))
        .collect()
}

/// The line number of a byte of `text`, from 1.
pub fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The items of `code` (as lexed) that exist in tests only.
pub fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        if items.last().is_none_or(|item| item.end <= at) {
            items.push(at..item_end(code, at + attribute.len()));
        }
    }
    items
}

/// Where the item that begins at `from` ends: at its `;`, or where its braces close.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (n, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' if depth == 1 => return n + 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return n + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn literals_comments_and_tests_are_told_from_code() {
    let text = r###"
        let a = "todo!()"; // todo!()
        /* todo!() /* todo!() */ todo!() */
        let b = r##"todo!() "# todo!()"##; let c = br"todo!()"; let d = b"\"todo!()";
        fn e<'a>(f: &'a str) -> char { '"' } let g = '\''; let h = '\u{2028}'; let i = '😀';
        let error = "x"; after();
        #[cfg(test)]
        mod tests { fn k() { l(); } }
        end();
    "###;
    let Lexed { code, strings } = lex(text);
    assert_eq!(code.len(), text.len());
    assert!(!code.contains("todo"), "{code}");
    assert!(code.contains("fn e<'a>(f: &'a str) -> char { ' ' } let g = '  ';"), "{code}");
    assert_eq!(strings.len(), 5);
    assert_eq!(strings[1], "todo!() \"# todo!()");
    let items = test_items(&code);
    assert_eq!(items.len(), 1);
    assert!(code[items[0].clone()].ends_with("{ fn k() { l(); } }"));
    assert_eq!(places("utils my_utils utils2 (utils)", "utils"), [0, 23]);
}
