//! Rooms under load: CPU time per delivery, rates and latencies.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::runtime::Runtime;

use super::stage::{Cast, SeatPlan};
use super::{Scenario, Target};
use crate::engine::{Engine, Pressure, Tally};
use crate::proc::cpu_time;
use crate::report::{LoadReport, Outcome, Report};

/// More guests than this need not be made: one person may have many sessions.
const GUESTS_MAX: usize = 1000;
/// Windows of messages that may be on their way in one room: enough that the server always has
/// work, few enough that socket buffers can hold them.
const LAG_WINDOWS: u64 = 4;

/// CPU times and clock at one moment.
struct Mark {
    server: Duration,
    generator: Duration,
    at: Instant,
}

impl Mark {
    fn take(target: &Target) -> Result<Self> {
        let generator = cpu_time(std::process::id())?;
        Ok(Self { server: target.cpu_time()?, generator, at: Instant::now() })
    }
}

pub(super) fn run(scenario: &Scenario, target: &Target, runtime: &Runtime) -> Result<Report> {
    let seats = seats(scenario);
    let guests = seats.len().min(GUESTS_MAX);
    let cast = runtime.block_on(Cast::make(target, guests, scenario.rooms, &seats))?;
    let mut engine = Engine::new(&cast.rooms, pressure(scenario))?;
    runtime.block_on(cast.seat(target, &seats, &mut engine))?;

    let mut pacer = engine.pacer();
    engine.load(&mut pacer, Duration::from_secs_f64(scenario.warmup_s))?;
    engine.tally.begin();
    let begun = Mark::take(target)?;
    engine.load(&mut pacer, Duration::from_secs_f64(scenario.measure_s))?;
    let ended = Mark::take(target)?;
    engine.tally.measuring = false;
    let measured = measured(&engine.tally, &begun, &ended);

    engine.listen(Duration::from_secs_f64(scenario.drain_s), Engine::is_quiet)?;
    engine.count_missing();
    let outcome = Outcome::Load(measured);
    Ok(Report { scenario: scenario.clone(), outcome, breaches: engine.tally.breaches.clone() })
}

fn pressure(scenario: &Scenario) -> Pressure {
    let window = scenario.window.max(1);
    let publications = |deliveries: f64| deliveries / scenario.members as f64;
    Pressure {
        publications_per_second: scenario.deliveries_per_s.map(publications),
        window,
        lag_max: LAG_WINDOWS * (window * scenario.writers.max(1)) as u64,
    }
}

fn seats(scenario: &Scenario) -> Vec<SeatPlan> {
    let guests = (scenario.rooms * scenario.members).min(GUESTS_MAX);
    let seat = |room: usize, member: usize| SeatPlan {
        guest: (room + member) % guests,
        rooms: vec![room],
        writes: member < scenario.writers,
    };
    let in_room = |room| (0..scenario.members).map(move |member| seat(room, member));
    (0..scenario.rooms).flat_map(in_room).collect()
}

fn measured(tally: &Tally, begun: &Mark, ended: &Mark) -> LoadReport {
    let seconds = (ended.at - begun.at).as_secs_f64();
    let server_s = (ended.server - begun.server).as_secs_f64();
    let generator_s = (ended.generator - begun.generator).as_secs_f64();
    let deliveries = tally.deliveries.max(1) as f64;
    LoadReport {
        seconds,
        deliveries: tally.deliveries,
        deliveries_per_s: tally.deliveries as f64 / seconds,
        acked: tally.acked,
        acked_per_s: tally.acked as f64 / seconds,
        failed: tally.failed,
        held_back: tally.held_back,
        server_cpu_us_per_delivery: server_s * 1e6 / deliveries,
        server_busy: server_s / seconds,
        generator_busy: generator_s / seconds,
        deliveries_per_read: deliveries / tally.reads.max(1) as f64,
        bytes_per_delivery: tally.bytes_read as f64 / deliveries,
        ack: (&tally.ack_ns).into(),
        receive: (&tally.receive_ns).into(),
        receive_last: (&tally.last_ns).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ScenarioName;

    #[test]
    fn every_room_has_its_members_and_writers() {
        let mut scenario = Scenario::named(ScenarioName::Rooms);
        (scenario.rooms, scenario.members, scenario.writers) = (3, 4, 2);
        let seats = seats(&scenario);
        assert_eq!(seats.len(), 12);
        for room in 0..3 {
            let members = seats.iter().filter(|seat| seat.rooms == [room]);
            assert_eq!(members.clone().count(), 4);
            assert_eq!(members.filter(|seat| seat.writes).count(), 2);
        }
    }

    #[test]
    fn pace_counts_deliveries() {
        let mut scenario = Scenario::named(ScenarioName::OneRoom);
        scenario.deliveries_per_s = Some(20_000.0);
        assert_eq!(pressure(&scenario).publications_per_second, Some(20.0));
    }
}
