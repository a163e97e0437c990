//! The runs: within which bounds the server as it is gets explored. Readers change nothing for anyone else, so a run without
//! any says as much about all the rest, and can afford more of it.

use crate::bounds::{Bounds, Faults};
use crate::properties::{FORGOTTEN, GAP, OFF_TIME, REBUILT, REPEAT, SPLIT};

/// See the module.
#[derive(Clone, Debug)]
pub struct Run {
    pub name: &'static str,
    pub bounds: Bounds,
    /// What has to be seen to happen for the run to be worth anything.
    pub sees: &'static [&'static str],
}

const NONE: Faults = Bounds::LEAST.faults;

/// Those that the tests explore.
pub const SMALL: [Run; 6] = [
    Run {
        name: "retries, an emptied Redis, time",
        bounds: Bounds {
            messages: 2,
            readers: 0,
            moments: &[7, 9, 25],
            faults: Faults { replies: 1, wipes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[REPEAT, OFF_TIME, FORGOTTEN, REBUILT],
    },
    Run {
        name: "lost records and dying scripts, time",
        bounds: Bounds {
            readers: 0,
            moments: &[7, 8, 10, 24],
            faults: Faults { replies: 2, records: 1, wipes: 1, scripts: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[REPEAT, OFF_TIME, REBUILT],
    },
    Run {
        name: "two relays, a split and an emptied Redis",
        bounds: Bounds {
            messages: 2,
            relays: 2,
            faults: Faults { wipes: 1, failovers: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, SPLIT, REBUILT],
    },
    Run {
        name: "two rooms, two relays, a split",
        bounds: Bounds {
            messages: 3,
            rooms: 2,
            relays: 2,
            faults: Faults { failovers: 1, crashes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, SPLIT],
    },
    Run {
        name: "lost publications, short tails, a node that dies",
        bounds: Bounds {
            messages: 3,
            tail: 1,
            faults: Faults { publications: 2, wipes: 1, crashes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, REBUILT],
    },
    Run {
        name: "a retry in a split, seen to the end",
        bounds: Bounds {
            moments: &[7, 24],
            faults: Faults { replies: 1, publications: 1, failovers: 1, crashes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[REPEAT, GAP, SPLIT],
    },
];

/// Those that take long: the same with more of everything.
pub const LARGE: [Run; 5] = [
    Run {
        name: "two messages, two lost replies, small steps of time",
        bounds: Bounds {
            messages: 2,
            readers: 0,
            moments: &[7, 8, 10, 24],
            faults: Faults { replies: 2, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[REPEAT, OFF_TIME, FORGOTTEN],
    },
    Run {
        name: "two relays, a split, a Redis emptied twice",
        bounds: Bounds {
            messages: 2,
            relays: 2,
            faults: Faults { wipes: 2, failovers: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, SPLIT, REBUILT],
    },
    Run {
        name: "two rooms, two relays, a split, a dying script",
        bounds: Bounds {
            messages: 3,
            rooms: 2,
            relays: 2,
            faults: Faults { failovers: 1, scripts: 1, crashes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, SPLIT],
    },
    Run {
        name: "three messages, lost publications, a split and an emptied Redis",
        bounds: Bounds {
            messages: 3,
            tail: 1,
            faults: Faults { publications: 2, wipes: 1, failovers: 1, crashes: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[GAP, SPLIT, REBUILT],
    },
    Run {
        name: "a retry through a split and an emptied Redis, time",
        bounds: Bounds {
            moments: &[7, 9, 25],
            faults: Faults { replies: 1, wipes: 1, failovers: 1, ..NONE },
            ..Bounds::LEAST
        },
        sees: &[REPEAT, OFF_TIME, GAP, SPLIT, REBUILT],
    },
];
