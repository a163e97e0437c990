//! Who may name whom.

use super::lex::{is_name, line, places};
use super::source::{File, read, shipped};

/// The server's modules, the lowest layer first. A module may name what is in its own layer or below.
/// Configuration speaks of the domain's rates and bounds; that the domain can't name it back keeps it free of options.
const LAYERS: &[&[&str]] = &[
    &["backoff", "clock", "error", "faults", "metrics", "mutants"],
    &["domain"],
    &["bus", "config", "journal", "nodes", "store", "telemetry", "tokens"],
    &["actors"],
    &["http"],
    &["app"],
    &["lifecycle"],
    &["lib", "main"],
];

/// Adapters: module, folder or file of it, the type that it offers. Only `app` chooses among them.
const ADAPTERS: &[(&str, &str, &str)] = &[
    ("bus::local", "src/bus/local", "LocalBus"),
    ("bus::redis", "src/bus/redis", "RedisBus"),
    ("journal::direct", "src/journal/direct", "DirectJournal"),
    ("journal::kafka", "src/journal/kafka", "KafkaJournal"),
    ("journal::kafka", "src/journal/kafka", "KafkaReader"),
    ("nodes::local", "src/nodes/local", "LocalNodes"),
    ("store::postgres", "src/store/postgres", "PgStore"),
    ("store::sqlite", "src/store/sqlite", "SqliteStore"),
];

/// Words that a module may not name, and why.
const KEPT_OUT: &[(&str, &[&str], &str)] = &[
    (
        "domain",
        &["tokio", "actix", "actix_web", "Instant::now", "SystemTime", "tracing", "async", "await"],
        "the domain is pure: no clock, no I/O, no await, no log",
    ),
    (
        "actors",
        &["diesel", "diesel_async", "redis", "rdkafka", "libsqlite3_sys"],
        "actors know ports, not technologies",
    ),
    (
        "http",
        &["diesel", "diesel_async", "redis", "rdkafka", "libsqlite3_sys"],
        "handlers know ports, not technologies",
    ),
];

/// The module of the top level that a file belongs to.
fn module(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split(['/', '.']).next().unwrap_or(inside)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Where a file's own module stands: `src/store/sqlite/rows.rs` is `store::sqlite::rows`.
fn module_path(path: &str) -> Vec<&str> {
    let inside = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut path: Vec<_> = inside.split('/').collect();
    if path.last().is_some_and(|name| ["mod", "lib", "main"].contains(name)) {
        path.pop();
    }
    path
}

/// Every path of the crate that a file names from `crate` or `super`, spelled from the root, with
/// where it stands; trees of `use` are spread out.
fn crate_paths(file: &File) -> Vec<(usize, String)> {
    let code = &file.text;
    let mut paths = Vec::new();
    for root in ["crate::", "chat_server::"] {
        for at in places(code, root) {
            spread(&code[at + root.len()..], "", &mut |path| paths.push((at, path)));
        }
    }
    let own = module_path(&file.path);
    for at in places(code, "super::").into_iter().filter(|at| !code[..*at].ends_with("super::")) {
        let rest = code[at..].trim_start_matches("super::");
        let climbed = (code.len() - at - rest.len()) / "super::".len();
        let parent = own[..own.len().saturating_sub(climbed)].join("::");
        spread(rest, &parent, &mut |path| paths.push((at, path)));
    }
    paths
}

/// Calls `each` with every path of the `use` tree that `code` begins with; returns what follows it.
fn spread<'a>(code: &'a str, prefix: &str, each: &mut dyn FnMut(String)) -> &'a str {
    let code = code.trim_start();
    if let Some(rest) = code.strip_prefix('*') {
        each(prefix.to_owned());
        return rest;
    }
    if let Some(mut list) = code.strip_prefix('{') {
        loop {
            list = spread(list, prefix, each).trim_start();
            match list.strip_prefix(',') {
                Some(rest) => list = rest,
                None => return list.strip_prefix('}').unwrap_or(list),
            }
        }
    }
    let end = code.bytes().position(|byte| !is_name(byte)).unwrap_or(code.len());
    let path = if prefix.is_empty() {
        code[..end].to_owned()
    } else {
        format!("{prefix}::{}", &code[..end])
    };
    let code = &code[end..];
    if let Some(rest) = code.strip_prefix("::") {
        return spread(rest, &path, each);
    }
    if end > 0 {
        each(path);
    }
    // `as name` belongs to the path, not to what follows.
    match code.trim_start().strip_prefix("as ") {
        Some(rest) => {
            rest.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
        }
        None => code,
    }
}

fn found(file: &File, at: usize, what: &str) -> String {
    format!("{}:{}: {what}", file.path, line(&file.text, at))
}

#[test]
fn a_module_names_only_what_lies_below_it() {
    let files = shipped();
    let mut findings = Vec::new();
    for file in &files {
        let own = layer(module(&file.path))
            .unwrap_or_else(|| panic!("{}: give its module a place in LAYERS", file.path));
        for (at, path) in crate_paths(file) {
            let first = path.split("::").next().unwrap_or_default();
            if layer(first).is_some_and(|named| named > own) {
                findings.push(found(file, at, &path));
            }
        }
    }
    assert!(findings.is_empty(), "upwards: {findings:#?}");
    let layers_in_use = files.iter().filter_map(|file| layer(module(&file.path)));
    assert!(layers_in_use.max().is_some_and(|top| top > 5), "the upper layers are missing");
}

#[test]
fn adapters_are_chosen_in_one_place() {
    let files = shipped();
    let mut findings = Vec::new();
    for (adapter, home, kind) in ADAPTERS {
        let (inside, outside): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| file.path.starts_with(home));
        let declared = format!("struct {kind}");
        assert!(
            inside.iter().any(|file| !places(&file.text, &declared).is_empty()),
            "{home} declares no {kind}"
        );
        for file in outside.into_iter().filter(|file| module(&file.path) != "app") {
            // A port's own mod.rs declares its adapters, and may offer the type to `app`.
            let is_port = adapter
                .split_once("::")
                .is_some_and(|(port, _)| file.path == format!("src/{port}/mod.rs"));
            let by_path = crate_paths(file).into_iter().filter(|(_, path)| {
                path.strip_prefix(adapter)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            });
            findings.extend(by_path.map(|(at, path)| found(file, at, &path)));
            if !is_port {
                findings
                    .extend(places(&file.text, kind).into_iter().map(|at| found(file, at, kind)));
            }
        }
    }
    assert!(findings.is_empty(), "only src/app.rs names an adapter: {findings:#?}");
}

#[test]
fn technologies_stay_in_their_place() {
    let files = shipped();
    let mut findings = Vec::new();
    for (owner, words, why) in KEPT_OUT {
        let own: Vec<_> = files.iter().filter(|file| module(&file.path) == *owner).collect();
        assert!(!own.is_empty(), "src/{owner} is missing");
        for file in own {
            for word in *words {
                let places = places(&file.text, word).into_iter();
                findings.extend(places.map(|at| format!("{} ({why})", found(file, at, word))));
            }
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn the_wire_crate_is_pure() {
    let manifest = read("crates/chat-protocol/Cargo.toml");
    for word in ["tokio", "actix", "chat-server", "diesel", "tracing"] {
        assert!(places(&manifest, word).is_empty(), "chat-protocol depends on {word}");
    }
}

#[test]
fn trees_of_use_are_spread_out_and_climbs_resolved() {
    let text = "use crate::{bus::{Bus, self, local::*}, domain::fold as f, store};
        use super::{rows, models::Row};
        fn x() { crate::http::y(); super::super::z() }";
    let file = File { path: "src/store/sqlite/view.rs".to_owned(), text: text.to_owned() };
    let paths: Vec<_> = crate_paths(&file).into_iter().map(|(_, path)| path).collect();
    let from_root = ["bus::Bus", "bus::self", "bus::local", "domain::fold", "store", "http::y"];
    assert_eq!(paths[..6], from_root);
    assert_eq!(paths[6..], ["store::sqlite::rows", "store::sqlite::models::Row", "store::z"]);
}
