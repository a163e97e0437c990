//! Several nodes on real services: what clients are promised holds on whichever node they are, and whatever dies.

mod authors;
mod direct;
mod dying;
mod logged;
mod presence;
mod reading;
mod together;

use chat_services::{Durability, Kafka, Postgres, Redis};

use crate::kit::{Guest, Server, Shell, eventually};

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
}

impl Setup {
    fn brokers(self) -> usize {
        match self {
            Self::Postgres | Self::PostgresAndRedis => 0,
            Self::Kafka => 1,
            Self::ThreeBrokers => 3,
        }
    }
}

/// Nodes and what they stand on.
pub struct Cluster {
    pub nodes: Vec<Server>,
    pub postgres: Postgres,
    pub redis: Option<Redis>,
    pub kafka: Option<Kafka>,
    options: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Services of its own, so that a test may break them, and `count` nodes.
    pub async fn start(setup: Setup, count: usize) -> Self {
        Self::with(setup, count, &[]).await
    }

    /// The same with options of the nodes, by their names in the environment.
    pub async fn with(
        setup: Setup,
        count: usize,
        of_nodes: &[(&'static str, &'static str)],
    ) -> Self {
        let services = tokio::task::spawn_blocking(move || {
            let kafka = std::thread::spawn(move || {
                let brokers = setup.brokers();
                (brokers > 0).then(|| Kafka::start(brokers).expect("Kafka starts"))
            });
            let redis = (setup != Setup::Postgres)
                .then(|| Redis::start(Durability::Quick).expect("Redis starts"));
            let postgres = Postgres::start(Durability::Durable).expect("PostgreSQL starts");
            (postgres, redis, kafka.join().unwrap())
        });
        let (postgres, redis, kafka) = services.await.unwrap();
        let mut options = vec![("DATABASE_URL", postgres.url())];
        options.extend(of_nodes.iter().map(|(name, it)| (*name, (*it).to_owned())));
        options.extend(redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
        if let Some(kafka) = &kafka {
            let copies = setup.brokers();
            options.extend([
                ("KAFKA_BROKERS", kafka.bootstrap()),
                ("CHAT__KAFKA__PARTITIONS", "4".to_owned()),
                ("CHAT__KAFKA__REPLICATION", copies.to_string()),
                ("CHAT__KAFKA__IN_SYNC_MIN", copies.min(2).to_string()),
            ]);
        }
        let mut cluster = Self { nodes: Vec::new(), postgres, redis, kafka, options };
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
