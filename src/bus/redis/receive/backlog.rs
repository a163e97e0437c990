//! What has been received and not been taken yet: bounded, and honest about what did not fit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_protocol::{Event, Offset, RoomId};
use tokio::sync::Notify;

use super::super::{keys, payload};
use crate::bus::{Incoming, Passing, Run};

/// Publications that may wait.
const WAITING_MAX: usize = 16 * 1024;
/// Bytes that they may have.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is kept nowhere and may wait; nobody misses what is dropped.
const PASSING_MAX: usize = 1024;
/// Publications that are taken at once.
const RUN_MAX: usize = 256;

enum Waiting {
    Publication { channel: Vec<u8>, payload: Vec<u8> },
    Heads(Vec<(RoomId, Offset)>),
    Gap,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    passing: Vec<Passing>,
    /// Publications have been dropped. A gap is told once half of what waits has been taken: sooner it would only be
    /// followed by the next.
    dropped: bool,
    /// One of each is enough: they say the same as the next one.
    has_heads: bool,
    has_gap: bool,
}

/// See the module. One receiver at a time.
#[derive(Default)]
pub struct Backlog {
    state: Mutex<State>,
    filled: Notify,
}

impl Backlog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what came on a channel, or drops it. Never blocks.
    pub fn publication(&self, channel: Vec<u8>, payload: Vec<u8>) {
        if payload::is_passing(&payload) {
            return self.passing(&channel, &payload);
        }
        let bytes = channel.len() + payload.len();
        {
            let mut state = self.state();
            let full = state.waiting.len() >= WAITING_MAX
                || state.bytes.saturating_add(bytes) > WAITING_BYTES_MAX;
            if full {
                state.dropped = true;
                return;
            }
            state.bytes += bytes;
            state.waiting.push_back(Waiting::Publication { channel, payload });
        }
        self.filled.notify_one();
    }

    fn passing(&self, channel: &[u8], payload: &[u8]) {
        let Some(it) = payload::decode_passing(channel, payload) else { return };
        {
            let mut state = self.state();
            if state.passing.len() < PASSING_MAX {
                state.passing.push(it);
            }
        }
        self.filled.notify_one();
    }

    /// Tells how far rooms reach, after what was published before.
    pub fn heads(&self, heads: Vec<(RoomId, Offset)>) {
        {
            let mut state = self.state();
            if state.has_heads {
                return;
            }
            state.has_heads = true;
            state.waiting.push_back(Waiting::Heads(heads));
        }
        self.filled.notify_one();
    }

    /// Tells that anything may have been lost.
    pub fn gap(&self) {
        self.state().push_gap();
        self.filled.notify_one();
    }

    /// What comes next. Cancel-safe.
    pub async fn next(&self) -> Incoming {
        loop {
            let filled = self.filled.notified();
            if let Some(incoming) = self.state().next() {
                return incoming;
            }
            filled.await;
        }
    }
}

impl State {
    fn push_gap(&mut self) {
        if !self.has_gap {
            self.has_gap = true;
            self.waiting.push_back(Waiting::Gap);
        }
    }

    fn push_gap_for_dropped(&mut self) {
        let is_half_empty =
            self.waiting.len() <= WAITING_MAX / 2 && self.bytes <= WAITING_BYTES_MAX / 2;
        if self.dropped && is_half_empty {
            self.dropped = false;
            self.push_gap();
        }
    }

    fn next(&mut self) -> Option<Incoming> {
        if !self.passing.is_empty() {
            return Some(Incoming::Passing(std::mem::take(&mut self.passing)));
        }
        self.push_gap_for_dropped();
        let run = self.next_run();
        if !run.is_empty() {
            return Some(Incoming::Events(run));
        }
        self.push_gap_for_dropped(); // what was there could not be read
        match self.waiting.pop_front()? {
            Waiting::Heads(heads) => {
                self.has_heads = false;
                Some(Incoming::Heads(heads))
            }
            // A publication would have been in the run.
            Waiting::Gap | Waiting::Publication { .. } => {
                self.has_gap = false;
                Some(Incoming::Gap)
            }
        }
    }

    /// The events at the front; one that can't be read is a gap.
    fn next_run(&mut self) -> Run {
        let mut run = Vec::new();
        while run.len() < RUN_MAX
            && let Some(Waiting::Publication { channel, payload }) = self.waiting.front()
        {
            let bytes = channel.len() + payload.len();
            match read(channel, payload) {
                Some(event) => run.push(Arc::new(event)),
                None => self.dropped = true,
            }
            self.bytes -= bytes;
            self.waiting.pop_front();
        }
        run
    }
}

fn read(channel: &[u8], payload: &[u8]) -> Option<Event> {
    payload::decode(&keys::room_of(channel)?, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(backlog: &Backlog, offset: Offset) {
        backlog.publication(b"x}:general".to_vec(), format!("{offset}:1:v:").into_bytes());
    }

    fn taken(backlog: &Backlog) -> Option<Incoming> {
        backlog.state().next()
    }

    #[test]
    fn what_does_not_fit_is_a_gap_once_there_is_room() {
        let backlog = Backlog::default();
        let kept = WAITING_MAX as u64;
        (1..=kept + 10).for_each(|offset| publish(&backlog, offset));
        let mut last = 0;
        while last < kept {
            match taken(&backlog) {
                Some(Incoming::Events(run)) => {
                    assert_eq!(run[0].offset, last + 1);
                    last = run.last().unwrap().offset;
                }
                other => panic!("{other:?} after {last}"),
            }
            if last < kept / 2 {
                assert!(backlog.state().dropped, "not before there is room for what follows");
            }
        }
        assert!(matches!(taken(&backlog), Some(Incoming::Gap)));
        assert!(taken(&backlog).is_none());
    }

    #[test]
    fn what_waits_keeps_its_order_and_says_nothing_twice() {
        let backlog = Backlog::default();
        publish(&backlog, 1);
        backlog.heads(vec![(RoomId::general(), 1)]);
        backlog.heads(vec![(RoomId::general(), 2)]);
        publish(&backlog, 2);
        backlog.gap();
        backlog.gap();
        assert!(matches!(taken(&backlog), Some(Incoming::Events(run)) if run[0].offset == 1));
        assert!(matches!(taken(&backlog), Some(Incoming::Heads(heads)) if heads[0].1 == 1));
        assert!(matches!(taken(&backlog), Some(Incoming::Events(run)) if run[0].offset == 2));
        assert!(matches!(taken(&backlog), Some(Incoming::Gap)));
        assert!(taken(&backlog).is_none());
    }

    #[test]
    fn what_can_t_be_read_is_a_gap() {
        let backlog = Backlog::default();
        backlog.publication(b"x}:general".to_vec(), b"nonsense".to_vec());
        publish(&backlog, 1);
        assert!(matches!(taken(&backlog), Some(Incoming::Events(_))));
        assert!(matches!(taken(&backlog), Some(Incoming::Gap)));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let backlog = Backlog::default();
        for _ in 0..64 {
            backlog.publication(b"x}:general".to_vec(), vec![b'x'; 1024 * 1024]);
        }
        assert!(backlog.state().bytes <= WAITING_BYTES_MAX);
        assert!(backlog.state().dropped);
    }
}
