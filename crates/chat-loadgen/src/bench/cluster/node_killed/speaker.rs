//! Who talks in all rooms, through a node that lives on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::board::Board;
use crate::link::Link;
use crate::rest::Guest;
use crate::wire;

/// Between two messages: each of a hundred rooms has one a second.
const PACE: Duration = Duration::from_millis(10);
/// Longest wait for the last ack.
const ACKED_WITHIN: Duration = Duration::from_secs(10);

/// Says one thing after the other until all is over, and returns when all of it is acknowledged.
pub(super) async fn talk(node: SocketAddr, guest: Guest, board: Rc<Board>) -> Result<()> {
    let mut link = Link::open(node).await?;
    link.join(Some(&guest.token), &[]).await?;
    let mut said = HashMap::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut room = 0;
    while !board.is_over() {
        tokio::select! {
            _ = pace.tick() => {
                room = (room + 1) % board.rooms.len();
                let client_id = uuid::Uuid::now_v7().to_string();
                let id = link.queue(|out, id| wire::put_send(out, id, &board.rooms[room], &client_id, "still here?"));
                link.flush().await?;
                said.insert(id, room);
            }
            text = link.next_text() => acknowledge(&text?, &mut link, &mut said, &board).await?,
        }
    }
    while !said.is_empty() {
        let text =
            timeout(ACKED_WITHIN, link.next_text()).await.context("a message without an ack")??;
        acknowledge(&text, &mut link, &mut said, &board).await?;
    }
    Ok(())
}

async fn acknowledge(
    text: &[u8],
    link: &mut Link,
    said: &mut HashMap<u64, usize>,
    board: &Board,
) -> Result<()> {
    for line in text.split(|byte| *byte == b'\n') {
        let line = wire::read_line(line)?;
        if line.is_ping() {
            link.pong().await?;
        }
        if let Some(error) = line.error {
            bail!("a message was refused: {} {}", error.code, error.message);
        }
        if let Some(room) = line.id.and_then(|id| said.remove(&id)) {
            board.acknowledged(room);
        }
    }
    Ok(())
}
