//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::floor::Mode;
use crate::scenario::{Scenario, ScenarioName};

/// Measures the chat server beside the machine's own floor, and kills it under load.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve as the floor: the least that this machine can do for the same bytes.
    Floor(FloorArgs),
    /// Load one running server, or floor, with one scenario.
    Run(RunArgs),
    /// Run every scenario on floors and server beside each other, and print the table.
    Bench(BenchArgs),
    /// Send every kind of abuser at a server with its default limits, and see what ordinary users notice.
    Flood(FloodArgs),
    /// Kill a server under load again and again, and check that it kept its promises.
    Crash(CrashArgs),
    /// Print docs/PROOF.md: what all recorded crash runs came to.
    Proof(ProofArgs),
}

#[derive(Debug, Args)]
pub struct FloorArgs {
    #[arg(long, value_enum, default_value_t = Mode::Bare)]
    pub mode: Mode,
    /// 0 picks a free one; the first line of output names it.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the server listens.
    #[arg(long, value_name = "ws://127.0.0.1:PORT")]
    pub url: String,
    /// The server's process, whose CPU time and memory are read.
    #[arg(long)]
    pub pid: u32,
    /// The server is a floor: no guests, no REST.
    #[arg(long)]
    pub floor: bool,
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Keep the generator on this core.
    #[arg(long)]
    pub core: Option<usize>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A scenario by name, and what to change in it.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    #[arg(long = "scenario", value_enum)]
    pub name: ScenarioName,
    /// Rooms there are.
    #[arg(long)]
    pub rooms: Option<usize>,
    /// Connections in each room; of all rooms together when idle.
    #[arg(long)]
    pub members: Option<usize>,
    /// Members of each room that write.
    #[arg(long)]
    pub writers: Option<usize>,
    /// Sends of one writer that may wait for their ack.
    #[arg(long)]
    pub window: Option<usize>,
    /// Pace to this many deliveries a second over all rooms, instead of saturating.
    #[arg(long, value_name = "DELIVERIES_PER_S")]
    pub rate: Option<f64>,
    #[arg(long)]
    pub warmup_s: Option<f64>,
    /// Seconds that are measured, or that idle connections are held.
    #[arg(long)]
    pub measure_s: Option<f64>,
}

impl ScenarioArgs {
    pub fn scenario(&self) -> Scenario {
        let mut scenario = Scenario::named(self.name);
        let Self { rooms, members, writers, window, rate, warmup_s, measure_s, .. } = *self;
        scenario.rooms = rooms.unwrap_or(scenario.rooms);
        scenario.members = members.unwrap_or(scenario.members);
        scenario.writers = writers.unwrap_or(scenario.writers);
        scenario.window = window.unwrap_or(scenario.window);
        scenario.deliveries_per_s = rate.or(scenario.deliveries_per_s);
        scenario.warmup_s = warmup_s.unwrap_or(scenario.warmup_s);
        scenario.measure_s = measure_s.unwrap_or(scenario.measure_s);
        scenario
    }
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The server's program.
    #[arg(long)]
    pub server: PathBuf,
    /// Kafka, Redis and PostgreSQL, each beside the least that it can do; they are started here.
    #[arg(long)]
    pub cluster: bool,
    /// Session shells to compare; the targets are the first one's.
    #[arg(long, value_delimiter = ',', default_value = "lean,actors")]
    pub shells: Vec<String>,
    /// Short runs, once each: for a first look, not for quoting.
    #[arg(long)]
    pub quick: bool,
    /// Times that each scenario is run on each target.
    #[arg(long)]
    pub repeats: Option<usize>,
    /// Where the servers' data goes for the time of the bench: a real disk. The system's
    /// temporary folder if absent.
    #[arg(long)]
    pub scratch: Option<PathBuf>,
    /// Only rows whose name contains this.
    #[arg(long)]
    pub only: Option<String>,
    /// Also write every single run's report to this file, one JSON object a line.
    #[arg(long)]
    pub raw: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FloodArgs {
    /// The server's program.
    #[arg(long)]
    pub server: PathBuf,
    /// Seconds that are measured of each kind of abuser, and as long before it without one.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=5))]
    pub seconds: u64,
    /// Where the server's data goes for the time of the flood: a real disk. The system's
    /// temporary folder if absent.
    #[arg(long)]
    pub scratch: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CrashArgs {
    /// The server's program.
    #[arg(long)]
    pub server: PathBuf,
    /// How often it is killed at work; about one start in four is killed as well.
    #[arg(long, default_value_t = 20)]
    pub rounds: u32,
    /// Three nodes on PostgreSQL, Redis and three Kafka brokers, and whatever can die of them does: a round is a fault.
    #[arg(long)]
    pub cluster: bool,
    /// Of a cluster: Redis and PostgreSQL are away for two minutes, a frozen node for half a minute.
    #[arg(long, requires = "cluster")]
    pub long: bool,
    /// Repeats the schedule of kills, breaks and texts; chosen and printed if absent.
    #[arg(long)]
    pub seed: Option<u64>,
    #[arg(long, default_value_t = 4)]
    pub rooms: usize,
    #[arg(long, default_value_t = 8)]
    pub authors: usize,
    #[arg(long, default_value_t = 6)]
    pub readers: usize,
    /// Sends a second over all authors.
    #[arg(long, default_value_t = 2000)]
    pub rate: u32,
    /// The server's session shell.
    #[arg(long)]
    pub shell: Option<String>,
    /// Keep data and log of the server here, instead of a temporary folder that goes with a
    /// clean verdict.
    #[arg(long)]
    pub keep: Option<PathBuf>,
    /// Append what the run came to, whatever it is, to this file: a line of JSON, of which `proof` makes a page.
    #[arg(long)]
    pub record: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ProofArgs {
    /// What `crash --record` wrote.
    #[arg(long)]
    pub runs: PathBuf,
    /// The violations that were found, and what became of them: Markdown, kept by people.
    #[arg(long)]
    pub found: PathBuf,
}

/// The address in a `ws://` URL; whatever path it has, the protocol's own path is used.
///
/// # Errors
/// The URL isn't of that form, or not of this machine's loopback: load goes nowhere else.
pub fn loopback(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("ws://").context("the URL must begin with ws://")?;
    let authority = rest.split('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
    let address: SocketAddr = authority.parse().context("the URL must name address and port")?;
    anyhow::ensure!(address.ip().is_loopback(), "load is for the loopback interface only");
    Ok(address)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn load_goes_to_loopback_only() {
        assert_eq!(loopback("ws://127.0.0.1:80").unwrap().port(), 80);
        assert_eq!(loopback("ws://localhost:81/connection/websocket").unwrap().port(), 81);
        assert!(loopback("ws://192.168.0.1:80").is_err());
        assert!(loopback("http://127.0.0.1:80").is_err());
        assert!(loopback("ws://127.0.0.1").is_err());
    }
}
