//! Worker threads and the sessions that live on them: how anything finds its way back to a session.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chat_protocol::{CloseCode, ErrorCode};

use super::fan_out::{FanOut, Tell};
use super::supervisor::ActorRef;
use super::users::Hold;
use crate::domain::question::Answer;
use crate::domain::session::{Admitted, Attached, Denied, Grant, Page, SessionKey, Ticket};

/// Workers in the life of a node; a worker thread that died and was replaced counts twice.
pub const WORKERS_MAX: usize = 1024;

/// What a session can be told.
#[derive(Debug)]
pub enum ToSession {
    /// Publications, encoded and joined, to pass on as they are.
    Deliver(Bytes),
    Attached {
        ticket: Ticket,
        attached: Box<Attached>,
    },
    Page {
        ticket: Ticket,
        page: Box<Page>,
    },
    Refused {
        ticket: Ticket,
        code: ErrorCode,
    },
    Detached {
        ticket: Ticket,
        code: CloseCode,
    },
    Answer {
        ticket: Ticket,
        answer: Result<Answer, ErrorCode>,
    },
    /// Who is let in holds their user already.
    Authenticated(Box<(Result<Admitted, Denied>, Option<Hold>)>),
    Refreshed {
        ticket: Ticket,
        result: Box<Result<Admitted, Denied>>,
    },
    /// The token of a subscription was looked at.
    Granted {
        ticket: Ticket,
        result: Box<Result<Grant, Denied>>,
    },
    /// The time that the session asked for has come.
    Tick,
    Close(CloseCode),
}

/// The fan-outs of this node by worker.
#[derive(Default)]
pub struct Workers {
    fan_outs: Vec<OnceLock<ActorRef<FanOut>>>,
    started: AtomicUsize,
}

impl Workers {
    /// A node without workers yet.
    pub fn new() -> Self {
        Self {
            fan_outs: std::iter::repeat_with(OnceLock::new).take(WORKERS_MAX).collect(),
            started: AtomicUsize::new(0),
        }
    }

    /// The number of a new worker; `None` if there have been too many.
    pub fn enroll(&self) -> Option<u16> {
        let worker = self.started.fetch_add(1, Ordering::Relaxed);
        if worker < WORKERS_MAX { u16::try_from(worker).ok() } else { None }
    }

    /// Makes a worker's fan-out known.
    pub fn announce(&self, worker: u16, fan_out: ActorRef<FanOut>) {
        if let Some(slot) = self.fan_outs.get(usize::from(worker)) {
            let _ = slot.set(fan_out); // set once: enroll gave the number to one worker alone
        }
    }

    /// A worker's fan-out.
    pub fn get(&self, worker: u16) -> Option<&ActorRef<FanOut>> {
        self.fan_outs.get(usize::from(worker))?.get()
    }

    /// All workers that have sessions.
    pub fn all(&self) -> impl Iterator<Item = (u16, &ActorRef<FanOut>)> {
        let started = self.started.load(Ordering::Relaxed);
        self.fan_outs.iter().take(started).zip(0..).filter_map(|(slot, n)| Some((n, slot.get()?)))
    }

    /// Tells one session. One that is gone hears nothing.
    pub fn tell(&self, session: SessionKey, message: ToSession) {
        if let Some(fan_out) = self.get(session.worker) {
            let _ = fan_out.tell(Tell(vec![(session, message)]));
        }
    }
}
