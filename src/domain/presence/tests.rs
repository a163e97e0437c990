use std::sync::Arc;

use chat_protocol::ephemeral::PresenceTick;
use chat_protocol::object::{Occupant, Person};
use chat_protocol::{Ephemeral, EphemeralBody, RoomId, UserId};

use super::{Move, Register, Report, Ticks};
use crate::domain::session::SessionKey;

const HEARTBEAT: u64 = 5000;

fn person(name: &str) -> Person {
    Person { id: UserId::parse(name).unwrap(), name: name.to_uppercase() }
}

fn moved(slot: u32, came: bool) -> Move {
    let occupant = || Arc::new(Occupant { client: format!("c{slot}"), user: person("u") });
    let session = SessionKey { worker: 0, slot, serial: 1 };
    Move { room: RoomId::general(), session, came: came.then(occupant) }
}

/// `whole? +came -went =here` of the only report that is due.
fn due(register: &mut Register, now_ms: u64) -> String {
    let due = register.due(now_ms);
    let Some(Report { whole, mut came, went, here, .. }) = due.into_iter().next() else {
        return "nothing".to_owned();
    };
    came.sort_by(|a, b| a.client.cmp(&b.client));
    let came: String = came.iter().map(|it| format!("+{}", it.client)).collect();
    let went: String = went.iter().map(|it| format!("-{it}")).collect();
    format!("{}{came}{went}={here}", if whole { "whole" } else { "" })
}

#[test]
fn a_room_is_reported_when_it_changes_and_by_its_heartbeat() {
    let mut register = Register::new(HEARTBEAT);
    let room = RoomId::general();
    let moves = [moved(1, true), moved(2, true), moved(1, true), moved(2, false)];
    moves.into_iter().for_each(|it| register.on_move(it));
    assert_eq!(due(&mut register, 0), "+c1=1", "who came and went before was never there");
    register.on_move(moved(3, true));
    register.on_reported(&room, Some(true), 10);
    assert_eq!(due(&mut register, 10), "+c3=2", "what came meanwhile is reported next");
    assert_eq!(due(&mut register, 9999), "nothing", "while one report is under way");
    register.on_reported(&room, Some(true), 20);
    assert_eq!(due(&mut register, 20 + HEARTBEAT - 1), "nothing");
    assert_eq!(due(&mut register, 20 + HEARTBEAT), "=2");
    register.on_reported(&room, Some(true), 6000);
    [moved(1, false), moved(1, true)].into_iter().for_each(|it| register.on_move(it));
    assert_eq!(due(&mut register, 6000), "=2", "who is back has never gone");
    register.on_reported(&room, Some(true), 6000);
    [moved(1, false), moved(3, false)].into_iter().for_each(|it| register.on_move(it));
    assert_eq!(due(&mut register, 6000), "-c1-c3=0");
    register.on_reported(&room, Some(true), 6000);
    assert_eq!(due(&mut register, u64::MAX - 1), "nothing", "an empty room has no heartbeat");
}

#[test]
fn what_does_not_add_up_or_get_through_is_told_whole() {
    let mut register = Register::new(HEARTBEAT);
    let room = RoomId::general();
    register.on_move(moved(1, true));
    assert_eq!(due(&mut register, 0), "+c1=1");
    register.on_reported(&room, Some(false), 1);
    assert_eq!(due(&mut register, 1), "whole+c1=1");
    register.on_move(moved(1, false));
    register.on_move(moved(2, true));
    register.on_reported(&room, None, 2);
    assert_eq!(due(&mut register, 1000), "nothing");
    assert_eq!(due(&mut register, 1002), "whole+c2=1", "who went is simply not among them");
    register.on_reported(&room, Some(true), 1003);
    register.on_move(moved(2, false));
    assert_eq!(due(&mut register, 1003), "-c2=0");
    register.on_reported(&room, None, 1004);
    assert_eq!(due(&mut register, 2004), "whole=0", "that nobody is here has to get through, too");
}

fn tick(count: u32, joined: &[&str], left: &[&str]) -> PresenceTick {
    let people = |names: &[&str]| names.iter().map(|name| person(name)).collect();
    PresenceTick { count, joined: people(joined), left: people(left), sample: Vec::new() }
}

fn said(ephemerals: &[Ephemeral]) -> Vec<String> {
    let names =
        |people: &[Person]| people.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(",");
    let said = ephemerals.iter().map(|it| match &it.body {
        EphemeralBody::PresenceTick(it) => {
            format!("{} +{} -{}", it.count, names(&it.joined), names(&it.left))
        }
        EphemeralBody::Typing { .. } => "typing".to_owned(),
    });
    said.collect()
}

#[test]
fn a_room_ticks_once_in_its_interval_with_all_that_has_changed() {
    let mut ticks = Ticks::new(1000);
    let room = RoomId::general();
    let changes = [
        (0, tick(2, &["a", "b"], &[])),
        (300, tick(3, &["c"], &[])),
        (500, tick(2, &[], &["a"])),
        (700, tick(1, &[], &["z"])),
        (900, tick(2, &["z"], &[])),
    ];
    for (now_ms, change) in changes {
        ticks.on_change(room.clone(), change, now_ms);
    }
    assert_eq!(said(&ticks.due(999)), [""; 0]);
    assert_eq!(
        said(&ticks.due(1000)),
        ["2 +b,c -"],
        "who came and went, or went and came, is not named"
    );
    assert_eq!(said(&ticks.due(5000)), [""; 0]);
    ticks.on_change(room, tick(1, &[], &["b"]), 6000);
    assert_eq!(said(&ticks.due(7000)), ["1 + -b"]);
}

#[test]
fn a_crowd_ticks_less_often_and_names_a_few() {
    let mut ticks = Ticks::new(1000);
    let names: Vec<String> = (0..60).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ticks.on_change(RoomId::general(), tick(4000, &names, &[]), 0);
    assert_eq!(said(&ticks.due(4999)), [""; 0]);
    let told = ticks.due(5000);
    let EphemeralBody::PresenceTick(it) = &told[0].body else { panic!("{told:?}") };
    assert_eq!((it.count, it.joined.len()), (4000, 50));
}

#[test]
fn a_count_that_was_told_wrong_is_told_again() {
    let mut ticks = Ticks::new(1000);
    let room = RoomId::general();
    ticks.on_change(room.clone(), tick(1, &["a"], &[]), 0);
    ticks.on_count(&room, true, 2, 500);
    assert_eq!(said(&ticks.due(1000)), ["1 +a -"], "what is on its way is told first");
    ticks.on_count(&room, true, 1, 2000);
    assert_eq!(said(&ticks.due(9000)), [""; 0]);
    ticks.on_count(&room, true, 2, 9000);
    assert_eq!(said(&ticks.due(10_000)), ["2 + -"], "a change was lost");
    ticks.on_count(&room, false, 1, 10_000);
    assert_eq!(said(&ticks.due(20_000)), [""; 0], "nobody is here to be told");
}
