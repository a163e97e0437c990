//! One session that loses its node, comes back to another, and must have missed nothing.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{sleep, timeout};

use super::board::Board;
use crate::link::{Joined, Link};
use crate::rest::Guest;
use crate::wire::{self, Line};

/// As the SDKs have it.
const DELAY_MIN_MS: u64 = 500;
const DELAY_MAX_MS: u64 = 20_000;
/// How often it looks whether all is over.
const LOOK: Duration = Duration::from_secs(2);

pub(super) struct Session {
    token: String,
    room: usize,
    epoch: String,
    /// The last place that it has seen.
    offset: u64,
    link: Link,
    /// Which node it is on, once the first is gone.
    node: Option<usize>,
    is_back: bool,
}

/// Connects to `node`, into one of the rooms.
pub(super) async fn open(
    n: usize,
    node: SocketAddr,
    guest: &Guest,
    board: &Board,
) -> Result<Session> {
    let room = n % board.rooms.len();
    let mut link = Link::open(node).await?;
    let joined = link.join(Some(&guest.token), &[&board.rooms[room]]).await?;
    let Joined { epoch, offset } = joined.into_iter().next().context("a place in the room")?;
    board.begins_at(room, offset);
    Ok(Session {
        token: guest.token.clone(),
        room,
        epoch,
        offset,
        link,
        node: None,
        is_back: false,
    })
}

impl Session {
    /// Reads until all is over and seen.
    pub(super) async fn live(mut self, board: Rc<Board>) -> Result<()> {
        loop {
            match timeout(LOOK, self.link.next_text()).await {
                Err(_) => {}
                Ok(Ok(text)) => self.read(&text).await?,
                Ok(Err(lost)) => {
                    ensure!(self.node.is_none(), "lost its second node: {lost:#}");
                    self.come_back(&board).await?;
                }
            }
            let has_all = self.offset >= board.head(self.room);
            if has_all
                && !self.is_back
                && let Some(node) = self.node
            {
                self.is_back = true;
                board.is_back(node);
            }
            if has_all && board.is_over() {
                return Ok(());
            }
        }
    }

    async fn come_back(&mut self, board: &Board) -> Result<()> {
        for nth in 0.. {
            let most = DELAY_MAX_MS.min(DELAY_MIN_MS << nth.min(16));
            let delay = DELAY_MAX_MS.min(DELAY_MIN_MS + fastrand::u64(0..most));
            sleep(Duration::from_millis(delay)).await;
            ensure!(board.is_killed(), "a node that was not killed lost it");
            let node = fastrand::usize(0..board.nodes.len());
            match self.resume(board.nodes[node], &board.rooms[self.room]).await {
                Ok(()) => {
                    self.node = Some(node);
                    return Ok(());
                }
                Err(_) => board.has_failed(), // it tries again, as SDKs do
            }
        }
        Ok(())
    }

    async fn resume(&mut self, node: SocketAddr, room: &str) -> Result<()> {
        let mut link = Link::open(node).await?;
        link.join(Some(&self.token), &[]).await?;
        let from = (self.epoch.as_str(), self.offset);
        link.queue(|out, id| wire::put_subscribe(out, id, room, Some(from)));
        link.flush().await?;
        self.link = link;
        Ok(())
    }

    async fn read(&mut self, text: &[u8]) -> Result<()> {
        for line in text.split(|byte| *byte == b'\n') {
            let line = wire::read_line(line)?;
            if line.is_ping() {
                self.link.pong().await?;
            }
            self.take(&line)?;
        }
        Ok(())
    }

    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        if let Some(error) = &line.error {
            anyhow::bail!("refused: {} {}", error.code, error.message);
        }
        let ended = line.push.as_ref().and_then(|it| it.unsubscribe.as_ref());
        ensure!(ended.is_none(), "put out of its room: {ended:?}");
        let of_reply = line.subscribe.iter().flat_map(|it| &it.publications);
        let pushed = line.push.iter().filter_map(|it| it.publication.as_ref());
        for offset in of_reply.chain(pushed).filter_map(|it| it.offset) {
            let expected = self.offset + 1;
            ensure!(offset == expected, "place {offset} where {expected} is next");
            self.offset = offset;
        }
        let recovered = line.subscribe.as_ref().is_none_or(|it| it.recovered);
        ensure!(recovered, "what was missed could not be recovered");
        Ok(())
    }
}
