//! Who serves what: asked again every second, since sentinels and clusters put one server in another's place.

use std::collections::HashMap;
use std::time::Duration;

use redis::cluster_routing::Slot;
use redis::sentinel::SentinelClient;
use redis::{ConnectionAddr, Value};
use tokio::sync::watch;
use tokio::time::timeout;

use super::config::{RedisConfig, Server, Setup};
use super::open::Connection;
use super::{Result, Unreachable};

/// How often it is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// What the sentinels may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The servers that are written to. Empty: not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub servers: Vec<Server>,
    /// Which of them has which slot; none where there is but one.
    slots: HashMap<Slot, usize>,
}

impl Layout {
    fn single(server: Server) -> Self {
        Self { servers: vec![server], slots: HashMap::new() }
    }

    /// Who serves a key.
    pub fn server_of(&self, key: &str) -> Option<&Server> {
        if self.slots.is_empty() {
            return self.servers.first();
        }
        self.servers.get(*self.slots.get(&Slot::for_key(key))?)
    }

    /// Reads what `CLUSTER SLOTS` says: a list of `[first, last, [host, port, …], …]`, the master first. A server without
    /// a name of its own is left out; it will have one when the cluster has formed.
    fn read(slots: &Value) -> Self {
        let mut layout = Self::default();
        for range in list(slots) {
            let [Value::Int(first), Value::Int(last), master, ..] = list(range) else { continue };
            let [Value::BulkString(host), Value::Int(port), ..] = list(master) else { continue };
            let (Ok(host), Ok(port)) = (str::from_utf8(host), u16::try_from(*port)) else {
                continue;
            };
            let server = Server { host: host.to_owned(), port };
            if server.host.is_empty() {
                continue;
            }
            let known = layout.servers.iter().position(|one| *one == server);
            let number = known.unwrap_or_else(|| {
                layout.servers.push(server);
                layout.servers.len() - 1
            });
            let range = (*first..=*last).filter_map(|n| Slot::new(u16::try_from(n).ok()?));
            layout.slots.extend(range.map(|slot| (slot, number)));
        }
        layout
    }
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

/// Keeps `layout` true for as long as anyone looks at it. `commands` is how a cluster is asked.
pub async fn keep(
    config: RedisConfig,
    layout: watch::Sender<Layout>,
    commands: watch::Receiver<Option<Connection>>,
) {
    let mut sentinels = match &config.setup {
        Setup::Single(server) => {
            layout.send_replace(Layout::single(server.clone()));
            return;
        }
        Setup::Sentinel { .. } | Setup::Cluster(_) => config.sentinels().ok().flatten(),
    };
    let mut failing = false;
    while !layout.is_closed() {
        let found = match &mut sentinels {
            Some(sentinels) => primary(sentinels).await.map(Layout::single),
            None => slots(&commands).await,
        };
        match found {
            Ok(found) => {
                failing = false;
                layout.send_if_modified(|known| {
                    let changed = *known != found;
                    if changed {
                        tracing::info!(servers = ?found.servers, "redis is served by others now");
                        *known = found;
                    }
                    changed
                });
            }
            Err(err) if !failing => {
                failing = true;
                tracing::warn!(%err, "who serves redis can't be found out");
            }
            Err(_) => {}
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The server that the sentinels call the primary, and that takes itself for one.
async fn primary(sentinels: &mut SentinelClient) -> Result<Server> {
    let client = timeout(ANSWER_WITHIN, sentinels.async_get_client()).await;
    let client = client.map_err(|_| Unreachable("no sentinel answers".to_owned()))??;
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) => Ok(Server { host: host.clone(), port: *port }),
        other => Err(Unreachable(format!("the sentinels name {other}"))),
    }
}

async fn slots(commands: &watch::Receiver<Option<Connection>>) -> Result<Layout> {
    let connection = commands.borrow().clone();
    let mut connection = connection.ok_or_else(|| Unreachable("no connection".to_owned()))?;
    let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    let layout = Layout::read(&slots);
    match layout.servers.is_empty() {
        true => Err(Unreachable("the cluster serves no slots".to_owned())),
        false => Ok(layout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_server() {
        let server = |host: &str, port| {
            Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::Int(0)])
        };
        let range = |first, last, servers: &[Value]| {
            Value::Array([&[Value::Int(first), Value::Int(last)], servers].concat())
        };
        let slots = Value::Array(vec![
            range(0, 8000, &[server("a", 1), server("b", 2)]),
            range(8001, 16000, &[server("c", 3)]),
            range(16001, 16383, &[server("a", 1)]),
            range(0, 0, &[server("", 9)]),
            Value::Nil,
        ]);
        let layout = Layout::read(&slots);
        assert_eq!(layout.servers.len(), 2);
        assert_eq!(layout.slots.len(), 16384);
        // CRC16 mod 16384 of the classic check string is 12739.
        assert_eq!(layout.server_of("123456789").map(|server| server.port), Some(3));
        assert_eq!(layout.server_of("x{123456789}y").map(|server| server.port), Some(3));
        assert_eq!(Layout::default().server_of("x"), None);
        let one = Layout::single(Server { host: "a".into(), port: 1 });
        assert_eq!(one.server_of("x").map(|server| server.port), Some(1));
    }
}
