//! What flows from a thread to one of its sessions, and how much of it has not left yet.
//!
//! A session is told things through its flow instead of its mailbox. A publication goes to every session of a room, so
//! the hop is the price of a delivery: here it is a push and, once per turn, a wake, without an envelope for each. And
//! a session that is stuck can't tell: in one of the shells its mailbox and timers stand still with its socket. So
//! whoever hands things over counts them, the session counts what has left, and the difference and its age are judged
//! from outside.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;

use super::workers::ToSession;

/// A queue that has grown beyond this is given back when it is empty.
const KEPT_CAPACITY: usize = 4;

/// Shared by one session and its worker, which live on one thread. Unbounded by itself: who fills it looks at
/// [`Flow::owed`] first.
#[derive(Debug)]
pub struct Flow {
    queue: RefCell<VecDeque<ToSession>>,
    waker: RefCell<Option<Waker>>,
    handed: Cell<u64>,
    left: Cell<u64>,
    /// What had left when it was last looked at.
    seen: Cell<u64>,
    moved_at_ms: Cell<u64>,
    due_at_ms: Cell<u64>,
}

impl Flow {
    /// The flow to a session that begins now.
    pub fn new(now_ms: u64) -> Self {
        Self {
            queue: RefCell::default(),
            waker: RefCell::default(),
            handed: Cell::new(0),
            left: Cell::new(0),
            seen: Cell::new(0),
            moved_at_ms: Cell::new(now_ms),
            due_at_ms: Cell::new(u64::MAX),
        }
    }

    /// Hands a message over; `cost` is what it weighs, besides itself, until it has left the session.
    pub fn hand(&self, message: ToSession, cost: usize) {
        self.handed.set(self.handed.get() + cost as u64 + 1);
        let mut queue = self.queue.borrow_mut();
        queue.push_back(message);
        // The session empties it whenever it is polled, so a queue that wasn't empty has had its wake.
        if queue.len() == 1
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// From now on `waker` is woken when there is something.
    pub fn attend(&self, waker: &Waker) {
        let mut attending = self.waker.borrow_mut();
        if !attending.as_ref().is_some_and(|it| it.will_wake(waker)) {
            *attending = Some(waker.clone());
        }
    }

    /// Takes the oldest message.
    pub fn take(&self) -> Option<ToSession> {
        let mut queue = self.queue.borrow_mut();
        let message = queue.pop_front();
        match &message {
            Some(_) => self.leave(1),
            None if queue.capacity() > KEPT_CAPACITY => *queue = VecDeque::new(),
            None => {}
        }
        message
    }

    /// Something worth `cost` has left the session.
    pub fn leave(&self, cost: u64) {
        self.left.set(self.left.get() + cost);
    }

    /// Worth of what was handed over and has not left.
    pub fn owed(&self) -> u64 {
        self.handed.get().saturating_sub(self.left.get())
    }

    /// How long nothing has left although something was owed, ms: as far as can be told from looking at it now and then.
    pub fn stalled_ms(&self, now_ms: u64) -> u64 {
        let left = self.left.get();
        if self.owed() == 0 || self.seen.replace(left) != left {
            self.moved_at_ms.set(now_ms);
        }
        now_ms.saturating_sub(self.moved_at_ms.get())
    }

    /// The session wants to be woken then.
    pub fn set_due(&self, at_ms: u64) {
        self.due_at_ms.set(at_ms);
    }

    /// Is it time to wake it?
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_at_ms.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_flow_stalls_only_while_something_is_owed_and_nothing_leaves() {
        let flow = Flow::new(1000);
        assert_eq!(flow.stalled_ms(1200), 0);
        flow.hand(ToSession::Tick, 9);
        assert_eq!((flow.owed(), flow.stalled_ms(1500)), (10, 300));
        flow.hand(ToSession::Tick, 4);
        assert_eq!(flow.stalled_ms(1700), 500, "more work doesn't make it younger");
        flow.leave(9);
        assert_eq!((flow.owed(), flow.stalled_ms(1800), flow.stalled_ms(1900)), (6, 0, 100));
        assert!(flow.take().is_some());
        assert_eq!(
            (flow.owed(), flow.stalled_ms(2000)),
            (5, 0),
            "a message that is taken has left"
        );
        flow.leave(5);
        assert_eq!(flow.stalled_ms(9000), 0);
    }

    #[test]
    fn a_session_is_woken_once_for_all_that_it_has_not_taken() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let flow = Flow::new(0);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let woken = || count.0.load(Ordering::Relaxed);
        flow.attend(&noop_waker());
        flow.attend(&count.clone().into());
        flow.hand(ToSession::Tick, 0);
        flow.hand(ToSession::Close(chat_protocol::CloseCode::Slow), 0);
        assert_eq!(woken(), 1);
        assert!(matches!(flow.take(), Some(ToSession::Tick)), "the oldest comes first");
        assert!(flow.take().is_some() && flow.take().is_none());
        flow.hand(ToSession::Tick, 0);
        assert_eq!(woken(), 2);
    }
}
