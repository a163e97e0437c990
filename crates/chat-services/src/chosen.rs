//! Services by choice, and what is to be said of them.

use std::fmt;

use chat_services::{Durability, Kafka, Postgres, Redis, RedisCluster, Result, Sentinel};

use crate::{Choice, RedisKind};

/// A service that was chosen.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Postgres,
    Redis(RedisKind),
    Kafka(usize),
}

/// A service that runs.
pub(crate) enum Service {
    Postgres(Postgres),
    Redis(Redis),
    Sentinel(Sentinel),
    Cluster(RedisCluster),
    Kafka(Kafka),
}

/// A process of a service: pid, port, and what it is.
pub(crate) type Process = (Option<u32>, u16, &'static str);

impl Choice {
    pub(crate) fn kinds(self) -> Vec<Kind> {
        let postgres = self.postgres.then_some(Kind::Postgres);
        let redis = self.redis.map(Kind::Redis);
        [postgres, redis, self.kafka.map(Kind::Kafka)].into_iter().flatten().collect()
    }
}

impl Kind {
    /// A developer's data is durable, as it is where the server runs.
    pub(crate) fn start(self) -> Result<Service> {
        let durability = Durability::Durable;
        Ok(match self {
            Self::Postgres => Service::Postgres(Postgres::start(durability)?),
            Self::Redis(RedisKind::Single) => Service::Redis(Redis::start(durability)?),
            Self::Redis(RedisKind::Sentinel) => Service::Sentinel(Sentinel::start(durability)?),
            Self::Redis(RedisKind::Cluster) => Service::Cluster(RedisCluster::start(durability)?),
            Self::Kafka(brokers) => Service::Kafka(Kafka::start(brokers)?),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis(_) => "Redis",
            Self::Kafka(_) => "Kafka",
        })
    }
}

impl Service {
    /// How it is reached: a variable and its value, which needs no quotes in a shell.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        match self {
            Self::Postgres(postgres) => ("DATABASE_URL", postgres.url()),
            Self::Redis(redis) => ("REDIS_URL", redis.url()),
            Self::Sentinel(set) => ("REDIS_URL", set.url()),
            Self::Cluster(cluster) => ("REDIS_URL", cluster.url()),
            Self::Kafka(kafka) => ("KAFKA_BROKERS", kafka.bootstrap()),
        }
    }

    pub(crate) fn processes(&self) -> Vec<Process> {
        let redis = |what| move |redis: &Redis| (redis.pid(), redis.port(), what);
        match self {
            Self::Postgres(postgres) => vec![(postgres.pid(), postgres.port(), "PostgreSQL")],
            Self::Redis(server) => vec![redis("Redis")(server)],
            Self::Sentinel(set) => {
                let servers = set.servers.iter().map(redis("Redis"));
                servers.chain(set.sentinels.iter().map(redis("Redis Sentinel"))).collect()
            }
            Self::Cluster(cluster) => cluster.servers.iter().map(redis("Redis Cluster")).collect(),
            Self::Kafka(kafka) => {
                kafka.brokers.iter().map(|one| (one.pid(), one.port(), "Kafka")).collect()
            }
        }
    }
}
