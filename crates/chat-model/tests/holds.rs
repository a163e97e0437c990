//! The server as it is: within the bounds of each run no order of things breaks a property, and what the run is for is seen
//! to happen. The bounds stand in `src/runs.rs`; how many states they make is in docs/MODEL.md.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use chat_model::explore::explore;
use chat_model::model::Model;
use chat_model::runs::SMALL;
use chat_model::variant::Variant;

fn holds(name: &str) {
    let run = SMALL.iter().find(|run| run.name == name).unwrap();
    let explored = explore(Model::new(Variant::Right, run.bounds.clone()).unwrap(), 1);
    println!("{}: {:?}", run.name, run.bounds);
    let (states, unique, depth) = (explored.states, explored.unique, explored.depth);
    println!("{states} states, {unique} different, {depth} steps deep, {:?}", explored.took);
    assert!(explored.broken.is_empty(), "{:#?}", explored.broken);
    let missing: Vec<_> = run.sees.iter().filter(|it| !explored.seen.contains(*it)).collect();
    assert!(missing.is_empty(), "never seen, so nothing is proven: {missing:?}");
}

#[test]
fn retries_are_one_message_while_redis_is_emptied_and_time_goes_by() {
    holds("retries, an emptied Redis, time");
}

#[test]
fn records_that_are_lost_or_late_and_scripts_that_die_change_no_place() {
    holds("lost records and dying scripts, time");
}

#[test]
fn two_relays_and_two_redis_give_one_order() {
    holds("two relays, a split and an emptied Redis");
}

#[test]
fn rooms_of_one_partition_keep_out_of_each_others_places() {
    holds("two rooms, two relays, a split");
}

#[test]
fn whoever_misses_publications_gets_everything_in_order() {
    holds("lost publications, short tails, a node that dies");
}

#[test]
fn a_retry_in_a_split_is_seen_once() {
    holds("a retry in a split, seen to the end");
}
