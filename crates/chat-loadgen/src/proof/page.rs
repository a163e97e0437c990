//! The page as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Run, SetUp};

/// A promise of docs/SEMANTICS.md, in a few words, and what the checker calls its breaches.
struct Promise {
    name: &'static str,
    says: &'static str,
    breaches: &'static [&'static str],
    /// Has a run done anything that could break it?
    tried: fn(&Run) -> bool,
}

const PROMISES: &[Promise] = &[
    Promise {
        name: "P1",
        says: "an ack means durable",
        breaches: &["AckedMissing", "AckedChanged"],
        tried: |_| true,
    },
    Promise { name: "P2", says: "never twice", breaches: &["Doubled"], tried: |_| true },
    Promise {
        name: "P3",
        says: "one order, without a hole, for everyone",
        breaches: &[
            "LogHole",
            "TimeBack",
            "LiveHole",
            "LiveRepeat",
            "LiveDiffers",
            "LiveUnfinished",
            "EpochChanged",
        ],
        tried: |_| true,
    },
    Promise {
        name: "P4",
        says: "resume from any age",
        breaches: &["ResumeMoved", "ResumeDenied", "RecoveredHole"],
        tried: |_| true,
    },
    Promise {
        name: "P5",
        says: "kill -9 loses nothing acked",
        breaches: &["AckedMissing"],
        tried: |_| true,
    },
    Promise {
        name: "P6",
        says: "nothing is shown that isn't durable",
        breaches: &["LivePhantom", "Unsent"],
        tried: |_| true,
    },
    Promise {
        name: "P8",
        says: "nothing follows a removal",
        breaches: &["AfterRevoked", "LiveUninvited"],
        tried: |run| run.removals > 0,
    },
    Promise {
        name: "P9",
        says: "answers are honest",
        breaches: &["RefusedPresent", "RefusedUnjustly", "UnreadWrong"],
        tried: |_| true,
    },
];

const HEAD: &str = "\
# Proof

Made by `dev/chaos` from docs/proof/; nobody writes here. What is promised stands in [SEMANTICS.md](SEMANTICS.md), how the tests themselves are tested
in [TEETH.md](TEETH.md), the exhaustive model in [MODEL.md](MODEL.md).

## How it was attacked
A run starts the real binaries: one node on its file, or three nodes on PostgreSQL, Redis and three Kafka brokers, all of them processes of their own.
Authors send, and send again whatever was not answered, under the same client ids; readers subscribe, lose their connections at any moment, and resume. Meanwhile,
round after round, something is broken and mended. In the end everything is compared: what each author was told, what each reader
saw in which order, and what history says. A run has a seed: `chat-loadgen crash --server target/release/chat-server [--cluster] --rounds N --seed SEED` repeats
its schedule, though not the moment at which the machine's scheduler lets anything happen.

A power cut isn't simulated, nor a network that is slow or cut in half; P7 (who is slow costs others nothing) is not judged here but by the tests that SEMANTICS.md names.

";

/// `runs`, and what people wrote about what was found.
pub(super) fn page(runs: &[Run], found: &str) -> String {
    let mut out = HEAD.to_owned();
    totals(&mut out, runs);
    matrix(&mut out, runs);
    faults(&mut out, runs);
    out.push_str(found);
    seeds(&mut out, runs);
    out
}

fn of(runs: &[Run], set_up: SetUp) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| run.set_up == set_up)
}

const SET_UPS: [SetUp; 2] = [SetUp::Embedded, SetUp::Cluster];

fn totals(out: &mut String, runs: &[Run]) {
    out.push_str("## How much was checked\n| | embedded | cluster |\n| --- | --- | --- |\n");
    type Figure = fn(&Run) -> u64;
    let figures: [(&str, Figure); 9] = [
        ("runs", |_| 1),
        ("sends", |run| run.attempts),
        ("of which acked", |run| run.acked),
        ("of which unavailable", |run| run.unavailable),
        ("events seen live", |run| run.seen_live),
        ("events in history", |run| run.in_history),
        ("resumes", |run| run.resumes),
        ("operations checked, all together", Run::operations),
        ("promises broken", |run| run.broken.values().sum()),
    ];
    for (what, figure) in figures {
        let [embedded, cluster] = SET_UPS.map(|it| of(runs, it).map(figure).sum::<u64>());
        let _ = writeln!(out, "| {what} | {} | {} |", grouped(embedded), grouped(cluster));
    }
}

fn matrix(out: &mut String, runs: &[Run]) {
    out.push_str(
        "\n## The guarantees\n| | promise | embedded | cluster |\n| --- | --- | --- | --- |\n",
    );
    for Promise { name, says, breaches, tried } in PROMISES {
        let verdict = SET_UPS.map(|it| {
            let broken = of(runs, it).flat_map(|run| &run.broken);
            let broken: u64 =
                broken.filter(|(name, _)| breaches.contains(&name.as_str())).map(|it| *it.1).sum();
            match (of(runs, it).filter(|run| tried(run)).count(), broken) {
                (0, 0) => "not tried".to_owned(),
                (1, 0) => "kept in 1 run".to_owned(),
                (runs, 0) => format!("kept in {runs} runs"),
                (_, times) => format!("**broken {} times**", grouped(times)),
            }
        });
        let _ = writeln!(out, "| {name} | {says} | {} | {} |", verdict[0], verdict[1]);
    }
}

fn faults(out: &mut String, runs: &[Run]) {
    out.push_str("\n## The faults\n| fault | embedded | cluster |\n| --- | --- | --- |\n");
    let count = |set_up, fault: &str| -> u64 {
        of(runs, set_up).filter_map(|run| run.faults.get(fault)).map(|it| u64::from(*it)).sum()
    };
    let kinds: BTreeSet<_> = runs.iter().flat_map(|run| run.faults.keys()).collect();
    for fault in kinds {
        let [embedded, cluster] = SET_UPS.map(|it| match count(it, fault) {
            0 => "–".to_owned(),
            times => grouped(times),
        });
        let _ = writeln!(out, "| {} | {embedded} | {cluster} |", in_words(fault));
    }
    out.push('\n');
}

fn seeds(out: &mut String, runs: &[Run]) {
    out.push_str("\n## The seeds\n");
    for (set_up, title) in SET_UPS.into_iter().zip(["Embedded", "Cluster"]) {
        let mut by_shape: BTreeMap<(u32, bool), Vec<String>> = BTreeMap::new();
        for run in of(runs, set_up) {
            let is_clean = run.broken.is_empty();
            let seed = if is_clean { run.seed.to_string() } else { format!("**{}**", run.seed) };
            by_shape.entry((run.rounds, run.long)).or_default().push(seed);
        }
        for ((rounds, long), seeds) in by_shape {
            let long = if long { ", `--long`" } else { "" };
            let _ = writeln!(out, "\n{title}, `--rounds {rounds}`{long}: {}.", seeds.join(", "));
        }
    }
}

/// `NodeKilled`: node killed.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for (n, letter) in name.char_indices() {
        if n > 0 && letter.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(set_up: SetUp, seed: u64, broken: &[(&str, u64)]) -> Run {
        let broken = broken.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect();
        Run {
            version: "0".to_owned(),
            set_up,
            seed,
            rounds: 5,
            long: false,
            faults: BTreeMap::from([("NodeKilled".to_owned(), 3)]),
            attempts: 1000,
            acked: 900,
            unavailable: 50,
            seen_live: 200,
            in_history: 30,
            resumes: 4,
            removals: 0,
            counted: 0,
            broken,
        }
    }

    #[test]
    fn what_was_broken_is_told_of_its_promise_and_its_set_up() {
        let clean = run(SetUp::Embedded, 7, &[]);
        let broken = run(SetUp::Cluster, 8, &[("Doubled", 1234)]);
        let page = page(&[clean.clone(), clean, broken], "## Found\nNothing.\n");
        for line in [
            "| runs | 2 | 1 |",
            "| operations checked, all together | 2,468 | 1,234 |",
            "| P1 | an ack means durable | kept in 2 runs | kept in 1 run |",
            "| P2 | never twice | kept in 2 runs | **broken 1,234 times** |",
            "| P8 | nothing follows a removal | not tried | not tried |",
            "| node killed | 6 | 3 |",
            "## Found",
            "Embedded, `--rounds 5`: 7, 7.",
            "Cluster, `--rounds 5`: **8**.",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn every_breach_that_the_checker_knows_belongs_to_a_promise() {
        let source = include_str!("../../../chat-checker/src/verdict.rs");
        let body = source.split("pub enum Property {").nth(1).and_then(|it| it.split('}').next());
        let names = body.unwrap().lines().map(str::trim).filter(|it| it.ends_with(','));
        let known = |name: &str| PROMISES.iter().any(|it| it.breaches.contains(&name));
        let unknown: Vec<_> =
            names.map(|it| it.trim_end_matches(',')).filter(|it| !known(it)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
