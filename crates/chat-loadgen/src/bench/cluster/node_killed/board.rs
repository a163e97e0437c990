//! What all sessions of a run know of each other, on one thread.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub(super) struct Board {
    pub(super) rooms: Vec<String>,
    /// Nodes that live on.
    pub(super) nodes: Vec<SocketAddr>,
    /// The place of each room's last acknowledged message; nobody else writes there.
    heads: RefCell<Vec<u64>>,
    acked: Cell<u64>,
    killed_at: Cell<Option<Instant>>,
    is_over: Cell<bool>,
    back_after: RefCell<Vec<Duration>>,
    by_node: RefCell<Vec<u64>>,
    failed: Cell<u64>,
    someone_is_back: Notify,
}

impl Board {
    pub(super) fn new(rooms: Vec<String>, nodes: Vec<SocketAddr>) -> Self {
        Self {
            heads: RefCell::new(vec![0; rooms.len()]),
            by_node: RefCell::new(vec![0; nodes.len()]),
            rooms,
            nodes,
            acked: Cell::default(),
            killed_at: Cell::default(),
            is_over: Cell::default(),
            back_after: RefCell::default(),
            failed: Cell::default(),
            someone_is_back: Notify::new(),
        }
    }

    /// A room's place when somebody entered it; before anyone has written.
    pub(super) fn begins_at(&self, room: usize, offset: u64) {
        let head = &mut self.heads.borrow_mut()[room];
        *head = offset.max(*head);
    }

    pub(super) fn acknowledged(&self, room: usize) {
        self.heads.borrow_mut()[room] += 1;
        self.acked.set(self.acked.get() + 1);
    }

    pub(super) fn head(&self, room: usize) -> u64 {
        self.heads.borrow()[room]
    }

    pub(super) fn acked(&self) -> u64 {
        self.acked.get()
    }

    pub(super) fn killed(&self, at: Instant) {
        self.killed_at.set(Some(at));
    }

    pub(super) fn is_killed(&self) -> bool {
        self.killed_at.get().is_some()
    }

    /// Nobody writes any more: who has seen all may go.
    pub(super) fn hush(&self) {
        self.is_over.set(true);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub(super) fn has_failed(&self) {
        self.failed.set(self.failed.get() + 1);
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.get()
    }

    /// A session is live on that node, and has seen all that was acknowledged until now.
    pub(super) fn is_back(&self, node: usize) {
        let after = self.killed_at.get().map(|at| at.elapsed()).unwrap_or_default();
        self.back_after.borrow_mut().push(after);
        self.by_node.borrow_mut()[node] += 1;
        self.someone_is_back.notify_one();
    }

    pub(super) async fn all_back(&self, sessions: usize) {
        while self.back_after.borrow().len() < sessions {
            self.someone_is_back.notified().await;
        }
    }

    pub(super) fn back_after(&self) -> Vec<Duration> {
        self.back_after.borrow().clone()
    }

    pub(super) fn by_node(&self) -> Vec<u64> {
        self.by_node.borrow().clone()
    }

    pub(super) fn progress(&self) -> String {
        let (back, failed) = (self.back_after.borrow().len(), self.failed());
        format!("only {back} sessions are back; {failed} tries failed")
    }
}
