//! The table that a flood prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::kinds::Kind;
use crate::report::Latency;

/// What one kind of abuser did to ordinary users, and what it got.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) without: Latency,
    pub(super) with: Latency,
    /// CPU seconds of the server per second, beside the abusers.
    pub(super) server_busy: f64,
    /// The server's resident memory when the interval ended, the abusers still there.
    pub(super) rss_bytes: u64,
    pub(super) got: BTreeMap<String, u64>,
}

pub(super) fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| ten abusers | users alone: p50 / p99, ms | beside them | server busy | its RSS | what they got |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let latency = |ms: &Latency| format!("{:.2} / {:.1}", ms.p50_ms, ms.p99_ms);
        let got: Vec<_> = row.got.iter().map(|(what, n)| format!("{what}: {n}")).collect();
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {:.2} | {:.0} MiB | {} |",
            row.kind.name(),
            latency(&row.without),
            latency(&row.with),
            row.server_busy,
            row.rss_bytes as f64 / f64::from(1 << 20),
            got.join(", ")
        );
    }
    out
}
