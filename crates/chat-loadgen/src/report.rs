//! What one run found, for people and for programs.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::engine::Breaches;
use crate::scenario::Scenario;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub scenario: Scenario,
    pub outcome: Outcome,
    pub breaches: Breaches,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Load(LoadReport),
    Idle(IdleReport),
}

#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    pub seconds: f64,
    pub deliveries: u64,
    pub deliveries_per_s: f64,
    pub acked: u64,
    pub acked_per_s: f64,
    /// Sends answered with an error, since the run began.
    pub failed: u64,
    /// Turns in which a paced send was due and every window full: above zero, the pace was not
    /// held.
    pub held_back: u64,
    /// User and system time of all the server's threads; work that the kernel does elsewhere for
    /// it (disk writes) is not in it.
    pub server_cpu_us_per_delivery: f64,
    /// CPU seconds per second.
    pub server_busy: f64,
    /// Near 1 with the server below 1: the generator was the bottleneck, rates are its own.
    pub generator_busy: f64,
    /// How far the server coalesces.
    pub deliveries_per_read: f64,
    pub bytes_per_delivery: f64,
    /// Publish to ack.
    pub ack: Latency,
    /// Publish to each member.
    pub receive: Latency,
    /// Publish to the last member of the room.
    pub receive_last: Latency,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(ns: &Histogram<u64>) -> Self {
        let ms = |ns: u64| ns as f64 / 1e6;
        let at = |quantile| ms(ns.value_at_quantile(quantile));
        Self { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: ms(ns.max()) }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct IdleReport {
    pub sessions: usize,
    pub held_s: f64,
    pub rss_before_bytes: u64,
    pub rss_opened_bytes: u64,
    pub rss_held_bytes: u64,
    /// The larger of the two, less what was there before, over the sessions.
    pub bytes_per_session: f64,
    /// CPU seconds per second while held.
    pub server_busy: f64,
    /// Pings and presence that came meanwhile.
    pub asides: u64,
}

impl Report {
    /// Whether it is a measurement: nothing lost, doubled, out of order or cut off.
    pub fn is_clean(&self) -> bool {
        let failed = match &self.outcome {
            Outcome::Load(load) => load.failed,
            Outcome::Idle(_) => 0,
        };
        failed == 0 && self.breaches.none()
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} p99 {:.2} max {:.2} ms", self.p50_ms, self.p99_ms, self.max_ms)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Load(load) => write!(f, "{load}")?,
            Outcome::Idle(idle) => write!(f, "{idle}")?,
        }
        if self.is_clean() {
            write!(f, "order, loss, repeats: clean")
        } else {
            write!(f, "NOT CLEAN: {:?}", self.breaches)
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.0} deliveries/s, {:.0} sends/s acked, {} failed",
            self.deliveries_per_s, self.acked_per_s, self.failed
        )?;
        writeln!(
            f,
            "server {:.3} CPU µs per delivery, busy {:.2}; generator busy {:.2}",
            self.server_cpu_us_per_delivery, self.server_busy, self.generator_busy
        )?;
        writeln!(
            f,
            "{:.1} deliveries per read, {:.0} bytes per delivery, held back {}",
            self.deliveries_per_read, self.bytes_per_delivery, self.held_back
        )?;
        writeln!(f, "publish to ack:         {}", self.ack)?;
        writeln!(f, "publish to each member: {}", self.receive)?;
        writeln!(f, "publish to the last:    {}", self.receive_last)
    }
}

impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "{} idle sessions: {:.0} bytes of RSS each ({:.2} KiB)",
            self.sessions,
            self.bytes_per_session,
            self.bytes_per_session / 1024.0
        )?;
        writeln!(
            f,
            "RSS {:.1} MiB before, {:.1} when opened, {:.1} after {:.0} s; busy {:.3}, {} asides",
            mib(self.rss_before_bytes),
            mib(self.rss_opened_bytes),
            mib(self.rss_held_bytes),
            self.held_s,
            self.server_busy,
            self.asides
        )
    }
}
