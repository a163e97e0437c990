//! Nodes on real services, as an operator would run them.

use anyhow::Result;
use chat_services::{Durability, Kafka, Postgres, Redis};

use super::Ground;
use crate::server::Running;

/// Some nodes, and what they stand on: three brokers, a database, a Redis.
pub(super) struct Nodes {
    pub(super) running: Vec<Running>,
    pub(super) kafka: Kafka,
    pub(super) redis: Redis,
    _postgres: Postgres,
    _folder: tempfile::TempDir,
}

impl Nodes {
    /// Starts all of it; the log is new and has `partitions`.
    pub(super) fn start(ground: &Ground, count: usize, partitions: u32) -> Result<Self> {
        let (kafka, redis) = (Kafka::start(3)?, Redis::start(Durability::Quick)?);
        let postgres = Postgres::start(Durability::Durable)?;
        let folder = ground.folder()?;
        let options = [
            ("DATABASE_URL", postgres.url()),
            ("REDIS_URL", redis.url()),
            ("KAFKA_BROKERS", kafka.bootstrap()),
            ("CHAT__KAFKA__PARTITIONS", partitions.to_string()),
        ];
        let node = |n: usize| {
            let own = folder.path().join(n.to_string());
            std::fs::create_dir(&own)?;
            ground.node(&own, &options)
        };
        let running = (0..count).map(node).collect::<Result<_>>()?;
        Ok(Self { running, kafka, redis, _postgres: postgres, _folder: folder })
    }
}
