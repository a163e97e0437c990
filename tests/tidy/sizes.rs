//! How long a file may be.

use std::collections::HashSet;

use super::lex::{lex, test_items};
use super::source::{File, declared_test_modules, files, is_below, rust};

/// Lines of a Rust file, its tests included.
const RUST_LINES_MAX: usize = 500;
/// Lines of a Rust file without its tests.
const SHIPPED_LINES_MAX: usize = 400;
const JAVASCRIPT_LINES_MAX: usize = 200;
const MIGRATION_LINES_MAX: usize = 60;

fn lines(text: &str) -> usize {
    text.lines().count()
}

/// Lines that `file` has beside its tests.
fn shipped_lines(file: &File) -> usize {
    let code = lex(&file.text).code;
    let tests: usize = test_items(&code).into_iter().map(|item| lines(&code[item])).sum();
    lines(&file.text) - tests
}

fn longer_than(limit: usize, files: &[File], measure: impl Fn(&File) -> usize) -> Vec<String> {
    let measured = files.iter().map(|file| (&file.path, measure(file)));
    measured.filter(|(_, n)| *n > limit).map(|(path, n)| format!("{path}: {n} lines")).collect()
}

#[test]
fn a_rust_file_is_read_in_one_sitting() {
    let all = rust();
    let too_long = longer_than(RUST_LINES_MAX, &all, |file| lines(&file.text));
    assert!(too_long.is_empty(), "more than {RUST_LINES_MAX} lines: {too_long:#?}");

    let test_only: HashSet<String> = all.iter().flat_map(declared_test_modules).collect();
    let is_test = |path: &str| path.contains("tests/") || is_below(path, &test_only);
    let shipped: Vec<File> = all.into_iter().filter(|file| !is_test(&file.path)).collect();
    let too_long = longer_than(SHIPPED_LINES_MAX, &shipped, shipped_lines);
    assert!(
        too_long.is_empty(),
        "more than {SHIPPED_LINES_MAX} lines without tests: {too_long:#?}"
    );
}

#[test]
fn a_script_of_the_web_client_is_short() {
    let too_long =
        longer_than(JAVASCRIPT_LINES_MAX, &files("static", "js"), |file| lines(&file.text));
    assert!(too_long.is_empty(), "more than {JAVASCRIPT_LINES_MAX} lines: {too_long:#?}");
}

#[test]
fn a_migration_is_short() {
    let too_long =
        longer_than(MIGRATION_LINES_MAX, &files("migrations", "sql"), |file| lines(&file.text));
    assert!(too_long.is_empty(), "more than {MIGRATION_LINES_MAX} lines: {too_long:#?}");
}
