//! Redis Cluster: three masters, each with a replica.

use std::process::Command;
use std::time::Duration;

use super::resp::Reply;
use super::{Kind, Redis, lines, settings};
use crate::error::{Error, Result};
use crate::{Durability, parallel, ports, programs, wait};

const SERVERS: usize = 6;
const CREATED_WITHIN: Duration = Duration::from_secs(60);
const READY_WITHIN: Duration = Duration::from_secs(60);
/// For how long a master has to be silent until it is replaced, in ms.
const NODE_TIMEOUT_MS: u32 = 2000;

/// The cluster. Its servers can be killed, paused and started again one by one.
#[derive(Debug)]
pub struct RedisCluster {
    pub servers: Vec<Redis>,
}

impl RedisCluster {
    /// A new cluster, as soon as each server serves and each replica has its copy; about 3 s.
    ///
    /// # Errors
    /// Redis isn't installed, or doesn't start.
    pub fn start(durability: Durability) -> Result<Self> {
        let servers = parallel::all(SERVERS, |_| {
            ports::on_free_ports(|[port, bus]| {
                Redis::with(Kind::Server, port, &cluster_settings(durability, bus))
            })
        })?;
        let mut create = Command::new(programs::find("redis-cli", "redis-tools")?);
        create.args(["--cluster", "create"]).args(servers.iter().map(Redis::address));
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        programs::run(create, CREATED_WITHIN)?;
        let cluster = Self { servers };
        cluster.wait_ready(READY_WITHIN)?;
        Ok(cluster)
    }

    /// `redis+cluster://127.0.0.1:PORT,…`, the ports of all servers.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.servers.iter().map(Redis::address).collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// Which server serves `key`, as one that runs sees it.
    ///
    /// # Errors
    /// None runs or answers.
    pub fn master_of(&self, key: &str) -> Result<usize> {
        let asked = self.running().next();
        let asked = asked.ok_or(Error::NotRunning { service: "Redis Cluster".to_owned() })?;
        let Reply::Int(slot) = asked.ask(&["CLUSTER", "KEYSLOT", key])? else {
            return Err(unknown(key));
        };
        let ranges = asked.ask(&["CLUSTER", "SLOTS"])?;
        let port = ranges.list().iter().find_map(|range| match range.list() {
            [Reply::Int(first), Reply::Int(last), master, ..] => {
                let port = master.list().get(1);
                (*first..=*last).contains(&slot).then_some(port).flatten()
            }
            _ => None,
        });
        let is_it = |server: &Redis| port == Some(&Reply::Int(server.port().into()));
        self.servers.iter().position(is_it).ok_or_else(|| unknown(key))
    }

    /// Waits until another server than `old` serves `key` and takes writes; which one.
    ///
    /// # Errors
    /// Not within `within`.
    pub fn wait_for_other_master(&self, key: &str, old: usize, within: Duration) -> Result<usize> {
        wait::until(
            || format!("another master serves {key}"),
            within,
            || {
                // Until the others agree, it is as before, or the whole cluster refuses to serve.
                let Ok(new) = self.master_of(key) else { return Ok(None) };
                let serves = || self.servers[new].ask(&["TOUCH", key]).is_ok();
                Ok((new != old && serves()).then_some(new))
            },
        )
    }

    /// Waits until every server that runs says that the cluster is whole, and every replica among them has its
    /// copy. The first alone is not enough: a replica without a copy never takes over.
    ///
    /// # Errors
    /// Not within `within`.
    pub fn wait_ready(&self, within: Duration) -> Result<()> {
        wait::until(
            || "the cluster is whole".to_owned(),
            within,
            || {
                for server in self.running() {
                    if !is_whole(server)? {
                        return Ok(None);
                    }
                }
                Ok(Some(()))
            },
        )
    }

    fn running(&self) -> impl Iterator<Item = &Redis> {
        self.servers.iter().filter(|server| server.pid().is_some())
    }
}

fn is_whole(server: &Redis) -> Result<bool> {
    let info = server.ask(&["CLUSTER", "INFO"])?;
    let ok = lines(&info).any(|line| line == "cluster_state:ok");
    Ok(ok && (server.is_primary()? || server.follows()?.is_some()))
}

fn cluster_settings(durability: Durability, bus: u16) -> String {
    // By default the bus has the port above by 10000, which may not be free.
    let cluster = format!(
        "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout {NODE_TIMEOUT_MS}\n"
    );
    settings(durability) + &cluster
}

fn unknown(key: &str) -> Error {
    let asked = format!("who serves {key}");
    Error::Refused { asked, answer: "none of ours".to_owned() }
}
