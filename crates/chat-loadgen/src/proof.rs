//! What crash runs came to, kept as lines of JSON, and the page that is made of them: docs/PROOF.md.

mod page;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::cli::{CrashArgs, ProofArgs};
use crate::crash::Found;

/// What was attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetUp {
    /// One node and its file.
    Embedded,
    /// Three nodes on PostgreSQL, Redis and three Kafka brokers.
    Cluster,
}

/// One crash run. Counts are of what the checker judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub version: String,
    pub set_up: SetUp,
    /// Repeats the schedule.
    pub seed: u64,
    pub rounds: u32,
    /// Services were away for two minutes.
    pub long: bool,
    pub faults: BTreeMap<String, u32>,
    pub attempts: u64,
    pub acked: u64,
    pub unavailable: u64,
    pub seen_live: u64,
    pub in_history: u64,
    pub resumes: u64,
    pub removals: u64,
    pub counted: u64,
    /// Broken promises by the checker's name of them, and refusals without a reason.
    pub broken: BTreeMap<String, u64>,
}

impl Run {
    /// What `found` came to.
    pub fn of(args: &CrashArgs, seed: u64, found: &Found) -> Self {
        let counts = &found.verdict.counts;
        let totals = found.verdict.totals.iter();
        let mut broken: BTreeMap<_, _> =
            totals.map(|(property, times)| (format!("{property:?}"), *times)).collect();
        if found.unjust > 0 {
            broken.insert("RefusedUnjustly".to_owned(), found.unjust);
        }
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            set_up: if args.cluster { SetUp::Cluster } else { SetUp::Embedded },
            seed,
            rounds: args.rounds,
            long: args.long,
            faults: found.faults.clone(),
            attempts: counts.attempts,
            acked: counts.acked.values().sum(),
            unavailable: counts.unavailable,
            seen_live: counts.live_events,
            in_history: counts.log_events,
            resumes: counts.resumes_recovered + counts.resumes_restarted,
            removals: counts.revocations,
            counted: counts.counted,
            broken,
        }
    }

    /// Adds it to a file, which is made if it isn't there.
    ///
    /// # Errors
    /// It can't be written.
    pub fn append_to(&self, file: &Path) -> Result<()> {
        let line = serde_json::to_string(self)? + "\n";
        let opened = OpenOptions::new().create(true).append(true).open(file);
        let cant = || format!("can't record the run in {}", file.display());
        opened.and_then(|mut it| it.write_all(line.as_bytes())).with_context(cant)
    }

    /// What was done and seen, and then checked.
    fn operations(&self) -> u64 {
        let Self { attempts, seen_live, in_history, resumes, removals, counted, .. } = self;
        attempts + seen_live + in_history + resumes + removals + counted
    }
}

/// Prints the page.
///
/// # Errors
/// A file can't be read, or a line isn't a run.
pub fn run(args: &ProofArgs) -> Result<()> {
    print!("{}", of_files(&args.runs, &args.found)?);
    Ok(())
}

fn of_files(runs: &Path, found: &Path) -> Result<String> {
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
    };
    let line = |(n, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}", runs.display(), n + 1))
    };
    let all = read(runs)?.lines().enumerate().map(line).collect::<Result<Vec<Run>>>()?;
    Ok(page::page(&all, &read(found)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_was_recorded() {
        let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
        let made = of_files(&docs.join("proof/runs.jsonl"), &docs.join("proof/found.md")).unwrap();
        let is = fs::read_to_string(docs.join("PROOF.md")).unwrap();
        assert!(made == is, "make it anew: dev/chaos 0");
    }
}
