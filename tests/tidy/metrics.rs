//! docs/OPERATIONS.md: every metric is explained there, and none that isn't.

use std::collections::BTreeSet;

use super::lex::{is_name, lex};
use super::source::read;

const PREFIX: &str = "chat_";

/// The metric names in `text`.
fn names(text: &str) -> BTreeSet<String> {
    text.match_indices(PREFIX)
        .filter(|(at, _)| *at == 0 || !is_name(text.as_bytes()[at - 1]))
        .map(|(at, _)| {
            let name = &text[at..];
            let end = name.bytes().position(|byte| !is_name(byte)).unwrap_or(name.len());
            name[..end].to_owned()
        })
        .filter(|name| name.len() > PREFIX.len())
        .collect()
}

#[test]
fn every_metric_is_explained() {
    // Names in literals only: `chat_protocol` is a crate.
    let in_code = names(&lex(&read("src/metrics.rs")).strings.join("\n"));
    assert!(!in_code.is_empty(), "src/metrics.rs names no metric");
    let explained = names(&read("docs/OPERATIONS.md"));
    let missing: Vec<_> = in_code.difference(&explained).collect();
    assert!(missing.is_empty(), "docs/OPERATIONS.md doesn't explain {missing:#?}");
    // A histogram's series carry a suffix that the code doesn't write.
    let known = |name: &String| {
        let series = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        in_code.contains(name) || series.is_some_and(|base| in_code.contains(base))
    };
    let gone: Vec<_> =
        explained.iter().filter(|name| !known(name) && *name != "chat_protocol").collect();
    assert!(gone.is_empty(), "docs/OPERATIONS.md explains what isn't there: {gone:#?}");
}
