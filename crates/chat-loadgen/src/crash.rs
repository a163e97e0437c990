//! Kill -9 under load: authors and readers talk while the server is killed and started again on
//! the same data, and the checker holds what everyone saw against what history says in the end.
//!
//! What this shows is that a *process* may die at any moment. It does not cut the power: what the
//! kernel has accepted survives a killed process, so a missing fsync would not show here.

mod author;
mod author_task;
mod cluster;
mod final_history;
mod nemesis;
mod reader;
mod reader_task;
mod recorder;
mod scene;
mod texts;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use chat_checker::Verdict;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_blocking};

use crate::cli::CrashArgs;
use crate::proof::Run;
use crate::server::log_tail;
use cluster::Cluster;
use nemesis::{Faults, Lone, Nemesis};
use scene::{Phase, Scene};

/// Runs the rounds and prints the verdict; false if a promise was broken.
///
/// # Errors
/// The harness can't go on: the server doesn't start, ends by itself, or never answers.
pub fn run(args: &CrashArgs) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    fastrand::seed(seed);
    let folder = Folder::make(args.keep.as_deref())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let verdict = LocalSet::new().block_on(&runtime, judge(args, &folder));
    let verdict = verdict.with_context(|| {
        let log = folder.log();
        format!("the server's log, {}, ends:\n{}", log.display(), log_tail(&log))
    });
    let clean = matches!(&verdict, Ok(found) if found.is_clean());
    if !clean {
        println!("data, log and drawings are kept in {}", folder.keep().display());
    }
    let found = verdict?;
    print!("{}", found.verdict);
    if found.unjust > 0 {
        println!("{} sends were REFUSED with nothing wrong with them", found.unjust);
    }
    if let Some(file) = &args.record {
        Run::of(args, seed, &found).append_to(file)?;
    }
    Ok(clean)
}

/// What a run came to.
pub struct Found {
    pub verdict: Verdict,
    /// Refusals that nothing justified.
    pub unjust: u64,
    pub faults: Faults,
}

impl Found {
    fn is_clean(&self) -> bool {
        self.verdict.is_clean() && self.unjust == 0
    }
}

async fn judge(args: &CrashArgs, folder: &Folder) -> Result<Found> {
    let mut nemesis: Box<dyn Nemesis> = if args.cluster {
        Box::new(Cluster::start(args, folder).await?)
    } else {
        Box::new(Lone::start(args, folder).await?)
    };
    let scene = Rc::new(Scene::set(args, nemesis.addresses()).await?);
    let authors = author_task::start_all(&scene, args);
    let readers = reader_task::start_all(&scene);

    for round in 1..=args.rounds {
        nemesis = apart(nemesis).await.with_context(|| format!("round {round}"))?;
        let (acked, seen) = scene.recorder.borrow().so_far();
        println!("round {round}: {acked} acked, {seen} seen live");
    }
    scene.enter(Phase::Finishing);
    author_task::finish_all(authors).await?;
    final_history::read_all(&scene).await?;
    scene.enter(Phase::Settling);
    reader_task::finish_all(readers, &scene).await?;
    let recorder = scene.recorder.borrow();
    let faults = nemesis.faults();
    println!("{faults:?}; errors in answer to sends: {:?}", recorder.errors);
    let verdict = chat_checker::check(&recorder.history);
    let mut drawn = BTreeSet::new();
    for violation in verdict.violations.iter().filter(|it| drawn.insert(it.property)) {
        let drawing = chat_checker::drawing::draw(&recorder.history, violation);
        fs::write(folder.keep().join(format!("{:?}.svg", violation.property)), drawing)?;
    }
    Ok(Found { verdict, unjust: recorder.unjust, faults })
}

/// One round, on a thread of its own: people go on talking meanwhile.
async fn apart(mut nemesis: Box<dyn Nemesis>) -> Result<Box<dyn Nemesis>> {
    let seed = fastrand::u64(..);
    let round = move || {
        fastrand::seed(seed);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(nemesis.round())?;
        Ok(nemesis)
    };
    spawn_blocking(round).await?
}

/// Where the server's data and log are.
struct Folder {
    path: PathBuf,
    /// Goes with this value, unless it is told to stay.
    temporary: std::cell::RefCell<Option<tempfile::TempDir>>,
}

impl Folder {
    fn make(keep: Option<&Path>) -> Result<Self> {
        let temporary = match keep {
            Some(path) => {
                fs::create_dir_all(path)?;
                None
            }
            None => Some(tempfile::Builder::new().prefix("chat-crash-").tempdir()?),
        };
        let path = temporary.as_ref().map(|folder| folder.path().to_owned());
        let path =
            path.or_else(|| keep.map(Path::to_owned)).context("a folder is one or the other")?;
        let folder = Self { path, temporary: Some(temporary).flatten().into() };
        fs::create_dir(folder.data()).context("crash needs a fresh data folder")?;
        Ok(folder)
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    fn keep(&self) -> &Path {
        if let Some(mut temporary) = self.temporary.take() {
            temporary.disable_cleanup(true);
        }
        &self.path
    }
}
