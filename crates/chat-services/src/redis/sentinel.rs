//! A primary and a replica, watched by three sentinels that put the replica in the primary's place.

use std::time::Duration;

use super::resp::Reply;
use super::{Kind, Redis};
use crate::error::{Error, Result};
use crate::{Durability, parallel, ports, wait};

/// What the sentinels call the pair.
const SERVICE: &str = "chat";
const SENTINELS: usize = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The set. Its servers and sentinels can be killed, paused and started again one by one.
#[derive(Debug)]
pub struct Sentinel {
    /// The first one starts as the primary.
    pub servers: Vec<Redis>,
    pub sentinels: Vec<Redis>,
}

impl Sentinel {
    /// A new set, as soon as every sentinel knows all others and the replica; about 2 s.
    ///
    /// # Errors
    /// Redis isn't installed, or doesn't start.
    pub fn start(durability: Durability) -> Result<Self> {
        let primary = Redis::start(durability)?;
        let replica = Redis::replica_of(&primary, durability)?;
        let rules = rules(primary.port());
        let sentinels = parallel::all(SENTINELS, |_| {
            ports::on_free_ports(|[port]| Redis::with(Kind::Sentinel, port, &rules))
        })?;
        let set = Self { servers: vec![primary, replica], sentinels };
        set.wait_ready(READY_WITHIN)?;
        Ok(set)
    }

    /// The name under which sentinels are asked for the primary.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// `redis+sentinel://127.0.0.1:PORT,127.0.0.1:PORT,127.0.0.1:PORT/SERVICE`, the ports of the sentinels.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(Redis::address).collect();
        format!("redis+sentinel://{}/{SERVICE}", addresses.join(","))
    }

    /// Which of the servers is the primary, by the first sentinel that answers.
    ///
    /// # Errors
    /// None answers.
    pub fn primary(&self) -> Result<usize> {
        let running = self.sentinels.iter().filter(|sentinel| sentinel.pid().is_some());
        let mut last = Error::NotRunning { service: "Redis Sentinel".to_owned() };
        for sentinel in running {
            match sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]) {
                Ok(address) => return self.server_at(&address),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Waits until the sentinels have made another server than `old` the primary; which one.
    ///
    /// # Errors
    /// Not within `within`.
    pub fn wait_for_other_primary(&self, old: usize, within: Duration) -> Result<usize> {
        wait::until(
            || "the sentinels have chosen another primary".to_owned(),
            within,
            || {
                let new = self.primary()?;
                Ok((new != old && self.servers[new].is_primary()?).then_some(new))
            },
        )
    }

    /// Waits until every sentinel knows all others and sees a replica that could take over, and the servers are
    /// what the sentinels take them for.
    ///
    /// # Errors
    /// Not within `within`; one of them is down.
    pub fn wait_ready(&self, within: Duration) -> Result<()> {
        wait::until(
            || "every sentinel sees the others and a replica".to_owned(),
            within,
            || {
                for sentinel in &self.sentinels {
                    if !sees_all(sentinel)? {
                        return Ok(None);
                    }
                }
                let primary = &self.servers[self.primary()?];
                let mut others = self.servers.iter().filter(|one| one.port() != primary.port());
                let all_follow = others
                    .try_fold(true, |all, one| Ok(all && one.follows()? == Some(primary.port())))?;
                Ok((all_follow && primary.is_primary()?).then_some(()))
            },
        )
    }

    fn server_at(&self, address: &Reply) -> Result<usize> {
        let port = address.list().get(1).and_then(Reply::text).unwrap_or_default();
        self.servers.iter().position(|server| server.port().to_string() == port).ok_or_else(|| {
            let asked = "where the primary is".to_owned();
            Error::Refused { asked, answer: format!("on port {port}, which is none of ours") }
        })
    }
}

/// What a sentinel is told: the primary, how many must agree that it is gone, and how soon.
fn rules(primary: u16) -> String {
    format!(
        "sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {SERVICE} 1500\n\
         sentinel failover-timeout {SERVICE} 5000\n"
    )
}

fn sees_all(sentinel: &Redis) -> Result<bool> {
    let primary = sentinel.ask(&["SENTINEL", "MASTER", SERVICE])?;
    let others = (SENTINELS - 1).to_string();
    let replicas = sentinel.ask(&["SENTINEL", "REPLICAS", SERVICE])?;
    let could_take_over = |replica: &Reply| {
        replica.field("flags") == Some("slave") && replica.field("master-link-status") == Some("ok")
    };
    Ok(primary.field("flags") == Some("master")
        && primary.field("num-other-sentinels") == Some(&others)
        && replicas.list().iter().any(could_take_over))
}
