//! Three nodes on PostgreSQL, Redis and three Kafka brokers, of which something breaks each round, and is mended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use async_trait::async_trait;
use chat_services::{Durability, Kafka, Postgres, Redis};
use tokio::time::sleep;

use super::Folder;
use super::nemesis::{Faults, Nemesis};
use crate::cli::CrashArgs;
use crate::server::{Running, ServerPlan, free_port};

const NODES: usize = 3;
const BROKERS: usize = 3;
/// Between a fault and the next, milliseconds: people talk.
const CALM_MS: std::ops::Range<u64> = 500..1_500;
/// How long something is away, milliseconds.
const AWAY_MS: std::ops::Range<u64> = 500..4_000;
/// The same where an operator would have been called long ago.
const AWAY_LONG: Duration = Duration::from_secs(120);
/// How long a frozen node is, then: beyond every session timeout of broker and database.
const FROZEN_LONG: Duration = Duration::from_secs(30);
const COPIED_WITHIN: Duration = Duration::from_secs(20);

/// What can go wrong, each in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    NodeKilled,
    NodeFrozen,
    NodeDrained,
    /// Every node in its turn, as for a new version.
    RollingRestart,
    RedisWiped,
    RedisKilled,
    /// Another one takes its place that has missed the last seconds.
    RedisStale,
    BrokerKilled,
    /// Of three: nothing can be acked meanwhile.
    TwoBrokersKilled,
    PostgresKilled,
    EverythingKilled,
}

const FAULTS: [Fault; 11] = [
    Fault::NodeKilled,
    Fault::NodeFrozen,
    Fault::NodeDrained,
    Fault::RollingRestart,
    Fault::RedisWiped,
    Fault::RedisKilled,
    Fault::RedisStale,
    Fault::BrokerKilled,
    Fault::TwoBrokersKilled,
    Fault::PostgresKilled,
    Fault::EverythingKilled,
];

/// See the module.
pub(super) struct Cluster {
    program: PathBuf,
    shell: Option<String>,
    folder: PathBuf,
    options: Vec<(&'static str, String)>,
    nodes: Vec<Running>,
    postgres: Postgres,
    redis: Redis,
    kafka: Kafka,
    /// What is left of the faults before they come again.
    left: Vec<Fault>,
    done: BTreeMap<Fault, u32>,
    is_long: bool,
}

async fn away() {
    sleep(Duration::from_millis(fastrand::u64(AWAY_MS))).await;
}

impl Cluster {
    /// Starts services and nodes.
    pub(super) async fn start(args: &CrashArgs, folder: &Folder) -> Result<Self> {
        let kafka = Kafka::start(BROKERS)?;
        // What a killed PostgreSQL has committed must be there again; what Redis had, need not.
        let postgres = Postgres::start(Durability::Durable)?;
        let redis = Redis::start(Durability::Quick)?;
        let options = vec![
            ("DATABASE_URL", postgres.url()),
            ("REDIS_URL", redis.url()),
            ("KAFKA_BROKERS", kafka.bootstrap()),
            ("CHAT__KAFKA__PARTITIONS", "4".to_owned()),
            ("CHAT__HTTP__DRAIN_S", "1".to_owned()),
        ];
        let mut cluster = Self {
            program: args.server.canonicalize().context("no such server program")?,
            shell: args.shell.clone(),
            folder: folder.data(),
            options,
            nodes: Vec::new(),
            postgres,
            redis,
            kafka,
            left: Vec::new(),
            done: BTreeMap::new(),
            is_long: args.long,
        };
        for _ in 0..NODES {
            let node = cluster.node(free_port()?)?;
            cluster.nodes.push(node);
        }
        cluster.ready().await?;
        Ok(cluster)
    }

    fn node(&self, port: u16) -> Result<Running> {
        Running::server(&ServerPlan {
            program: &self.program,
            data_dir: &self.folder,
            port,
            shell: self.shell.as_deref(),
            log: &self.folder.with_file_name("server.log"),
            core: None,
            options: &self.options,
        })
    }

    async fn ready(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            node.ready().await?;
        }
        Ok(())
    }

    /// Away for as long as the run wants it.
    async fn away(&self, long: Duration) {
        if self.is_long { sleep(long).await } else { away().await }
    }

    /// Ends a node and starts it at its port.
    async fn replace(
        &mut self,
        which: usize,
        end: impl AsyncFnOnce(Running) -> Result<()>,
    ) -> Result<()> {
        let node = self.nodes.remove(which);
        let port = node.address.port();
        end(node).await?;
        let mut again = self.node(port)?;
        again.ready().await?;
        self.nodes.push(again);
        Ok(())
    }

    async fn brokers_killed(&mut self, count: usize) -> Result<()> {
        let first = fastrand::usize(..BROKERS);
        let which: Vec<usize> = (first..first + count).map(|n| n % BROKERS).collect();
        for n in &which {
            self.kafka.brokers[*n].kill()?;
        }
        away().await;
        for n in which {
            self.kafka.brokers[n].start_again()?;
        }
        Ok(())
    }

    /// What a failover to a replica does that had lost its primary: the last seconds are gone.
    async fn redis_stale(&mut self) -> Result<()> {
        let stale = Redis::replica_of(&self.redis, Durability::Quick)?;
        stale.wait_copied(COPIED_WITHIN)?;
        stale.promote()?;
        away().await;
        self.redis.follow(&stale)?;
        self.redis.wait_copied(COPIED_WITHIN)?;
        Ok(self.redis.promote()?)
    }

    async fn everything_killed(&mut self) -> Result<()> {
        let ports: Vec<u16> = self.nodes.iter().map(|node| node.address.port()).collect();
        for node in self.nodes.drain(..) {
            node.kill()?;
        }
        self.postgres.kill()?;
        self.redis.kill()?;
        for broker in &mut self.kafka.brokers {
            broker.kill()?;
        }
        self.postgres.start_again()?;
        self.redis.start_again()?;
        // They wait for each other, so they start at the same time.
        std::thread::scope(|scope| -> Result<()> {
            let brokers = self.kafka.brokers.iter_mut();
            let starting: Vec<_> =
                brokers.map(|broker| scope.spawn(|| broker.start_again())).collect();
            for start in starting {
                start.join().map_err(|_| anyhow!("a broker's thread panicked"))??;
            }
            Ok(())
        })?;
        for port in ports {
            let node = self.node(port)?;
            self.nodes.push(node);
        }
        self.ready().await
    }

    async fn commit(&mut self, fault: Fault) -> Result<()> {
        let which = fastrand::usize(..NODES);
        match fault {
            Fault::NodeKilled => self.replace(which, async |node| node.kill()).await,
            Fault::NodeDrained => self.replace(which, async |node| node.drain().await).await,
            Fault::RollingRestart => {
                for _ in 0..NODES {
                    self.replace(0, async |node| node.drain().await).await?; // to the end with it
                }
                Ok(())
            }
            Fault::NodeFrozen => {
                self.nodes[which].signal("STOP")?;
                self.away(FROZEN_LONG).await;
                self.nodes[which].signal("CONT")
            }
            Fault::RedisWiped => Ok(self.redis.wipe()?),
            Fault::RedisKilled => {
                self.redis.kill()?;
                self.away(AWAY_LONG).await;
                Ok(self.redis.start_again()?)
            }
            Fault::RedisStale => self.redis_stale().await,
            Fault::BrokerKilled => self.brokers_killed(1).await,
            Fault::TwoBrokersKilled => self.brokers_killed(2).await,
            Fault::PostgresKilled => {
                self.postgres.kill()?;
                self.away(AWAY_LONG).await;
                Ok(self.postgres.start_again()?)
            }
            Fault::EverythingKilled => self.everything_killed().await,
        }
    }
}

#[async_trait(?Send)]
impl Nemesis for Cluster {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    async fn round(&mut self) -> Result<()> {
        sleep(Duration::from_millis(fastrand::u64(CALM_MS))).await;
        if self.left.is_empty() {
            self.left = FAULTS.to_vec();
            fastrand::shuffle(&mut self.left);
        }
        let fault = self.left.pop().context("there are faults")?;
        println!("{fault:?}");
        self.commit(fault).await.with_context(|| format!("{fault:?}"))?;
        *self.done.entry(fault).or_default() += 1;
        Ok(())
    }

    fn faults(&self) -> Faults {
        self.done.iter().map(|(fault, times)| (format!("{fault:?}"), *times)).collect()
    }
}
