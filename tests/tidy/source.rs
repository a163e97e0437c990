//! The project's files, and which of them are tests.

use std::collections::HashSet;
use std::path::Path;

use super::lex::{is_name, lex, test_items};

/// Folders that hold what is installed or built, not what is written.
const NOT_OURS: &[&str] = &["node_modules", "target"];

/// A file of the project.
pub struct File {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The text of a file that has to be there.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder` whose name ends in `.extension`; there has to be one.
pub fn files(folder: &str, extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(folder, extension, &mut found);
    assert!(!found.is_empty(), "no .{extension} file below {folder}/");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &str, extension: &str, found: &mut Vec<File>) {
    let entries =
        root().join(folder).read_dir().unwrap_or_else(|error| panic!("{folder}/: {error}"));
    for entry in entries {
        let entry = entry.expect("a listed entry can be read");
        let name = entry.file_name().into_string().expect("our file names are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                collect(&path, extension, found);
            }
        } else if name.ends_with(&format!(".{extension}")) {
            found.push(File { text: read(&path), path });
        }
    }
}

/// Every Rust file of the workspace, tests included.
pub fn rust() -> Vec<File> {
    ["src", "crates", "tests"].iter().flat_map(|folder| files(folder, "rs")).collect()
}

/// The server's own modules as they ship: blanked, and with every test taken out.
pub fn shipped() -> Vec<File> {
    let files = files("src", "rs");
    let test_only: HashSet<String> = files.iter().flat_map(declared_test_modules).collect();
    files
        .into_iter()
        .filter(|file| !is_below(&file.path, &test_only))
        .map(|file| {
            let mut code = lex(&file.text).code.into_bytes();
            for item in test_items(std::str::from_utf8(&code).expect("lexed code is UTF-8")) {
                code[item].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
            }
            let text = String::from_utf8(code).expect("only whole items were blanked");
            File { path: file.path, text }
        })
        .collect()
}

/// The paths, without `.rs`, of the modules that `file` declares for tests only.
pub fn declared_test_modules(file: &File) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs");
    let folder =
        ["/mod", "/lib", "/main"].iter().find_map(|name| stem.strip_suffix(name)).unwrap_or(stem);
    let code = lex(&file.text).code;
    test_items(&code)
        .into_iter()
        .filter_map(|item| {
            let declared = code[item].strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
            declared.bytes().all(is_name).then(|| format!("{folder}/{declared}"))
        })
        .collect()
}

/// Is `path` one of `modules`, or in one?
pub fn is_below(path: &str, modules: &HashSet<String>) -> bool {
    let stem = path.trim_end_matches(".rs");
    modules.iter().any(|module| {
        stem.strip_prefix(module.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
