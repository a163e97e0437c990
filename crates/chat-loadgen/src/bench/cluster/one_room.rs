//! One room of 1000, its members on three nodes, saturated: what a delivery costs all nodes together, beside an embedded node
//! that has the whole room.

use anyhow::{Result, bail, ensure};

use super::Ground;
use super::finding::{Finding, Goal};
use super::nodes::Nodes;
use crate::report::{LoadReport, Outcome};
use crate::scenario::{self, Scenario, ScenarioName, Target};

const NODES: usize = 3;
const PARTITIONS: u32 = 4;

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let goal = Goal::TimesAtMost(1.5);
    let mut cpu = Finding::new("one room of 1000 on three nodes: CPU a delivery", "µs", goal);
    let mut rate = Finding::new("the same: deliveries", "a second", Goal::Nothing);
    let nodes = Nodes::start(ground, NODES, PARTITIONS)?;
    for nth in 0..ground.repeats {
        let (own, floor) = if nth % 2 == 0 {
            let floor = embedded(ground)?;
            (spread(ground, &nodes)?, floor)
        } else {
            (spread(ground, &nodes)?, embedded(ground)?)
        };
        cpu.add(own.server_cpu_us_per_delivery, floor.server_cpu_us_per_delivery);
        rate.add(own.deliveries_per_s, floor.deliveries_per_s);
        cpu.beside = format!(
            "deliveries per read: {:.1}, embedded {:.1}",
            own.deliveries_per_read, floor.deliveries_per_read
        );
    }
    Ok(vec![cpu, rate])
}

fn embedded(ground: &Ground) -> Result<LoadReport> {
    let folder = ground.folder()?;
    let node = ground.node(folder.path(), &[])?;
    loaded(ground, &Target::one(node.address, node.pid(), false))
}

fn spread(ground: &Ground, nodes: &Nodes) -> Result<LoadReport> {
    let readers = nodes.running.iter().map(|it| it.address).collect();
    let pids = nodes.running.iter().map(|it| it.pid()).collect();
    let target = Target { address: nodes.running[0].address, readers, pids, is_floor: false };
    loaded(ground, &target)
}

fn loaded(ground: &Ground, target: &Target) -> Result<LoadReport> {
    let mut scenario = Scenario::named(ScenarioName::OneRoom);
    scenario.drain_s = 60.0;
    if ground.quick {
        (scenario.warmup_s, scenario.measure_s) = (1.0, 3.0);
    }
    let report = scenario::run(&scenario, target)?;
    ensure!(report.is_clean(), "the run was not clean: {report}");
    match report.outcome {
        Outcome::Load(load) => Ok(load),
        Outcome::Idle(_) => bail!("there was no load"),
    }
}
