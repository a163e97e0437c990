//! Several nodes on real services: what clients are promised holds on whichever node they are, and whatever dies.

mod dying;
mod together;

use chat_services::{Durability, Postgres, Redis};

use crate::kit::{Guest, Server, Shell};

/// What the nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// PostgreSQL alone: it is the log, and nodes hear of each other through it.
    Postgres,
    /// PostgreSQL is the log, and Redis carries events.
    PostgresAndRedis,
}

/// Nodes and what they stand on.
pub struct Cluster {
    pub nodes: Vec<Server>,
    pub postgres: Postgres,
    pub redis: Option<Redis>,
    options: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Services of its own, so that a test may break them, and `count` nodes.
    pub async fn start(setup: Setup, count: usize) -> Self {
        let services = tokio::task::spawn_blocking(move || {
            let redis = (setup == Setup::PostgresAndRedis)
                .then(|| Redis::start(Durability::Quick).expect("Redis starts"));
            let postgres = Postgres::start(Durability::Durable).expect("PostgreSQL starts");
            (postgres, redis)
        });
        let (postgres, redis) = services.await.unwrap();
        let mut options = vec![("DATABASE_URL", postgres.url())];
        options.extend(redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
        let mut cluster = Self { nodes: Vec::new(), postgres, redis, options };
        for _ in 0..count {
            cluster.add_node().await;
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
