//! An author's connection: lost and opened again, for as long as something is unanswered.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::author::Author;
use super::scene::{Phase, Scene};
use crate::cli::CrashArgs;
use crate::link::{Link, Refused};
use crate::rest::Guest;
use crate::wire;

/// Longest wait for the last answers.
const FINISH_WITHIN: Duration = Duration::from_secs(60);

/// Starts all authors.
pub(super) fn start_all(scene: &Rc<Scene>, args: &CrashArgs) -> Vec<JoinHandle<Result<()>>> {
    let authors = u32::try_from(args.authors).unwrap_or(u32::MAX);
    let every = Duration::from_secs(1) * authors / args.rate.max(1);
    let start = |guest: &Guest| {
        let seed = fastrand::u64(..);
        let author = Author::new(guest.user.clone(), scene.rooms.clone(), seed, !args.cluster);
        spawn_local(live(author, guest.clone(), Rc::clone(scene), every))
    };
    scene.authors.iter().map(start).collect()
}

/// Waits until every send of everyone has its final answer.
///
/// # Errors
/// Somebody's never gets one, or an author is turned away.
pub(super) async fn finish_all(authors: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    for author in authors {
        timeout(FINISH_WITHIN, author)
            .await
            .context("an author still waits for an answer")???;
    }
    Ok(())
}

async fn live(mut author: Author, guest: Guest, scene: Rc<Scene>, every: Duration) -> Result<()> {
    while scene.phase() == Phase::Load || !author.is_done() {
        let mut link = scene.reconnect().await;
        let ended = converse(&mut author, &guest, &scene, every, &mut link).await;
        author.lost(&mut scene.recorder.borrow_mut());
        // However else it ends, what has no answer is tried again on the next connection.
        if let Some(refused) = ended.err().and_then(|error| error.downcast::<Refused>().ok()) {
            return Err(refused).with_context(|| format!("author {}", guest.user));
        }
    }
    Ok(())
}

/// Until the connection is lost, or all is said.
async fn converse(
    author: &mut Author,
    guest: &Guest,
    scene: &Scene,
    every: Duration,
    link: &mut Link,
) -> Result<()> {
    link.join(Some(&guest.token), &[]).await?;
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {
                if scene.phase() == Phase::Load {
                    author.compose();
                } else if author.is_done() {
                    return Ok(());
                }
                author.send(|room, letter| {
                    link.queue(|out, id| {
                        wire::put_send(out, id, room, &letter.client_id, &letter.text);
                    })
                });
                link.flush().await?;
            }
            text = link.next_text() => {
                for line in text?.split(|byte| *byte == b'\n') {
                    let line = wire::read_line(line)?;
                    if line.is_ping() {
                        link.pong().await?;
                    }
                    author.answered(&line, &mut scene.recorder.borrow_mut());
                }
            }
        }
    }
}
