//! Redis: one server, a replica of another.

pub(crate) mod cluster;
pub(crate) mod resp;
pub(crate) mod sentinel;

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use self::resp::Reply;
use crate::error::{Result, Tried};
use crate::folder::Folder;
use crate::server::{End, Plan};
use crate::slot::Slot;
use crate::{Durability, keeper, ports, programs, wait};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait until a replica has a copy of everything.
const COPIED_WITHIN: Duration = Duration::from_secs(30);

/// A Redis server with a folder and a port of its own, and without a password.
#[derive(Debug)]
pub struct Redis {
    slot: Slot,
    kind: Kind,
    port: u16,
    folder: Folder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Sentinel,
}

impl Redis {
    /// A new, empty server. A durable one has on the disk what it has acknowledged.
    ///
    /// # Errors
    /// Redis isn't installed, or doesn't start.
    pub fn start(durability: Durability) -> Result<Self> {
        ports::on_free_ports(|[port]| Self::with(Kind::Server, port, &settings(durability)))
    }

    /// A new server that copies `primary`, as soon as it has copied everything.
    ///
    /// # Errors
    /// It doesn't start, or `primary` is down.
    pub fn replica_of(primary: &Self, durability: Durability) -> Result<Self> {
        let replica = Self::start(durability)?;
        replica.follow(primary)?;
        Ok(replica)
    }

    /// A server on `port`, with `settings` beside those that all have.
    pub(crate) fn with(kind: Kind, port: u16, settings: &str) -> Result<Self> {
        let folder = keeper::folder("redis")?;
        // A file and no arguments: sentinels have a server write there what it has become.
        let config = format!("bind 127.0.0.1\nport {port}\ndir {:?}\n{settings}", folder.path());
        let path = folder.join("redis.conf");
        fs::write(&path, config).tried(|| format!("can't write {}", path.display()))?;
        let name = if kind == Kind::Sentinel { "Redis Sentinel" } else { "Redis" };
        let slot = Slot::new(format!("{name} on port {port}"));
        let mut redis = Self { slot, kind, port, folder };
        redis.start_again()?;
        Ok(redis)
    }

    /// Starts it where it was, after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Errors
    /// It doesn't start, or runs already.
    pub fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new(programs::find("redis-server", "redis-server")?);
        command.arg(self.folder.join("redis.conf"));
        if self.kind == Kind::Sentinel {
            command.arg("--sentinel");
        }
        let plan = Plan { command, log: self.folder.join("log"), end: End::Kill };
        let port = self.port;
        self.slot.start(plan, READY_WITHIN, |server| Ok(serves(port, server.pid())))
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// None while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.slot.pid()
    }

    /// Sends a command, its words apart, and waits for the answer: `ask(&["SET", "key", "value"])`.
    ///
    /// # Errors
    /// Nobody answers within 10 s, or with an error.
    pub fn ask(&self, words: &[&str]) -> Result<Reply> {
        resp::ask(self.port, words)
    }

    /// Forgets everything, and so do its replicas.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn wipe(&self) -> Result<()> {
        self.ask(&["FLUSHALL"]).map(drop)
    }

    /// Makes it a primary, whatever becomes of the one that it followed.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn promote(&self) -> Result<()> {
        self.ask(&["REPLICAOF", "NO", "ONE"]).map(drop)
    }

    /// Makes it a replica of `primary`, and waits until it has copied everything.
    ///
    /// # Errors
    /// One of them doesn't answer.
    pub fn follow(&self, primary: &Self) -> Result<()> {
        self.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()])?;
        wait::until(
            || format!("{} follows {}", self.slot.name(), primary.slot.name()),
            COPIED_WITHIN,
            || Ok(self.follows()?.is_some_and(|port| port == primary.port).then_some(())),
        )
    }

    /// Waits until every replica has what was written here so far.
    ///
    /// # Errors
    /// Not within `within`.
    pub fn wait_copied(&self, within: Duration) -> Result<()> {
        let offset = |info: &Reply| {
            lines(info).find_map(|line| line.strip_prefix("master_repl_offset:")?.parse().ok())
        };
        let written: u64 = offset(&self.ask(&["INFO", "replication"])?).unwrap_or_default();
        wait::until(
            || format!("the replicas of {} have its data", self.slot.name()),
            within,
            || {
                let info = self.ask(&["INFO", "replication"])?;
                let mut copied = lines(&info).filter_map(copied_by_replica);
                Ok(copied.all(|offset| offset >= written).then_some(()))
            },
        )
    }

    /// The port of the primary whose data it has a copy of; none if it is a primary itself, or still copying.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn follows(&self) -> Result<Option<u16>> {
        let role = self.ask(&["ROLE"])?;
        let [kind, _, Reply::Int(port), state, ..] = role.list() else { return Ok(None) };
        let copied = kind.text() == Some("slave") && state.text() == Some("connected");
        Ok(copied.then(|| u16::try_from(*port).ok()).flatten())
    }

    /// # Errors
    /// It doesn't answer.
    pub fn is_primary(&self) -> Result<bool> {
        let role = self.ask(&["ROLE"])?;
        Ok(role.list().first().and_then(Reply::text) == Some("master"))
    }

    /// A clean shutdown.
    ///
    /// # Errors
    /// It isn't running, or takes too long and is killed.
    pub fn stop(&mut self) -> Result<()> {
        self.slot.stop(Signal::TERM, STOPPED_WITHIN)
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// It isn't running.
    pub fn kill(&mut self) -> Result<()> {
        self.slot.kill()
    }

    /// SIGSTOP: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// It isn't running.
    pub fn pause(&self) -> Result<()> {
        self.slot.send(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// It isn't running.
    pub fn resume(&self) -> Result<()> {
        self.slot.send(Signal::CONT)
    }
}

pub(crate) fn settings(durability: Durability) -> String {
    let on_disk = match durability {
        Durability::Quick => "appendonly no",
        Durability::Durable => "appendonly yes\nappendfsync always",
    };
    // Without the delay a replica waits 5 s for others that might want the same copy.
    format!("{on_disk}\nsave \"\"\nrepl-diskless-sync-delay 0\n")
}

/// Is it this very process that answers on the port, and has it read its data?
fn serves(port: u16, pid: u32) -> bool {
    let answers = || -> Result<bool> {
        let info = resp::ask(port, &["INFO", "server"])?;
        let is_ours = lines(&info).any(|line| line == format!("process_id:{pid}"));
        Ok(is_ours && resp::ask(port, &["PING"])? == Reply::Text("PONG".to_owned()))
    };
    answers().unwrap_or(false)
}

/// How far a replica has come, from a line `slave0:ip=…,port=…,state=online,offset=1234,lag=0`.
fn copied_by_replica(line: &str) -> Option<u64> {
    let (name, fields) = line.split_once(':')?;
    name.strip_prefix("slave")?.parse::<u32>().ok()?;
    fields.split(',').find_map(|field| field.strip_prefix("offset=")?.parse().ok())
}

/// The lines of a text.
pub(crate) fn lines(reply: &Reply) -> impl Iterator<Item = &str> {
    reply.text().unwrap_or_default().lines()
}
