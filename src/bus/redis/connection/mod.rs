//! The node's Redis: one connection for commands, who serves what, and what things are called there.

mod commands;
mod config;
mod layout;
mod open;

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::{Epoch, RoomId};
use redis::{RedisError, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use config::{BadUrl, RedisConfig, Server, Setup};
pub use layout::Layout;
pub use open::Connection;

use super::keys::{Keys, PartitionKeys};
use crate::store::Partitions;

/// How often a connection has to show that it leads somewhere.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Between attempts to connect.
pub const BACKOFF_LEAST: Duration = Duration::from_millis(100);
pub const BACKOFF_GREATEST: Duration = Duration::from_secs(5);
/// For how long a command waits for a connection where there is none.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);
/// For how long a room's partition is asked for.
const PLACED_WITHIN: Duration = Duration::from_secs(2);

/// Redis doesn't answer, or not in a way that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis can't be reached: {0}")]
pub struct Unreachable(pub String);

impl From<RedisError> for Unreachable {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

pub type Result<T> = std::result::Result<T, Unreachable>;

/// See the module. Everything of a node that needs Redis shares one.
pub struct Redis {
    pub(super) config: RedisConfig,
    pub(super) keys: Keys,
    partitions: Arc<dyn Partitions>,
    commands: watch::Receiver<Option<Connection>>,
    layout: watch::Receiver<Layout>,
    /// What keeps both; ends with this.
    _keepers: JoinSet<()>,
}

impl Redis {
    /// Begins to connect, and goes on for as long as this lives. Needs a tokio runtime, which then does the work.
    pub fn start(config: RedisConfig, epoch: &Epoch, partitions: Arc<dyn Partitions>) -> Arc<Self> {
        let (commands, commands_seen) = watch::channel(None);
        let (layout, layout_seen) = watch::channel(Layout::default());
        let mut keepers = JoinSet::new();
        keepers.spawn(layout::keep(config.clone(), layout, commands_seen.clone()));
        keepers.spawn(commands::keep(config.clone(), commands, layout_seen.clone()));
        Arc::new(Self {
            config,
            keys: Keys::new(epoch),
            partitions,
            commands: commands_seen,
            layout: layout_seen,
            _keepers: keepers,
        })
    }

    /// The connection for commands; waits a moment for one.
    ///
    /// # Errors
    /// [`Unreachable`] if there is none.
    pub(super) async fn connection(&self) -> Result<Connection> {
        let mut commands = self.commands.clone();
        let connected = timeout(CONNECTED_WITHIN, commands.wait_for(Option::is_some)).await;
        let connection = connected.ok().and_then(|seen| seen.ok()?.clone());
        connection.ok_or_else(|| Unreachable("no connection".to_owned()))
    }

    /// Who serves what, as it changes.
    pub(super) fn layout(&self) -> watch::Receiver<Layout> {
        self.layout.clone()
    }

    /// The names of a room's partition; `None`: there is no such room as far as can be found out now.
    pub(super) async fn keys_of(&self, room: &RoomId) -> Option<PartitionKeys> {
        let asked = timeout(PLACED_WITHIN, self.partitions.partition_of(room)).await;
        asked.ok()?.ok()?.map(|partition| self.keys.of(partition))
    }

    /// Does it answer? For health checks.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn ping(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        let _: Value = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(())
    }
}
