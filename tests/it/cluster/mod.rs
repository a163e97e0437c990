//! Several nodes on real services: what clients are promised holds on whichever node they are, and whatever dies.

mod authors;
mod direct;
mod dying;
mod hints;
mod letters;
mod logged;
mod open;
mod presence;
mod reading;
mod relayed;
mod revocation;
mod talk;
mod together;

use std::process::Output;

use chat_services::{Durability, Kafka, Postgres, Redis, RedisCluster, Sentinel};

use crate::kit::{Guest, Server, Shell, binary, eventually};

/// What the nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// PostgreSQL alone: it is the log, and nodes hear of each other through it.
    Postgres,
    /// PostgreSQL is the log, and Redis carries events.
    PostgresAndRedis,
    /// Kafka is the log, Redis what is live, PostgreSQL what is past. One broker.
    Kafka,
    /// The same on three brokers, of which two must have a message.
    ThreeBrokers,
    /// As `Kafka`, with a Redis that three sentinels put another in the place of.
    Sentinels,
    /// As `Kafka`, with a cluster of Redis servers.
    RedisCluster,
}

impl Setup {
    fn brokers(self) -> usize {
        match self {
            Self::Postgres | Self::PostgresAndRedis => 0,
            Self::Kafka | Self::Sentinels | Self::RedisCluster => 1,
            Self::ThreeBrokers => 3,
        }
    }
}

/// The Redis of a set-up, if it has one.
#[derive(Default)]
struct SomeRedis {
    alone: Option<Redis>,
    sentinel: Option<Sentinel>,
    cluster: Option<RedisCluster>,
}

impl SomeRedis {
    fn start(setup: Setup) -> Self {
        let how = Durability::Quick;
        match setup {
            Setup::Postgres => Self::default(),
            Setup::PostgresAndRedis | Setup::Kafka | Setup::ThreeBrokers => {
                Self { alone: Some(Redis::start(how).expect("Redis starts")), ..Self::default() }
            }
            Setup::Sentinels => {
                let sentinel = Sentinel::start(how).expect("sentinels start");
                Self { sentinel: Some(sentinel), ..Self::default() }
            }
            Setup::RedisCluster => {
                let cluster = RedisCluster::start(how).expect("a cluster starts");
                Self { cluster: Some(cluster), ..Self::default() }
            }
        }
    }

    fn url(&self) -> Option<String> {
        let alone = self.alone.as_ref().map(Redis::url);
        let sentinel = self.sentinel.as_ref().map(Sentinel::url);
        alone.or(sentinel).or(self.cluster.as_ref().map(RedisCluster::url))
    }
}

/// Nodes and what they stand on.
pub struct Cluster {
    pub nodes: Vec<Server>,
    pub postgres: Postgres,
    pub redis: Option<Redis>,
    pub sentinel: Option<Sentinel>,
    pub redis_cluster: Option<RedisCluster>,
    pub kafka: Option<Kafka>,
    options: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Services of its own, so that a test may break them, and `count` nodes.
    pub async fn start(setup: Setup, count: usize) -> Self {
        Self::with(setup, count, &[]).await
    }

    /// The same with options of the nodes, by their names in the environment.
    pub async fn with(setup: Setup, count: usize, of_nodes: &[(&'static str, &str)]) -> Self {
        let services = tokio::task::spawn_blocking(move || {
            let kafka = std::thread::spawn(move || {
                let brokers = setup.brokers();
                (brokers > 0).then(|| Kafka::start(brokers).expect("Kafka starts"))
            });
            let redis = SomeRedis::start(setup);
            let postgres = Postgres::start(Durability::Durable).expect("PostgreSQL starts");
            (postgres, redis, kafka.join().unwrap())
        });
        let (postgres, redis, kafka) = services.await.unwrap();
        let mut options = vec![("DATABASE_URL", postgres.url())];
        options.extend(of_nodes.iter().map(|(name, it)| (*name, (*it).to_owned())));
        options.extend(redis.url().map(|url| ("REDIS_URL", url)));
        if let Some(kafka) = &kafka {
            let copies = setup.brokers();
            options.extend([
                ("KAFKA_BROKERS", kafka.bootstrap()),
                ("CHAT__KAFKA__PARTITIONS", "4".to_owned()),
                ("CHAT__KAFKA__REPLICATION", copies.to_string()),
                ("CHAT__KAFKA__IN_SYNC_MIN", copies.min(2).to_string()),
            ]);
        }
        let SomeRedis { alone: redis, sentinel, cluster } = redis;
        let redis_cluster = cluster;
        let mut cluster =
            Self { nodes: Vec::new(), postgres, redis, sentinel, redis_cluster, kafka, options };
        for _ in 0..count {
            cluster.add_node().await;
        }
        if cluster.kafka.is_some() {
            // A new log is told of the first room by whichever node comes first.
            let guest = cluster.node(0).guest("First").await;
            let told = async || (cluster.node(0).head("general", &guest).await > 0).then_some(());
            eventually("the log has begun", told).await;
        }
        cluster
    }

    /// One more node, with a data directory of its own.
    pub async fn add_node(&mut self) {
        let options: Vec<_> = self.options.iter().map(|(name, it)| (*name, it.as_str())).collect();
        self.nodes.push(Server::with(Shell::Lean, &options).await);
    }

    /// Runs an operator's command with the nodes' options.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = binary();
        command.args(arguments).envs(self.options.iter().map(|(name, it)| (*name, it)));
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs SQL in the nodes' database.
    pub fn sql(&self, sql: &str) -> String {
        let url = self.postgres.url();
        let database = url.rsplit('/').next().unwrap();
        tokio::task::block_in_place(|| self.postgres.query(database, sql)).unwrap()
    }

    /// Guests made through different nodes, who are known on all of them.
    pub async fn guests(&self, count: usize) -> Vec<Guest> {
        let mut guests = Vec::new();
        for n in 0..count {
            guests.push(self.node(n).guest(&format!("Guest {n}")).await);
        }
        guests
    }

    /// The nodes by turns.
    pub fn node(&self, n: usize) -> &Server {
        &self.nodes[n % self.nodes.len()]
    }
}
