//! Servers that are wrong in one thing each: each is refuted, by the story that docs/MODEL.md tells.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use chat_model::bounds::{Bounds, Faults};
use chat_model::explore::shortest;
use chat_model::model::Model;
use chat_model::variant::Variant;

const LEAST: Bounds = Bounds::LEAST;
const NONE: Faults = Bounds::LEAST.faults;

/// Finds the shortest way to what the variant breaks, prints it, and holds the document to it.
fn refuted(variant: Variant, bounds: Bounds) {
    let property = variant.breaks().expect("the right one breaks nothing");
    let right = Model::new(Variant::Right, bounds.clone()).unwrap();
    assert_eq!(shortest(&right, property), None, "within the same bounds the server as it is");
    let story = shortest(&Model::new(variant, bounds).unwrap(), property);
    let story = story.unwrap_or_else(|| panic!("{variant:?} is not refuted"));
    let story: Vec<String> = story.iter().map(|line| format!("- {line}")).collect();
    let story = format!("`{variant:?}` breaks \"{property}\":\n{}\n", story.join("\n"));
    println!("{story}");
    let document = include_str!("../../../docs/MODEL.md");
    assert!(document.contains(&story), "docs/MODEL.md doesn't tell it like this");
}

#[test]
fn an_ack_before_the_log_has_it() {
    refuted(Variant::AckBeforeDurable, Bounds { faults: Faults { records: 1, ..NONE }, ..LEAST });
}

#[test]
fn an_ack_for_a_record_that_came_too_late() {
    refuted(Variant::AckOffTime, Bounds { moments: &[7, 9], ..LEAST });
}

#[test]
fn a_place_from_redis() {
    refuted(
        Variant::PlaceFromRedis,
        Bounds {
            messages: 2,
            relays: 0,
            readers: 2,
            faults: Faults { failovers: 1, ..NONE },
            ..LEAST
        },
    );
}

#[test]
fn a_cursor_that_is_committed_before_its_rows() {
    refuted(
        Variant::CursorBeforeRows,
        Bounds { relays: 0, readers: 0, faults: Faults { crashes: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_relay_without_a_fence_ahead_of_a_redis_that_was_rolled_back() {
    refuted(
        Variant::NoFence,
        Bounds { messages: 2, faults: Faults { failovers: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn two_relays_without_the_rooms_guard() {
    refuted(Variant::NoGuard, Bounds { relays: 2, ..LEAST });
}

#[test]
fn a_relay_with_neither_fence_nor_guard() {
    refuted(
        Variant::NoFenceNorGuard,
        Bounds { messages: 2, faults: Faults { failovers: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_room_that_skips_gaps() {
    refuted(
        Variant::SkipsGaps,
        Bounds { messages: 2, faults: Faults { publications: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_redis_that_is_rebuilt_without_client_ids() {
    refuted(
        Variant::RebuildWithoutIds,
        Bounds { faults: Faults { replies: 1, wipes: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn client_ids_that_redis_forgets_by_its_own_clock() {
    refuted(
        Variant::ForgetsByOwnClock,
        Bounds { moments: &[7, 24], faults: Faults { replies: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_late_retry_that_is_not_looked_up() {
    refuted(
        Variant::NoLookUp,
        Bounds { moments: &[7, 24], faults: Faults { replies: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_look_up_in_a_store_that_is_behind() {
    refuted(
        Variant::LaggingLookUp,
        Bounds { moments: &[7, 24], faults: Faults { replies: 1, ..NONE }, ..LEAST },
    );
}

#[test]
fn a_record_that_comes_too_late_and_counts() {
    refuted(
        Variant::AcceptsOffTime,
        Bounds { moments: &[7, 24], faults: Faults { replies: 1, ..NONE }, ..LEAST },
    );
}
