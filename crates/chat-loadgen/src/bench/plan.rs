//! The table's rows and targets, as data.

use std::fmt;

use crate::floor::Mode;
use crate::scenario::{Scenario, ScenarioName};

/// One row: a scenario, what it is held against, and what is wanted of the first shell.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) scenario: Scenario,
    /// The floors that are measured beside it; ratios and target refer to the first.
    pub(super) floors: &'static [Mode],
    pub(super) goal: Goal,
}

/// What is compared, and the most that it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// CPU time per delivery, as a multiple of the floor's.
    CpuTimesFloor(f64),
    /// Resident memory per session, in bytes.
    BytesPerSession(f64),
}

impl Row {
    pub(super) fn is_named(&self, part: Option<&str>) -> bool {
        part.is_none_or(|part| self.name.contains(part))
    }
}

/// All rows; quick ones measure for a shorter time, at the same sizes.
pub(super) fn rows(quick: bool) -> Vec<Row> {
    let paced = |scenario| Scenario { deliveries_per_s: Some(20_000.0), ..scenario };
    let one_room = || Scenario::named(ScenarioName::OneRoom);
    let held = |scenario| Scenario { measure_s: 30.0, ..scenario };
    let mut rows = vec![
        Row {
            name: "one room of 1000, paced at 20k deliveries/s",
            scenario: paced(one_room()),
            floors: &[Mode::Bare],
            goal: Goal::CpuTimesFloor(1.5),
        },
        Row {
            name: "one room of 1000, saturated",
            scenario: one_room(),
            floors: &[Mode::OneWrite, Mode::Bare],
            goal: Goal::CpuTimesFloor(2.0),
        },
        Row {
            name: "1000 rooms of 10, saturated",
            scenario: Scenario::named(ScenarioName::Rooms),
            floors: &[Mode::Bare, Mode::OneWrite],
            goal: Goal::CpuTimesFloor(2.0),
        },
        Row {
            name: "10,000 idle sessions in two rooms each",
            scenario: held(Scenario::named(ScenarioName::Idle)),
            floors: &[],
            goal: Goal::BytesPerSession(4096.0),
        },
    ];
    if quick {
        for row in &mut rows {
            (row.scenario.warmup_s, row.scenario.measure_s) = (1.0, 3.0);
        }
    }
    rows
}

/// What a row's scenario is run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Floor(Mode),
    /// The server with this session shell.
    Server(String),
}

/// Floors first, then the shells.
pub(super) fn subjects(row: &Row, shells: &[String]) -> Vec<Subject> {
    let floors = row.floors.iter().copied().map(Subject::Floor);
    floors.chain(shells.iter().cloned().map(Subject::Server)).collect()
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floor(Mode::Bare) => f.write_str("floor, a send each"),
            Self::Floor(Mode::OneWrite) => f.write_str("floor, one write a turn"),
            Self::Server(shell) => write!(f, "server, {shell} shell"),
        }
    }
}
