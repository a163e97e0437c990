//! The scenarios as data, and running one of them.

mod idle;
mod load;
pub mod stage;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::proc;
use crate::report::Report;

/// Scenarios that can be named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioName {
    /// One room with many members.
    OneRoom,
    /// Many rooms with a few members.
    Rooms,
    /// Connections in two rooms each, in which nothing happens.
    Idle,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    pub name: ScenarioName,
    pub rooms: usize,
    /// Connections in each room; of all rooms together when idle.
    pub members: usize,
    /// Members of each room that write.
    pub writers: usize,
    /// Sends of one writer that may wait for their ack.
    pub window: usize,
    /// `None` sends whenever the windows allow: saturation.
    pub deliveries_per_s: Option<f64>,
    /// Seconds of load, or of calm, before anything is measured.
    pub warmup_s: f64,
    /// Seconds that are measured, or that idle connections are held.
    pub measure_s: f64,
    /// Longest wait, in seconds, for what is under way when the load ends; after it, it is lost.
    pub drain_s: f64,
}

impl Scenario {
    /// The scenario's usual size.
    pub fn named(name: ScenarioName) -> Self {
        let (rooms, members, window) = match name {
            ScenarioName::OneRoom => (1, 1000, 16),
            ScenarioName::Rooms => (1000, 10, 4),
            ScenarioName::Idle => (100, 10_000, 1),
        };
        Self {
            name,
            rooms,
            members,
            writers: 1,
            window,
            deliveries_per_s: None,
            warmup_s: 2.0,
            measure_s: 10.0,
            drain_s: 15.0,
        }
    }

    /// Connections that it needs.
    pub fn connections(&self) -> usize {
        match self.name {
            ScenarioName::Idle => self.members + idle::WARM_CONNECTIONS,
            _ => self.members * self.rooms,
        }
    }
}

/// What is loaded.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// Where those connect who only read, one after the other: the same, or other nodes.
    pub readers: Vec<SocketAddr>,
    /// Whose CPU time and memory are read, and added up.
    pub pids: Vec<u32>,
    /// It has no REST and makes no guests.
    pub is_floor: bool,
}

impl Target {
    /// One process that everyone connects to.
    pub fn one(address: SocketAddr, pid: u32, is_floor: bool) -> Self {
        Self { address, readers: vec![address], pids: vec![pid], is_floor }
    }

    /// Of all its processes.
    fn cpu_time(&self) -> Result<Duration> {
        self.pids.iter().map(|pid| proc::cpu_time(*pid)).sum()
    }

    /// Of all its processes.
    fn rss_bytes(&self) -> Result<u64> {
        self.pids.iter().map(|pid| proc::rss_bytes(*pid)).sum()
    }
}

/// Runs `scenario` against `target`, on a runtime of its own in this thread.
///
/// # Errors
/// The scene can't be set, or the target dies. What the target does wrong is in the report.
pub fn run(scenario: &Scenario, target: &Target) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match scenario.name {
        ScenarioName::Idle => idle::run(scenario, target, &runtime),
        _ => load::run(scenario, target, &runtime),
    }
}

#[cfg(test)]
mod tests;
