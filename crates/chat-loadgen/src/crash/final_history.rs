//! Each room's whole history, as the server tells it in the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chat_checker::Event;
use serde::Deserialize;
use tokio::time::sleep;

use super::scene::Scene;
use crate::wire;

/// How long history may take to have all that was acked.
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Page<'p> {
    #[serde(borrow)]
    events: Vec<wire::Event<'p>>,
    next: Option<u64>,
    epoch: String,
    head: u64,
}

/// Reads all rooms and records their logs.
///
/// # Errors
/// A page can't be read, or the pages lead nowhere.
pub(super) async fn read_all(scene: &Scene) -> Result<()> {
    for room in &scene.rooms {
        read(scene, room).await.with_context(|| format!("reading the history of {room}"))?;
        count(scene, room).await.with_context(|| format!("counting what is unread in {room}"))?;
    }
    Ok(())
}

/// Every author reads the room up to some place, and records how much is left, once the room is told of as a whole.
async fn count(scene: &Scene, room: &str) -> Result<()> {
    let head = scene.recorder.borrow().heads(&[room.to_owned()])[0];
    for author in &scene.authors {
        scene.rest.mark(author, room, fastrand::u64(0..=head)).await?;
        let late = Instant::now() + COMPLETE_WITHIN;
        loop {
            let counted = scene.rest.counted(author, room).await?;
            if counted.head >= head || Instant::now() >= late {
                scene.recorder.borrow_mut().counted(&author.user, room, counted);
                break;
            }
            sleep(LOOK_AGAIN).await;
        }
    }
    Ok(())
}

/// Where the store isn't the log it may be behind for a while: what counts is what history says in the end.
async fn read(scene: &Scene, room: &str) -> Result<()> {
    let late = Instant::now() + COMPLETE_WITHIN;
    loop {
        let whole = read_once(scene, room).await;
        let is_late = Instant::now() >= late;
        match whole {
            Ok(log) => {
                let mut recorder = scene.recorder.borrow_mut();
                if is_late || recorder.has_all_acked(room, &log.events) {
                    recorder.log(room, &log.epoch, log.head, log.events);
                    return Ok(());
                }
            }
            Err(error) if is_late => return Err(error),
            Err(_) => {}
        }
        sleep(LOOK_AGAIN).await;
    }
}

struct Whole {
    epoch: String,
    head: u64,
    events: Vec<Event>,
}

async fn read_once(scene: &Scene, room: &str) -> Result<Whole> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let body = scene.rest.page(&scene.authors[0], room, after).await?;
        let page: Page<'_> = serde_json::from_slice(&body)?;
        let mut recorder = scene.recorder.borrow_mut();
        for event in &page.events {
            let offset = event.offset.context("an event without an offset")?;
            events.push(recorder.event(offset, event));
        }
        let Some(next) = page.next else {
            return Ok(Whole { epoch: page.epoch, head: page.head, events });
        };
        ensure!(next > after, "the page after {after} leads to {next}");
        after = next;
    }
}
