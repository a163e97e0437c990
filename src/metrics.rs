//! Every metric of the node, with what it means. `docs/OPERATIONS.md` lists the same names.
//!
//! Labels are few and bounded: never a room, a user or an address. Counters move once per batch.

use std::sync::LazyLock;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, TextEncoder,
    histogram_opts, register_histogram, register_int_counter, register_int_counter_vec,
    register_int_gauge, register_int_gauge_vec,
};

/// Declares a metric that registers itself when first used. A name can be registered twice only by a programming
/// error in this file, which every test run would meet.
macro_rules! metric {
    ($(#[$doc:meta])* $ident:ident: $ty:ty = $make:expr) => {
        $(#[$doc])*
        pub static $ident: LazyLock<$ty> = LazyLock::new(|| {
            // Names in this file are unique and well-formed; a test renders them all.
            $make.unwrap_or_else(|err| unreachable!("metric registers once: {err}"))
        });
    };
}

metric!(
    /// Crashes of supervised actors.
    ACTOR_CRASHES: IntCounterVec = register_int_counter_vec!(
        "chat_actor_crashes_total", "Crashes of supervised actors, by actor", &["actor"])
);
metric!(
    /// WebSocket sessions open now.
    SESSIONS: IntGauge = register_int_gauge!("chat_sessions", "WebSocket sessions open now")
);
metric!(
    /// Rooms that live on this node now.
    ROOMS: IntGauge = register_int_gauge!("chat_rooms", "Rooms that live on this node now")
);
metric!(
    /// Reports of who is here that did not get through.
    PRESENCE_ERRORS: IntCounter = register_int_counter!(
        "chat_presence_errors_total", "Reports of who is here that did not get through")
);
metric!(
    /// Messages acknowledged.
    MESSAGES_ACKED: IntCounter = register_int_counter!(
        "chat_messages_acked_total", "Messages acknowledged to their authors, repeats included")
);
metric!(
    /// Sends answered with an error.
    MESSAGES_REFUSED: IntCounterVec = register_int_counter_vec!(
        "chat_messages_refused_total", "Sends answered with an error, by its name", &["code"])
);
metric!(
    /// Publications handed to sessions.
    DELIVERIES: IntCounter = register_int_counter!(
        "chat_deliveries_total", "Publications handed to sessions")
);
metric!(
    /// Drafts that wait for the journal.
    SINK_QUEUE: IntGauge = register_int_gauge!("chat_sink_queue", "Drafts that wait for the journal")
);
metric!(
    /// From the hand-over of a group to the journal to its answer.
    JOURNAL_APPEND_SECONDS: Histogram = register_histogram!(histogram_opts!(
        "chat_journal_append_seconds", "From handing a group of drafts to the journal to its answer",
        vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]))
);
metric!(
    /// Drafts per group.
    JOURNAL_GROUP_SIZE: Histogram = register_histogram!(histogram_opts!(
        "chat_journal_group_size", "Drafts in one group handed to the journal",
        vec![1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0]))
);
metric!(
    /// Places taken from sessions that didn't drain.
    SLOW_ROOMS: IntCounter = register_int_counter!(
        "chat_slow_unsubscribes_total", "Subscriptions ended with 2500 because their session did not drain")
);
metric!(
    /// Connections of sessions that didn't drain.
    SLOW_SESSIONS: IntCounter = register_int_counter!(
        "chat_slow_disconnects_total", "Sessions closed with 3008 because they did not drain")
);
metric!(
    /// Sessions that ended, by the close code the server sent.
    CLOSES: IntCounterVec = register_int_counter_vec!(
        "chat_closes_total", "Sessions closed by the server, by the name of the close code", &["code"])
);
metric!(
    /// Gaps in what the bus brought.
    REPAIRS: IntCounter = register_int_counter!(
        "chat_repairs_total", "Times that a room filled a gap from the store")
);
metric!(
    /// Requests turned down because of a rate limit.
    RATE_LIMITED: IntCounterVec = register_int_counter_vec!(
        "chat_rate_limited_total", "Requests turned down by a rate limit, by limit", &["limit"])
);
metric!(
    /// Reads of the store that failed.
    STORE_ERRORS: IntCounter = register_int_counter!(
        "chat_store_errors_total", "Times that the store could not do what was asked of it")
);

metric!(
    /// Records folded.
    PROJECTED: IntCounterVec = register_int_counter_vec!(
        "chat_projected_total", "Records of the log folded, by projection", &["projection"])
);
metric!(
    /// Records that the log has and a projection has not folded.
    PROJECTION_LAG: IntGaugeVec = register_int_gauge_vec!(
        "chat_projection_lag_records", "Records that wait to be folded, by projection and partition",
        &["projection", "partition"])
);
metric!(
    /// Partitions that a projection stopped at.
    PROJECTION_STOPPED: IntGaugeVec = register_int_gauge_vec!(
        "chat_projection_stopped", "Partitions that wait for an operator, by projection", &["projection"])
);

metric!(
    /// Records that can't be read.
    DEAD_LETTERS: IntCounterVec = register_int_counter_vec!(
        "chat_dead_letters_total", "Records of the log that can't be read, kept as dead letters, by reason", &["reason"])
);

/// All of them in the Prometheus text format.
pub fn render() -> Vec<u8> {
    // Touch each once, so that a metric is there from the start and not from its first event on.
    let _ = (&*SESSIONS, &*ROOMS, &*MESSAGES_ACKED, &*DELIVERIES, &*SINK_QUEUE);
    let _ = (&*JOURNAL_APPEND_SECONDS, &*JOURNAL_GROUP_SIZE, &*SLOW_ROOMS, &*SLOW_SESSIONS);
    let _ =
        (&*ACTOR_CRASHES, &*MESSAGES_REFUSED, &*CLOSES, &*REPAIRS, &*RATE_LIMITED, &*STORE_ERRORS);
    let _ = (&*PROJECTED, &*PROJECTION_LAG, &*PROJECTION_STOPPED, &*DEAD_LETTERS);
    let mut text = Vec::new();
    if let Err(err) = TextEncoder::new().encode(&prometheus::gather(), &mut text) {
        tracing::error!(%err, "metrics could not be written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_once_and_is_rendered() {
        ACTOR_CRASHES.with_label_values(&["test"]).inc();
        let text = String::from_utf8(render()).unwrap();
        for name in ["chat_sessions", "chat_actor_crashes_total", "chat_journal_append_seconds"] {
            assert!(text.contains(&format!("# TYPE {name} ")), "{name} is missing");
        }
    }
}
