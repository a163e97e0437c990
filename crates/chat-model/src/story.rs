//! A path through the states as a short story: a sentence a step, and how it ends.

use std::fmt::Display;

use stateright::Path;

use crate::action::Action;
use crate::model::Model;
use crate::record::{Event, Message};
use crate::state::{Phase, State};

/// Tells it, one line each.
pub fn tell(model: &Model, path: Path<State, Action>) -> Vec<String> {
    let steps = path.into_vec();
    let next = steps.iter().skip(1).map(|(state, _)| state);
    let mut lines: Vec<String> = steps
        .iter()
        .zip(next)
        .filter_map(|((before, action), after)| Some(sentence(model, before, (*action)?, after)))
        .collect();
    if let Some((last, _)) = steps.last() {
        lines.push(ending(model, last));
    }
    lines
}

fn sentence(model: &Model, before: &State, action: Action, after: &State) -> String {
    let of_sending = sending(before, action, after);
    let of_relay = of_sending.or_else(|| relaying(before, action, after));
    let of_reader = of_relay.or_else(|| reading(before, action, after));
    of_reader.unwrap_or_else(|| elsewhere(model, before, action, after))
}

fn sending(before: &State, action: Action, after: &State) -> Option<String> {
    let flying = |flight: usize| before.flights.get(flight).map(|it| it.message);
    let end = before.log.len();
    Some(match action {
        Action::Send { message, redis } => send(before, message, redis, after),
        Action::Land { flight } => {
            let message = flying(flight)?;
            format!("the log takes {message} as record {end}{}", told(before, message, after))
        }
        Action::LandUnheard { flight } => {
            format!("the log takes {} as record {end}; the reply is lost", flying(flight)?)
        }
        Action::GiveUp { message } => {
            format!("{message}'s author hears nothing; its record is still on its way")
        }
        Action::LoseRecord { flight } => format!("the record of {} is lost", flying(flight)?),
        _ => return None,
    })
}

fn relaying(before: &State, action: Action, after: &State) -> Option<String> {
    let redis = |relay: usize| which(before.relays.get(relay).map_or(0, |it| it.redis), before);
    Some(match action {
        Action::Attach { relay } => {
            let new = after.relays.iter().find(|it| !before.relays.contains(it));
            let at = new.and_then(|it| it.position);
            let at = at.map_or(String::new(), |it| format!(", at record {it}"));
            format!("a relay looks where {} stands{at}", redis(relay))
        }
        Action::Relay { relay, records } => relay_run(before, relay, records, after)?,
        Action::RelayHalf { relay, .. } => {
            format!("the script dies in {} before its place has moved", redis(relay))
        }
        Action::Stage { relay } => {
            let cursor = before.store.projection.cursor();
            format!("a relay finds {} empty and reads the store, at record {cursor}", redis(relay))
        }
        Action::Promote { relay } => format!("{} is built from that", redis(relay)),
        Action::RelayFollows { .. } => "a relay turns to the new Redis".to_owned(),
        Action::CrashRelay { .. } => "a relay dies and begins anew".to_owned(),
        _ => return None,
    })
}

fn reading(before: &State, action: Action, after: &State) -> Option<String> {
    let waits = |reader: usize, waiting: usize| {
        before.readers.get(reader).and_then(|it| it.inbox.get(waiting)).copied()
    };
    Some(match action {
        Action::Hear { reader, waiting } => {
            let (node, event) = (name(reader), waits(reader, waiting)?);
            format!("{node}'s node hears {event}; the reader sees {}", shown(before, reader, after))
        }
        Action::Compare { reader } => {
            format!("{}'s room is told how far it reaches", name(reader))
        }
        Action::Repair { reader } => {
            let (node, shown) = (name(reader), shown(before, reader, after));
            format!("what {node}'s room missed is read; the reader sees {shown}")
        }
        Action::ReaderFollows { reader } => {
            format!("{}'s node turns to the new Redis", name(reader))
        }
        Action::LosePublication { reader, waiting } => {
            format!("{} doesn't reach {}'s node", waits(reader, waiting)?, name(reader))
        }
        Action::CrashReader { reader } => format!("{}'s node dies", name(reader)),
        _ => return None,
    })
}

fn elsewhere(model: &Model, before: &State, action: Action, after: &State) -> String {
    match action {
        Action::Tick => {
            let (from, to) = (model.moment(before), model.moment(after));
            format!("{}/8 W pass", to.saturating_sub(from))
        }
        Action::Persist => {
            let added: Vec<&Event> = news(&before.store.rows, &after.store.rows);
            match added.as_slice() {
                [] => "the store moves its cursor; the row is yet to be written".to_owned(),
                rows => format!("the store folds the next record: {}", list(rows)),
            }
        }
        Action::WriteOwed => "the store writes the row".to_owned(),
        Action::CrashPersister => "the Persister dies before it has written the row".to_owned(),
        Action::Replicate => "the replica has all that Redis has".to_owned(),
        Action::FailOver => "the replica takes over, and the old Redis goes on".to_owned(),
        Action::Wipe { redis } => format!("{} is emptied", which(redis, before)),
        other => format!("{other:?}"),
    }
}

fn send(before: &State, message: Message, redis: usize, after: &State) -> String {
    let known =
        |state: &State| state.sendings.get(usize::from(message.0)).copied().unwrap_or_default();
    let again = if known(before).phase == Phase::Unsent { "" } else { " again" };
    let placed = after.flights.iter().find(|it| it.message == message).and_then(|it| it.place);
    let place = placed.map_or(String::new(), |offset| {
        format!("; {} gives it place {offset} and publishes it", which(redis, before))
    });
    format!("{message} is sent{again}{place}{}", told(before, message, after))
}

fn told(before: &State, message: Message, after: &State) -> &'static str {
    let phase = |state: &State| {
        state.sendings.get(usize::from(message.0)).map_or(Phase::Unsent, |it| it.phase)
    };
    match (phase(before), phase(after)) {
        (before, after) if before == after => "",
        (_, Phase::Acked) => "; its author is acked",
        (_, Phase::InDoubt) => "; its author is told \"unavailable\"",
        _ => "",
    }
}

fn relay_run(before: &State, relay: usize, records: usize, after: &State) -> Option<String> {
    let it = before.relays.get(relay)?;
    let from = it.position?;
    let what = match records {
        1 => format!("record {from}"),
        _ => format!("records {from} to {}", from + records - 1),
    };
    let tails = |state: &State| state.redis[it.redis].as_ref().map(|it| it.tails.clone());
    let (had, has) = (tails(before)?, tails(after)?);
    let redis = which(it.redis, before);
    Some(format!("a relay has {redis} fold {what}: {}", list(&news(&had, &has))))
}

/// What rooms have in `after` and not in `before`.
fn news<'a>(before: &[Vec<Event>], after: &'a [Vec<Event>]) -> Vec<&'a Event> {
    let rooms = after.iter().enumerate();
    let new = |(room, events): (usize, &'a Vec<Event>)| {
        let had = before.get(room);
        events.iter().filter(move |it| had.is_none_or(|had| !had.contains(it)))
    };
    rooms.flat_map(new).collect()
}

fn shown(before: &State, reader: usize, after: &State) -> String {
    let had = before.readers.get(reader).map_or(0, |it| it.seen.len());
    let has = after.readers.get(reader).map_or(&[][..], |it| it.seen.as_slice());
    list(&has.iter().skip(had).collect::<Vec<_>>())
}

fn list(all: &[impl Display]) -> String {
    if all.is_empty() {
        return "nothing".to_owned();
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn name(reader: usize) -> String {
    format!("reader {}", reader + 1)
}

fn which(redis: usize, state: &State) -> &'static str {
    match (redis, state.failed_over) {
        (_, false) => "Redis",
        (0, true) => "the old Redis",
        _ => "the new Redis",
    }
}

fn ending(model: &Model, state: &State) -> String {
    let acked = model.bounds.all().zip(&state.sendings).filter(|it| it.1.phase == Phase::Acked);
    let acked: Vec<Message> = acked.map(|(message, _)| message).collect();
    let log: Vec<Message> = state.log.records.iter().map(|it| it.message).collect();
    let rows: Vec<&Event> = state.store.rows.iter().flatten().collect();
    let mut ends =
        vec![format!("the log has {}", list(&log)), format!("acked is {}", list(&acked))];
    let readers = state.readers.iter().enumerate();
    ends.extend(readers.map(|(n, it)| format!("{} has seen {}", name(n), list(&it.seen))));
    ends.push(format!("the store has {}", list(&rows)));
    format!("in the end {}", ends.join("; "))
}
