//! Keeps the node's connection for commands: heartbeats show whether it leads anywhere, and one that doesn't is replaced.
//!
//! The old one is used until there is a new one: in a cluster it may serve all but one shard.

use std::convert::Infallible;
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::config::{RedisConfig, Setup};
use super::layout::Layout;
use super::open::Connection;
use super::{BACKOFF_GREATEST, BACKOFF_LEAST, BEAT_EVERY, Result, Unreachable};
use crate::backoff::Backoff;

/// How long a new one has to last before failures count from the beginning again.
const LASTS_FOR_BEATS: u32 = 2;

/// Keeps `commands` usable for as long as anyone looks at it.
pub async fn keep(
    config: RedisConfig,
    commands: watch::Sender<Option<Connection>>,
    mut layout: watch::Receiver<Layout>,
) {
    let mut backoff = Backoff::new(BACKOFF_LEAST, BACKOFF_GREATEST);
    while !commands.is_closed() {
        let Err(err) = keep_one(&config, &commands, &mut layout, &mut backoff).await;
        let wait: Duration = backoff.wait();
        tracing::warn!(%err, wait_ms = wait.as_millis(), "no redis for commands");
        tokio::time::sleep(wait).await;
    }
}

/// One connection's life.
async fn keep_one(
    config: &RedisConfig,
    commands: &watch::Sender<Option<Connection>>,
    layout: &mut watch::Receiver<Layout>,
    backoff: &mut Backoff,
) -> Result<Infallible> {
    let mut connection = match &config.setup {
        Setup::Cluster(seeds) => {
            let known = layout.borrow_and_update().servers.clone();
            config.open_cluster(&[known, seeds.clone()].concat()).await?
        }
        Setup::Single(_) | Setup::Sentinel { .. } => {
            let found = layout.wait_for(|layout| !layout.servers.is_empty()).await;
            let server = found.ok().and_then(|layout| layout.servers.first().cloned());
            let unknown = || Unreachable("nobody says which server it is".to_owned());
            config.open(&server.ok_or_else(unknown)?).await?
        }
    };
    commands.send_replace(Some(connection.clone()));
    let mut beat = interval(BEAT_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beats = 0;
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            // Where nobody watches the layout this fails at once, each time it is asked: then it is not.
            Ok(()) = layout.changed() => {
                // A cluster's client finds out by itself.
                if !matches!(config.setup, Setup::Cluster(_)) {
                    return Err(Unreachable("another server has taken its place".to_owned()));
                }
            }
        }
        let _: Value = redis::cmd("PING").query_async(&mut connection).await?;
        beats += 1;
        if beats == LASTS_FOR_BEATS {
            backoff.reset();
        }
    }
}
