//! ARCHITECTURE.md: what it points at has to be there.

use super::lex::{is_name, lex, places};
use super::source::{exists, files, read};

const MAP: &str = "ARCHITECTURE.md";
/// Documents with a table whose last column, "proven by", names tests: what can die, what is promised, what is refused.
const PROVEN: &[&str] =
    &[MAP, "docs/BAD-INPUT.md", "docs/SEMANTICS.md", "docs/MODEL.md", "src/actors/mod.rs"];

/// The spans of a text that stand between backticks on one line.
fn spans(text: &str) -> Vec<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The file that the map means: it may leave out `src/`.
fn file(path: &str) -> Option<String> {
    [path.to_owned(), format!("src/{path}")].into_iter().find(|path| exists(path))
}

/// Does `code` declare `name`, as an item, a variant or a field?
fn declares(code: &str, name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "fn",
        "struct",
        "enum",
        "trait",
        "const",
        "static",
        "type",
        "mod",
        "macro_rules!",
        "function",
        "class",
        "let",
        "impl",
    ];
    places(code, name).into_iter().any(|at| {
        let before = code[..at].trim_end();
        let item = KEYWORDS.iter().any(|keyword| {
            before
                .strip_suffix(keyword)
                .is_some_and(|rest| !rest.bytes().last().is_some_and(is_name))
        });
        // A variant or a field begins its line; a path to one doesn't declare it.
        let begins_line = code[..at].rsplit('\n').next().is_some_and(|line| {
            line.trim().is_empty() || line.trim_start().starts_with("pub") && line.ends_with(' ')
        });
        let after = code[at + name.len()..].trim_start();
        let member = [",", "(", "{", "=", ":"].iter().any(|mark| after.starts_with(mark));
        item || begins_line && member && !after.starts_with("::")
    })
}

/// Why the anchor `path/file.rs::symbol` leads nowhere.
fn broken(path: &str, symbols: &str) -> Option<String> {
    let Some(file) = file(path) else {
        return Some(format!("{path}: no such file"));
    };
    let code = lex(&read(&file)).code;
    let mut symbols = symbols.trim_end_matches("()").split("::");
    symbols.find(|name| !declares(&code, name)).map(|name| format!("{file} declares no {name}"))
}

#[test]
fn every_anchor_leads_somewhere() {
    let text = read(MAP);
    let anchors: Vec<(&str, &str)> = spans(&text)
        .into_iter()
        .filter_map(|span| span.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".js"))
        .collect();
    assert!(!anchors.is_empty(), "{MAP} has no anchor of the form path/file.rs::symbol");
    let broken: Vec<_> =
        anchors.into_iter().filter_map(|(path, symbols)| broken(path, symbols)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_file_on_the_map_exists() {
    const KINDS: &[&str] = &[".rs", ".js", ".md", ".toml", ".sql", ".lua", ".css", ".html"];
    let text = read(MAP);
    let missing: Vec<_> = spans(&text)
        .into_iter()
        .filter(|span| span.contains('/') && KINDS.iter().any(|kind| span.ends_with(kind)))
        .filter(|span| span.bytes().all(|byte| is_name(byte) || b"/.-".contains(&byte)))
        .filter(|path| file(path).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The cells of the last column, "proven by", of every table that has one, row by row.
fn proofs(text: &str) -> Vec<&str> {
    let mut proofs = Vec::new();
    let mut within = false;
    for line in text.lines().map(|line| line.trim_start_matches("//! ")) {
        within = is_proven_table(line) || within && line.starts_with('|');
        if within {
            proofs.extend(line.trim().trim_matches('|').split('|').next_back().map(str::trim));
        }
    }
    proofs.retain(|cell| *cell != "proven by" && *cell != "---");
    proofs
}

fn is_proven_table(line: &str) -> bool {
    line.starts_with('|') && line.trim_end().ends_with("| proven by |")
}

/// The functions of the workspace that a test runner runs.
fn test_functions() -> Vec<String> {
    let mut names = Vec::new();
    for file in ["src", "crates", "tests"].iter().flat_map(|folder| files(folder, "rs")) {
        let code = lex(&file.text).code;
        for at in places(&code, "fn") {
            let signature = code[at + 2..].trim_start();
            let end = signature.bytes().position(|byte| !is_name(byte)).unwrap_or(0);
            // The attributes of the function stand between it and whatever ended before it.
            let before = &code[..at];
            let begin = before.rfind(['}', ';', '{']).map_or(0, |n| n + 1);
            if ["test]", "test(", "proptest!"].iter().any(|mark| before[begin..].contains(mark)) {
                names.push(signature[..end].to_owned());
            }
        }
    }
    names
}

#[test]
fn every_row_that_must_be_proven_names_a_test_that_exists() {
    let tests = test_functions();
    let scripts: Vec<_> = files("tests", "js");
    let exists = |proof: &&str| {
        let name = proof.rsplit("::").next().unwrap_or(proof);
        tests.iter().any(|test| test == name)
            || scripts.iter().any(|file| file.text.contains(&format!("test('{name}'")))
    };
    let mut findings = Vec::new();
    for document in PROVEN {
        let text = read(document);
        let rows = proofs(&text);
        assert!(!rows.is_empty(), "{document} has no table whose last column is \"proven by\"");
        for row in rows {
            let named = spans(row);
            if named.is_empty() {
                findings.push(format!("{document}: no test is named in: {row}"));
            }
            let missing = named.iter().filter(|proof| !exists(proof));
            findings.extend(missing.map(|proof| format!("{document}: no such test: {proof}")));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}
