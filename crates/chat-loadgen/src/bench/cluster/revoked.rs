//! A user's tokens are revoked through one node: until their sessions on two others are closed. The order lies in the store,
//! where every node looks for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

use super::Ground;
use super::finding::{Finding, Goal, median};
use super::nodes::Nodes;
use crate::link::{Link, Refused};
use crate::rest::Rest;

const NODES: usize = 3;
const PARTITIONS: u32 = 4;
/// Users of one run, one after the other.
const USERS: usize = 20;
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let what = "a user revoked: their last session on other nodes closed, slowest of 20";
    let mut slowest = Finding::new(what, "ms", Goal::AtMost(1000.0));
    let nodes = Nodes::start(ground, NODES, PARTITIONS)?;
    for _ in 0..ground.repeats {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let took = runtime.block_on(all(&nodes))?;
        slowest.own.push(took.iter().copied().fold(0.0, f64::max));
        slowest.beside = format!("median {:.0}", median(&took));
    }
    Ok(vec![slowest])
}

/// Milliseconds of each user.
async fn all(nodes: &Nodes) -> Result<Vec<f64>> {
    let rest = Rest::new(nodes.running[0].address);
    let mut took = Vec::new();
    for n in 0..USERS {
        let guest = rest.guest(&format!("guest-{n}")).await?;
        let mut links = Vec::new();
        for node in &nodes.running[1..] {
            let mut link = Link::open(node.address).await?;
            link.join(Some(&guest.token), &[]).await?;
            links.push(link);
        }
        let began = Instant::now();
        rest.revoke_own(&guest).await?;
        for mut link in links {
            timeout(CLOSED_WITHIN, closed(&mut link)).await.context("a session lives on")??;
        }
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(took)
}

/// Waits until the server says that the token is good no more.
async fn closed(link: &mut Link) -> Result<()> {
    loop {
        if let Err(end) = link.next_text().await {
            ensure!(end.is::<Refused>(), "the session ended otherwise: {end:#}");
            return Ok(());
        }
    }
}
