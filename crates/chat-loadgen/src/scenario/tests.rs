//! Whole scenarios, small ones, against a floor in this process: a good one, and ones that lie.

mod liar;

use std::net::{Ipv4Addr, SocketAddr};

use super::{Scenario, ScenarioName, Target, run};
use crate::engine::Breaches;
use crate::floor::{Floor, Mode};
use crate::report::{LoadReport, Outcome, Report};
use liar::{Lie, Told};

const MEMBERS: usize = 3;

/// A floor that serves until the process ends.
fn floor(mode: Mode) -> SocketAddr {
    let floor = Floor::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), mode).unwrap();
    let address = floor.address().unwrap();
    std::thread::spawn(|| floor.serve());
    address
}

fn run_at(address: SocketAddr, scenario: &Scenario) -> Report {
    run(scenario, &Target::one(address, std::process::id(), true)).unwrap()
}

/// Long enough for some dozens of messages. What is lost stays lost: a second will do to be sure.
fn small(name: ScenarioName) -> Scenario {
    let scenario = Scenario::named(name);
    Scenario { members: MEMBERS, warmup_s: 0.1, measure_s: 0.4, drain_s: 1.0, ..scenario }
}

/// 100 messages a second.
fn paced() -> Scenario {
    Scenario { deliveries_per_s: Some(100.0 * MEMBERS as f64), ..small(ScenarioName::OneRoom) }
}

fn load(report: &Report) -> &LoadReport {
    let Outcome::Load(load) = &report.outcome else { panic!("{report:?}") };
    load
}

/// What a run finds when `lie` is told to `told`, from the tenth event on.
fn found(lie: Lie, told: Told) -> Breaches {
    let address = liar::before(floor(Mode::Bare), MEMBERS, lie, told);
    let report = run_at(address, &paced());
    assert!(!report.is_clean());
    assert!(load(&report).acked > 0, "the run goes on in spite of it");
    report.breaches
}

#[test]
fn one_paced_room_is_clean_and_every_member_gets_every_message() {
    for mode in [Mode::Bare, Mode::OneWrite] {
        let report = run_at(floor(mode), &paced());
        assert!(report.is_clean(), "{report}");
        let load = load(&report);
        // Some may be under way when the measured interval begins and when it ends.
        let (members, under_way) = (MEMBERS as u64, 16 * MEMBERS as u64);
        assert!(load.acked > 0);
        assert!(load.deliveries.abs_diff(load.acked * members) <= under_way, "{report}");
    }
}

#[test]
fn rooms_are_saturated_each_by_its_own_writers() {
    let scenario = Scenario { rooms: 4, writers: 2, ..small(ScenarioName::Rooms) };
    for mode in [Mode::Bare, Mode::OneWrite] {
        let report = run_at(floor(mode), &scenario);
        assert!(report.is_clean(), "{report}");
        assert!(load(&report).deliveries > 0);
    }
}

#[test]
fn idle_sessions_are_counted_and_nothing_happens() {
    let report = run_at(floor(Mode::Bare), &Scenario { rooms: 2, ..small(ScenarioName::Idle) });
    assert!(report.is_clean(), "{report}");
    let Outcome::Idle(idle) = &report.outcome else { panic!("{report:?}") };
    assert_eq!((idle.sessions, idle.asides), (MEMBERS, 0));
}

#[test]
fn a_liar_without_a_lie_changes_nothing() {
    let address = liar::before(floor(Mode::Bare), MEMBERS, Lie::None, Told::Everyone);
    let report = run_at(address, &paced());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn an_event_that_a_member_misses_is_a_hole() {
    assert_eq!(found(Lie::Drop, Told::One), Breaches { holes: 1, ..Breaches::default() });
}

#[test]
fn a_message_that_everyone_misses_was_acked_unseen() {
    let expected = Breaches { holes: MEMBERS as u64, acked_unseen: 1, ..Breaches::default() };
    assert_eq!(found(Lie::Drop, Told::Everyone), expected);
}

#[test]
fn events_that_stop_coming_are_lost() {
    let breaches = found(Lie::Stop, Told::One);
    assert!(breaches.lost > 0);
    assert_eq!(breaches, Breaches { lost: breaches.lost, ..Breaches::default() });
}

#[test]
fn an_event_that_comes_twice_is_a_repeat() {
    assert_eq!(found(Lie::Double, Told::One), Breaches { repeats: 1, ..Breaches::default() });
}

#[test]
fn events_in_another_order_are_a_hole_and_a_repeat() {
    let expected = Breaches { holes: 1, repeats: 1, ..Breaches::default() };
    assert_eq!(found(Lie::Swap, Told::One), expected);
}

#[test]
fn other_content_at_the_same_place_is_reported() {
    let breaches = found(Lie::Alter, Told::One);
    // Who sees it first is believed: then it is the others that differ.
    assert!([1, MEMBERS as u64 - 1].contains(&breaches.differing), "{breaches:?}");
    assert_eq!(breaches, Breaches { differing: breaches.differing, ..Breaches::default() });
}

#[test]
fn a_connection_that_ends_is_reported() {
    assert_eq!(found(Lie::Cut, Told::One), Breaches { closed: 1, ..Breaches::default() });
}

#[test]
fn a_send_without_an_answer_is_reported() {
    let expected = Breaches { unanswered: 1, ..Breaches::default() };
    assert_eq!(found(Lie::KeepAck, Told::Everyone), expected);
}
