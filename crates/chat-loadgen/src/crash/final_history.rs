//! Each room's whole history, as the server tells it in the end.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::scene::Scene;
use crate::wire;

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
    }
    Ok(())
}

async fn read(scene: &Scene, room: &str) -> Result<()> {
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
            recorder.log(room, &page.epoch, page.head, events);
            return Ok(());
        };
        ensure!(next > after, "the page after {after} leads to {next}");
        after = next;
    }
}
