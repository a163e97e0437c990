//! A node with 10,000 sessions is killed while people talk in all their rooms: how long until the last of them is live on
//! another node and has seen all that was acknowledged meanwhile, and how they spread over the nodes that are left.
//!
//! The sessions come back as the official SDKs do: after 500 ms and a random part of a delay that doubles with each try,
//! at a node taken at random.

mod board;
mod sessions;
mod speaker;

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use self::board::Board;
use super::Ground;
use super::finding::{Finding, Goal, median};
use super::nodes::Nodes;
use crate::rest::{Guest, Rest};

const NODES: usize = 3;
const PARTITIONS: u32 = 4;
const ROOMS: usize = 100;
/// People, each with as many sessions as it takes.
const GUESTS: usize = 100;
/// Requests and handshakes under way at once, while nobody is measured.
const CONCURRENCY: usize = 32;
/// How long people talk before the node is killed.
const TALK: Duration = Duration::from_secs(3);
/// Longest wait for the last session.
const BACK_WITHIN: Duration = Duration::from_secs(120);

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let sessions = if ground.quick { 1000 } else { 10_000 };
    let mut last =
        Finding::new("a node killed: its last session live and caught up", "s", Goal::Nothing);
    let mut half = Finding::new("the same, half of them", "s", Goal::Nothing);
    let mut spread = Finding::new("the fuller of two nodes has of them", "%", Goal::Nothing);
    for _ in 0..ground.repeats {
        let told = once(ground, sessions)?;
        last.own.push(told.last_s);
        half.own.push(told.half_s);
        spread.own.push(told.fuller_percent);
        last.beside = format!(
            "{sessions} sessions; {} messages acked meanwhile, none missed, none twice; {} tries failed",
            told.acked, told.failed
        );
    }
    Ok(vec![last, half, spread])
}

struct Told {
    last_s: f64,
    half_s: f64,
    fuller_percent: f64,
    acked: u64,
    failed: u64,
}

fn once(ground: &Ground, sessions: usize) -> Result<Told> {
    let mut nodes = Nodes::start(ground, NODES, PARTITIONS)?;
    let addresses: Vec<_> = nodes.running.iter().map(|it| it.address).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let rest = Rest::new(addresses[1]);
        let (guests, rooms) = cast(&rest).await?;
        let board = Rc::new(Board::new(rooms, addresses[1..].to_vec()));
        let open =
            async |n: usize| sessions::open(n, addresses[0], &guests[n % GUESTS], &board).await;
        let opened = stream::iter(0..sessions).map(open).buffer_unordered(CONCURRENCY);
        let opened: Vec<_> = opened.try_collect().await.context("opening sessions")?;
        let living: Vec<_> =
            opened.into_iter().map(|it| spawn_local(it.live(board.clone()))).collect();
        let speaker = spawn_local(speaker::talk(addresses[1], guests[0].clone(), board.clone()));
        tokio::time::sleep(TALK).await;
        let before = board.acked();
        ensure!(before > 0, "nobody talks");
        nodes.running.remove(0).kill()?;
        board.killed(Instant::now());
        timeout(BACK_WITHIN, board.all_back(sessions)).await.with_context(|| board.progress())?;
        let acked = board.acked() - before;
        board.hush();
        speaker.await??;
        for session in living {
            timeout(BACK_WITHIN, session)
                .await
                .context("a session misses something at the end")???;
        }
        Ok(told(&board, acked))
    })
}

async fn cast(rest: &Rest) -> Result<(Vec<Guest>, Vec<String>)> {
    let guest = async |n: usize| rest.guest(&format!("guest-{n}")).await;
    let guests = stream::iter(0..GUESTS).map(guest).buffered(CONCURRENCY);
    let guests: Vec<_> = guests.try_collect().await.context("making guests")?;
    let room = async |n: usize| rest.room(&guests[0], &format!("room-{n}")).await;
    let rooms = stream::iter(0..ROOMS).map(room).buffered(CONCURRENCY);
    let rooms = rooms.try_collect().await.context("making rooms")?;
    Ok((guests, rooms))
}

fn told(board: &Board, acked: u64) -> Told {
    let seconds: Vec<_> = board.back_after().iter().map(Duration::as_secs_f64).collect();
    let by_node = board.by_node();
    let (most, all) =
        (by_node.iter().max().copied().unwrap_or_default(), by_node.iter().sum::<u64>());
    Told {
        last_s: seconds.iter().copied().fold(0.0, f64::max),
        half_s: median(&seconds),
        fuller_percent: 100.0 * most as f64 / all as f64,
        acked,
        failed: board.failed(),
    }
}
