//! What the cluster's services cost: each scenario beside a bare program that asks the same of the same services, in the
//! same run and in turn. The services are started here.

mod across;
mod catch_up;
mod finding;
mod idle_room;
mod node_killed;
mod nodes;
mod one_room;
mod relay;
mod revoked;
mod sends;
mod written;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::cli::BenchArgs;
use crate::proc;
use crate::server::{Running, ServerPlan, free_port, log_tail};
use finding::{Finding, table};

/// Of a usual and a quick bench.
const REPEATS: (usize, usize) = (5, 1);

/// What every scenario is told.
pub(super) struct Ground {
    /// The server's program.
    pub(super) program: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) repeats: usize,
    pub(super) quick: bool,
    pub(super) runtime: Runtime,
}

impl Ground {
    /// A folder for one scenario's data, removed when dropped.
    pub(super) fn folder(&self) -> Result<TempDir> {
        let named = tempfile::Builder::new().prefix("chat-bench-").tempdir_in(&self.scratch);
        named.context("no folder for data")
    }

    /// A node with these options, ready; its data and `server.log` are in `folder`.
    pub(super) fn node(
        &self,
        folder: &Path,
        options: &[(&'static str, String)],
    ) -> Result<Running> {
        let log = folder.join("server.log");
        let mut node = Running::server(&ServerPlan {
            program: &self.program,
            data_dir: folder,
            port: free_port()?,
            shell: None,
            log: &log,
            core: None,
            options,
        })?;
        self.runtime.block_on(node.ready()).with_context(|| log_tail(&log))?;
        Ok(node)
    }
}

type Scenario = fn(&Ground) -> Result<Vec<Finding>>;

const SCENARIOS: &[(&str, Scenario)] = &[
    ("sends", sends::run),
    ("catch-up", catch_up::run),
    ("relay", relay::run),
    ("idle-room", idle_room::run),
    ("across", across::run),
    ("one-room", one_room::run),
    ("node-killed", node_killed::run),
    ("revoked", revoked::run),
];

/// Runs those whose name is asked for, and prints their table; false if a target was missed.
///
/// # Errors
/// A scenario could not be run.
pub(super) fn run(args: &BenchArgs) -> Result<bool> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let ground = Ground {
        program: args.server.canonicalize().context("no such server program")?,
        scratch: args.scratch.clone().unwrap_or_else(std::env::temp_dir),
        repeats: args.repeats.unwrap_or(if args.quick { REPEATS.1 } else { REPEATS.0 }),
        quick: args.quick,
        runtime,
    };
    let mut findings = Vec::new();
    for (name, scenario) in SCENARIOS {
        if args.only.as_deref().is_none_or(|part| name.contains(part)) {
            findings.extend(scenario(&ground).with_context(|| format!("scenario {name}"))?);
            eprintln!("[{name}]\n{}", table(&findings));
        }
    }
    println!("{}; medians of {} runs.\n\n{}", proc::machine(), ground.repeats, table(&findings));
    Ok(findings.iter().all(Finding::is_met))
}
