//! config/default.toml: every option is there and explained, and nothing else is.

use std::collections::BTreeSet;

use super::lex::{is_name, lex, places};
use super::source::{files, read};

const DEFAULTS: &str = "config/default.toml";

/// A line of the file that sets an option, or shows in a comment how an unset one is set.
struct Key<'a> {
    name: &'a str,
    explained: bool,
}

fn is_key(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_name)
}

/// The options of the file. One without a default is there as a comment: `# key = …`.
fn keys(text: &str) -> Vec<Key<'_>> {
    let mut keys = Vec::new();
    let mut explained = false;
    for line in text.lines().map(str::trim) {
        let shown = line.trim_start_matches('#').trim();
        match shown.split_once('=').map(|(name, _)| name.trim()).filter(|name| is_key(name)) {
            Some(name) => {
                keys.push(Key { name, explained: explained || line.contains(" # ") });
                explained = false;
            }
            None => explained = line.starts_with('#'),
        }
    }
    keys
}

/// The names of the sections: `[limits]`.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let headers = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
    headers.flat_map(|header| header.split('.'))
}

/// The public fields of every struct that is read from the file.
fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for file in files("src/config", "rs") {
        let code = lex(&file.text).code;
        for at in places(&code, "struct") {
            let attributes = code[..at].rfind(['}', ';']).map_or(0, |n| n + 1);
            if !code[attributes..at].contains("Deserialize") {
                continue;
            }
            let body = code[at..].split_once('{').map_or("", |(_, rest)| rest);
            let body = body.split_once('}').map_or(body, |(body, _)| body);
            let names = body.lines().filter_map(|line| {
                let name = line.trim().strip_prefix("pub ")?.split_once(':')?.0.trim();
                is_key(name).then(|| name.to_owned())
            });
            fields.extend(names);
        }
    }
    fields
}

#[test]
fn every_option_is_explained() {
    let text = read(DEFAULTS);
    let keys = keys(&text);
    assert!(!keys.is_empty(), "{DEFAULTS} sets nothing");
    let bare: Vec<_> = keys.iter().filter(|key| !key.explained).map(|key| key.name).collect();
    assert!(bare.is_empty(), "{DEFAULTS}: no comment above {bare:#?}");
}

#[test]
fn the_file_and_the_code_have_the_same_options() {
    let text = read(DEFAULTS);
    let in_file: BTreeSet<String> =
        keys(&text).iter().map(|key| key.name).chain(sections(&text)).map(str::to_owned).collect();
    let in_code = fields();
    assert!(!in_code.is_empty(), "src/config declares no option");
    let unknown: Vec<_> = in_file.difference(&in_code).collect();
    assert!(unknown.is_empty(), "{DEFAULTS} has what the code doesn't read: {unknown:#?}");
    let missing: Vec<_> = in_code.difference(&in_file).collect();
    assert!(missing.is_empty(), "{DEFAULTS} lacks {missing:#?}");
}
