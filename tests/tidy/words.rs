//! Words that have no place in the code.

use super::lex::{lex, line, places};
use super::source::{File, exists, files, rust};

/// In Rust code of any kind; in comments and literals they are free.
const NOWHERE: &[(&str, &str)] = &[
    ("todo!", "finish it, or leave it out"),
    ("unimplemented!", "finish it, or leave it out"),
    ("dbg!", "it was for debugging"),
    ("#[ignore", "a test that doesn't run proves nothing"),
    ("utils", "name it after what it holds"),
];

/// In the server and in the libraries: what they have to say goes to the log.
const PRINTING: &[&str] = &["println!", "print!", "eprintln!", "eprint!"];

/// Names of files and folders that would hold anything.
const DRAWERS: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "manager"];

/// Ways to have text understood as markup.
const MARKUP_SINKS: &[&str] =
    &["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "setHTMLUnsafe"];

/// A finding as an editor jumps to it.
fn found(file: &File, at: usize, word: &str) -> String {
    format!("{}:{}: {word}", file.path, line(&file.text, at))
}

#[test]
fn unfinished_work_stays_out() {
    let mut findings = Vec::new();
    for file in rust() {
        let code = lex(&file.text).code;
        for (word, instead) in NOWHERE {
            let places = places(&code, word).into_iter();
            findings.extend(places.map(|at| format!("{} ({instead})", found(&file, at, word))));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn only_command_lines_print() {
    let mut findings = Vec::new();
    for file in rust().into_iter().filter(|file| !may_print(&file.path)) {
        let code = lex(&file.text).code;
        for word in PRINTING {
            findings.extend(places(&code, word).into_iter().map(|at| found(&file, at, word)));
        }
    }
    assert!(findings.is_empty(), "use tracing: {findings:#?}");
}

/// Tests, the binaries' own files, and every file of a crate that is a command-line program.
fn may_print(path: &str) -> bool {
    let program = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.split('/').next())
        .is_some_and(|name| exists(&format!("crates/{name}/src/main.rs")));
    let place =
        ["tests/", "/bin/", "/examples/", "build.rs"].iter().any(|part| path.contains(part));
    program || place || path == "src/main.rs"
}

#[test]
fn no_file_is_a_drawer() {
    let mut all = rust();
    all.extend(files("static", "js"));
    let findings: Vec<_> = all
        .iter()
        .map(|file| &file.path)
        .filter(|path| path.split(['/', '.']).any(|part| DRAWERS.contains(&part)))
        .collect();
    assert!(findings.is_empty(), "name it after the one thing that it holds: {findings:#?}");
}

#[test]
fn text_enters_the_page_as_text() {
    let mut findings = Vec::new();
    for file in files("static", "js").into_iter().chain(files("static", "html")) {
        for word in MARKUP_SINKS {
            findings.extend(places(&file.text, word).into_iter().map(|at| found(&file, at, word)));
        }
    }
    assert!(findings.is_empty(), "use textContent: {findings:#?}");
}
