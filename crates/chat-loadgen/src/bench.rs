//! The whole table in one run: every scenario on floors and servers in turn, on the same machine,
//! in the same minutes. Only so do the ratios mean something.

mod cluster;
mod figures;
mod plan;
mod table;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::cli::BenchArgs;
use crate::proc;
use crate::report::Report;
use crate::scenario::{self, Target};
use crate::server::{Running, ServerPlan, free_port, log_tail};
use figures::Figures;
use plan::{Row, Subject, rows, subjects};

/// The server has a core to itself, and the generator the other.
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;
/// Of a usual and a quick bench.
const REPEATS: (usize, usize) = (5, 1);
/// Open files on either side: 10,000 connections and some room.
const OPEN_FILES: u64 = 16_384;
/// What is asked for: a server may need more than one for a connection.
const OPEN_FILES_WISHED: u64 = 65_536;

/// Runs the table and prints it as Markdown; false if a run broke a promise or a target was
/// missed.
///
/// # Errors
/// The machine doesn't fit, or the output can't be written.
pub fn run(args: &BenchArgs) -> Result<bool> {
    if args.cluster {
        return cluster::run(args);
    }
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores > GENERATOR_CORE, "two cores are needed: one for the server, one for the load");
    let files = proc::raise_open_files(OPEN_FILES_WISHED);
    ensure!(files >= OPEN_FILES, "only {files} open files are allowed, {OPEN_FILES} are needed");
    let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    ensure!(!proc::is_in_memory(&scratch)?, "{} is memory, not a disk", scratch.display());
    proc::pin_to_core(GENERATOR_CORE)?;

    let repeats = args.repeats.unwrap_or(if args.quick { REPEATS.1 } else { REPEATS.0 });
    let mut bench = Bench {
        program: args.server.canonicalize().context("no such server program")?,
        scratch,
        raw: args.raw.as_deref().map(File::create).transpose()?,
    };
    let mut all = Vec::new();
    for row in rows(args.quick).into_iter().filter(|row| row.is_named(args.only.as_deref())) {
        let subjects = subjects(&row, &args.shells);
        let mut figures = Figures::new(row, subjects);
        for repeat in 0..repeats {
            bench.round(&mut figures, repeat)?;
        }
        all.push(figures);
    }
    print!("{}", table::markdown(&all, repeats));
    Ok(all.iter().all(Figures::is_good))
}

struct Bench {
    program: PathBuf,
    scratch: PathBuf,
    raw: Option<File>,
}

impl Bench {
    /// Every subject once; in turn forwards and backwards, so that a machine that gets slower
    /// favours none of them.
    fn round(&mut self, figures: &mut Figures, repeat: usize) -> Result<()> {
        let mut order: Vec<usize> = (0..figures.subjects.len()).collect();
        if repeat % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let subject = figures.subjects[at].clone();
            let name = format!("{} / {}", figures.row.name, subject);
            match self.once(&figures.row, &subject) {
                Ok(report) => {
                    eprintln!("[{}] {name}\n{report}\n", repeat + 1);
                    self.record(&figures.row, &subject, repeat, &report)?;
                    figures.add(at, report);
                }
                Err(error) => {
                    eprintln!("[{}] {name}\nFAILED: {error:#}\n", repeat + 1);
                    figures.add_failed(at);
                }
            }
        }
        Ok(())
    }

    /// One scenario on a subject that was started for it, with no data from before.
    fn once(&self, row: &Row, subject: &Subject) -> Result<Report> {
        let folder = tempfile::Builder::new().prefix("chat-bench-").tempdir_in(&self.scratch)?;
        let (data, log) = (folder.path().join("data"), folder.path().join("server.log"));
        std::fs::create_dir(&data)?;
        let running = match subject {
            Subject::Floor(mode) => Running::floor(*mode, SERVER_CORE)?,
            Subject::Server(shell) => self.start(shell, &data, &log)?,
        };
        let is_floor = matches!(subject, Subject::Floor(_));
        let target = Target::one(running.address, running.pid(), is_floor);
        scenario::run(&row.scenario, &target).with_context(|| log_tail(&log))
    }

    fn start(&self, shell: &str, data_dir: &Path, log: &Path) -> Result<Running> {
        let plan = ServerPlan {
            program: &self.program,
            data_dir,
            port: free_port()?,
            shell: Some(shell),
            log,
            core: Some(SERVER_CORE),
            options: &[],
        };
        let mut running = Running::server(&plan)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(running.ready()).with_context(|| log_tail(log))?;
        Ok(running)
    }

    fn record(&mut self, row: &Row, subject: &Subject, nth: usize, report: &Report) -> Result<()> {
        if let Some(raw) = &mut self.raw {
            let subject = subject.to_string();
            let line = json!({"row": row.name, "subject": subject, "nth": nth, "report": report});
            writeln!(raw, "{line}")?;
        }
        Ok(())
    }
}
