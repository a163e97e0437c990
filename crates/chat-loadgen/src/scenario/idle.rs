//! Connections that do nothing: what each costs the server in memory.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::runtime::Runtime;

use super::stage::{Cast, SeatPlan};
use super::{Scenario, Target};
use crate::engine::{Engine, Pressure};
use crate::report::{IdleReport, Outcome, Report};

/// Connections opened before the first look at memory: code and pools are warm then, and they
/// stay, so that nothing they freed flatters the ones that are counted.
pub(super) const WARM_CONNECTIONS: usize = 100;
/// Guests that share the connections.
const GUESTS: usize = 100;

pub(super) fn run(scenario: &Scenario, target: &Target, runtime: &Runtime) -> Result<Report> {
    let seats = seats(scenario);
    let cast = runtime.block_on(Cast::make(target, GUESTS, scenario.rooms, &seats))?;
    let pressure = Pressure { publications_per_second: None, window: 1, lag_max: 1 };
    let mut engine = Engine::new(&cast.rooms, pressure)?;

    let (warm, counted) = seats.split_at(WARM_CONNECTIONS);
    runtime.block_on(cast.seat(target, warm, &mut engine))?;
    engine.listen(Duration::from_secs_f64(scenario.warmup_s), |_| false)?;
    let before = target.rss_bytes()?;
    runtime.block_on(cast.seat(target, counted, &mut engine))?;
    let opened = target.rss_bytes()?;

    let (cpu, at) = (target.cpu_time()?, Instant::now());
    engine.listen(Duration::from_secs_f64(scenario.measure_s), |_| false)?;
    let busy = (target.cpu_time()? - cpu).as_secs_f64() / at.elapsed().as_secs_f64();
    let held = target.rss_bytes()?;

    let per_session = |rss: u64| rss.saturating_sub(before) as f64 / counted.len() as f64;
    let outcome = Outcome::Idle(IdleReport {
        sessions: counted.len(),
        held_s: scenario.measure_s,
        rss_before_bytes: before,
        rss_opened_bytes: opened,
        rss_held_bytes: held,
        bytes_per_session: per_session(held.max(opened)),
        server_busy: busy,
        asides: engine.tally.asides,
    });
    Ok(Report { scenario: scenario.clone(), outcome, breaches: engine.tally.breaches.clone() })
}

/// Everyone in two rooms; neighbours share one of them.
fn seats(scenario: &Scenario) -> Vec<SeatPlan> {
    let rooms = scenario.rooms.max(2);
    let seat = |n: usize| SeatPlan {
        guest: n % GUESTS,
        rooms: vec![n % rooms, (n + 1) % rooms],
        writes: false,
    };
    (0..scenario.connections()).map(seat).collect()
}
