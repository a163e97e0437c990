//! `chat-model`: explores the large runs, or those whose names contain what is given, and says what came of each.
//!
//!     cargo run -p chat-model                # the large runs: minutes, and gigabytes of memory
//!     cargo run -p chat-model -- small       # those of the tests
//!     cargo run -p chat-model -- split       # of both, those with "split" in their name
//!
//! The exit code is 0 if every property holds, 1 if one is broken, 2 if nothing was explored.

use std::process::ExitCode;

use chat_model::explore::explore;
use chat_model::model::Model;
use chat_model::runs::{LARGE, Run, SMALL};
use chat_model::variant::Variant;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let runs: Vec<Run> = match wanted.as_deref() {
        None => LARGE.to_vec(),
        Some("small") => SMALL.to_vec(),
        Some(part) => [&SMALL[..], &LARGE[..]]
            .concat()
            .into_iter()
            .filter(|it| it.name.contains(part))
            .collect(),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut explored, mut broken) = (0, 0);
    for run in runs {
        println!("{}: {:?}", run.name, run.bounds);
        let Ok(model) = Model::new(Variant::Right, run.bounds) else { continue };
        let came = explore(model, threads);
        explored += 1;
        let (states, unique, depth) = (came.states, came.unique, came.depth);
        println!(
            "  {states} states, {unique} different, {depth} steps deep, {:.1} s",
            came.took.as_secs_f64()
        );
        for missing in run.sees.iter().filter(|it| !came.seen.contains(*it)) {
            println!("  never seen: {missing}");
        }
        for (property, story) in &came.broken {
            broken += 1;
            println!("  BROKEN: {property}");
            story.iter().for_each(|line| println!("    {line}"));
        }
    }
    match (explored, broken) {
        (0, _) => ExitCode::from(2),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
