//! A reader's connection: it comes, stays a while, is lost, and comes back.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, interval, sleep, timeout};

use super::reader::Reader;
use super::scene::{Phase, Scene};
use crate::link::{Link, Refused};
use crate::rest::Guest;
use crate::wire;

/// How long a connection lasts before the reader's network fails, milliseconds.
const STAY_MS: std::ops::Range<u64> = 200..5_000;
/// How long it is away then, or after the server died, milliseconds. Some miss a whole round.
const AWAY_MS: std::ops::Range<u64> = 0..2_000;
/// How often it looks whether it should subscribe again, or is done.
const LOOK: Duration = Duration::from_millis(20);
/// Longest wait until a reader has seen everything.
const FINISH_WITHIN: Duration = Duration::from_secs(60);

/// Starts all readers.
pub(super) fn start_all(scene: &Rc<Scene>) -> Vec<JoinHandle<Result<()>>> {
    let start = |(n, guest): (usize, &Guest)| {
        let reader = Reader::new(format!("reader-{n}"), &scene.rooms, fastrand::u64(..));
        spawn_local(live(reader, guest.clone(), Rc::clone(scene)))
    };
    scene.readers.iter().enumerate().map(start).collect()
}

/// Waits until everyone has seen everything, or had every chance to, and records that.
///
/// # Errors
/// A reader was told something that it must not be told.
pub(super) async fn finish_all(readers: Vec<JoinHandle<Result<()>>>, scene: &Scene) -> Result<()> {
    let until = Instant::now() + FINISH_WITHIN;
    for (n, mut reader) in readers.into_iter().enumerate() {
        if let Ok(done) = tokio::time::timeout_at(until, &mut reader).await {
            done??;
        } else {
            reader.abort();
        }
        for room in &scene.rooms {
            scene.recorder.borrow_mut().settled(&format!("reader-{n}"), room);
        }
    }
    Ok(())
}

async fn live(mut reader: Reader, guest: Guest, scene: Rc<Scene>) -> Result<()> {
    loop {
        let mut link = scene.reconnect().await;
        let stay = match scene.phase() {
            Phase::Settling => FINISH_WITHIN,
            _ => Duration::from_millis(fastrand::u64(STAY_MS)),
        };
        match timeout(stay, read(&mut reader, &guest, &scene, &mut link)).await {
            Ok(Ended::Done) => return Ok(()),
            Ok(Ended::Broken(error)) => {
                return Err(error).with_context(|| reader.name.clone());
            }
            Ok(Ended::Lost) | Err(_) => {}
        }
        drop(link);
        reader.lost();
        if scene.phase() == Phase::Load {
            sleep(Duration::from_millis(fastrand::u64(AWAY_MS))).await;
        }
    }
}

/// How a connection came to its end.
enum Ended {
    Lost,
    /// The reader has seen everything there is.
    Done,
    /// The server said what it must not say.
    Broken(anyhow::Error),
}

async fn read(reader: &mut Reader, guest: &Guest, scene: &Scene, link: &mut Link) -> Ended {
    if let Err(error) = link.join(Some(&guest.token), &[]).await {
        return if error.is::<Refused>() { Ended::Broken(error) } else { Ended::Lost };
    }
    let mut clock = interval(LOOK);
    loop {
        tokio::select! {
            _ = clock.tick() => {
                let heads = scene.recorder.borrow().heads(&scene.rooms);
                if scene.phase() == Phase::Settling && reader.has_reached(&heads) {
                    return Ended::Done;
                }
                reader.subscribe(|room, from| {
                    link.queue(|out, id| wire::put_subscribe(out, id, room, from))
                });
                if link.flush().await.is_err() {
                    return Ended::Lost;
                }
            }
            text = link.next_text() => {
                let text = match text {
                    Ok(text) => text,
                    Err(error) if error.is::<Refused>() => return Ended::Broken(error),
                    Err(_) => return Ended::Lost,
                };
                for line in text.split(|byte| *byte == b'\n') {
                    let told = wire::read_line(line).map_err(anyhow::Error::from);
                    let told = told.and_then(|line| {
                        reader.told(&line, &mut scene.recorder.borrow_mut())
                    });
                    match told {
                        Ok(true) if link.pong().await.is_err() => return Ended::Lost,
                        Ok(_) => {}
                        Err(error) => return Ended::Broken(error),
                    }
                }
            }
        }
    }
}
