//! What all clients of a crash run share.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::recorder::Recorder;
use crate::cli::CrashArgs;
use crate::link::Link;
use crate::rest::{Guest, Rest};

/// What clients should be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Authors write, readers come and go, the server dies.
    Load,
    /// Authors only finish what was not answered.
    Finishing,
    /// Nobody writes any more; readers stay and read on to the end.
    Settling,
}

pub(super) struct Scene {
    pub(super) rest: Rest,
    addresses: Vec<SocketAddr>,
    pub(super) authors: Vec<Guest>,
    pub(super) readers: Vec<Guest>,
    pub(super) rooms: Vec<String>,
    pub(super) recorder: RefCell<Recorder>,
    phase: Cell<Phase>,
}

impl Scene {
    /// Makes guests and rooms; every author is a member of every room.
    pub(super) async fn set(args: &CrashArgs, addresses: Vec<SocketAddr>) -> Result<Self> {
        let rest = Rest::new(*addresses.first().context("a crash run needs a server")?);
        let mut authors = Vec::new();
        for n in 0..args.authors {
            authors.push(rest.guest(&format!("author-{n}")).await?);
        }
        let mut readers = Vec::new();
        for n in 0..args.readers {
            readers.push(rest.guest(&format!("reader-{n}")).await?);
        }
        let first = authors.first().context("a crash run needs an author")?;
        let mut rooms = Vec::new();
        for n in 0..args.rooms {
            let room = rest.room(first, &format!("room-{n}")).await?;
            for author in &authors[1..] {
                rest.join(author, &room).await?;
            }
            rooms.push(room);
        }
        let (recorder, phase) = (RefCell::default(), Cell::new(Phase::Load));
        Ok(Self { rest, addresses, authors, readers, rooms, recorder, phase })
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Opens a connection to any of the servers, trying again for as long as it is away.
    pub(super) async fn reconnect(&self) -> Link {
        loop {
            let address = self.addresses[fastrand::usize(..self.addresses.len())];
            match Link::open(address).await {
                Ok(link) => return link,
                // Away, or killed in the middle of it; how long it may be is bounded by whoever
                // waits for this client to finish.
                Err(_) => sleep(Duration::from_millis(fastrand::u64(10..60))).await,
            }
        }
    }
}
