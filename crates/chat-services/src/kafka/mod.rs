//! Kafka, without ZooKeeper: every broker is a controller too.

pub(crate) mod home;
pub(crate) mod topics;
mod wire;

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use self::home::Home;
use crate::error::{Error, Result, Tried};
use crate::folder::Folder;
use crate::server::{End, Plan};
use crate::slot::Slot;
use crate::{keeper, parallel, ports};

/// Most brokers of a cluster.
const BROKERS_MAX: usize = 3;
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// What a broker logs once it takes part.
const READY: &str = "Kafka Server started";

/// A cluster. Its brokers can be killed, paused and started again one by one.
#[derive(Debug)]
pub struct Kafka {
    pub brokers: Vec<Broker>,
}

/// One broker. Its data survives a kill of the process; against the loss of the machine Kafka has replicas.
#[derive(Debug)]
pub struct Broker {
    slot: Slot,
    port: u16,
    folder: Folder,
    home: Home,
}

impl Kafka {
    /// A new, empty cluster of 1 or 3 brokers, when all take part; 2 to 6 s. The first time of all it is fetched
    /// by Maven, and says so on the standard error.
    ///
    /// # Errors
    /// Java or Maven isn't installed; it can't be fetched, or doesn't start; another number of brokers.
    pub fn start(brokers: usize) -> Result<Self> {
        if ![1, BROKERS_MAX].contains(&brokers) {
            let asked = format!("a Kafka cluster of {brokers}");
            return Err(Error::Refused { asked, answer: "1 or 3 are possible".to_owned() });
        }
        let home = Home::ready()?;
        // All have to know where the others are before the first one starts.
        let brokers = ports::on_free_ports(|ports: [u16; 2 * BROKERS_MAX]| {
            let (clients, controllers) = ports.split_at(BROKERS_MAX);
            let controllers = &controllers[..brokers];
            parallel::all(brokers, |i| Broker::start(&home, i, clients[i], controllers))
        })?;
        Ok(Self { brokers })
    }

    /// `127.0.0.1:PORT,…`, of all brokers.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.brokers.iter().map(Broker::address).collect();
        addresses.join(",")
    }
}

impl Broker {
    fn start(home: &Home, index: usize, port: u16, controllers: &[u16]) -> Result<Self> {
        let folder = keeper::folder("kafka")?;
        let data = folder.join("data");
        home.format(&data, node_id(index))?;
        let settings =
            settings(index, port, controllers) + &format!("log.dirs={}\n", data.display());
        let path = folder.join("server.properties");
        fs::write(&path, settings).tried(|| format!("can't write {}", path.display()))?;
        let slot = Slot::new(format!("Kafka on port {port}"));
        let mut broker = Self { slot, port, folder, home: home.clone() };
        broker.start_again()?;
        Ok(broker)
    }

    /// Starts it where it was. After a kill the controllers let it in only when they have noticed that it was
    /// gone, 2 s after it went.
    ///
    /// # Errors
    /// It doesn't start, or runs already; too few of the others run.
    pub fn start_again(&mut self) -> Result<()> {
        let command = self.home.broker(&self.folder.join("server.properties"))?;
        let plan = Plan { command, log: self.folder.join("log"), end: End::Kill };
        self.slot.start(plan, READY_WITHIN, |server| Ok(server.said().contains(READY)))
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

    /// A clean shutdown: it hands over what it leads.
    ///
    /// # Errors
    /// It isn't running; it takes longer than a minute, as it may when too few others run, and is killed.
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

/// What the cluster calls a broker; 0 would do, but is what an unset number looks like.
fn node_id(index: usize) -> usize {
    index + 1
}

/// How many have to have what is acknowledged: of three, one may be gone.
fn in_sync_min(replicas: usize) -> usize {
    replicas.div_ceil(2)
}

fn settings(index: usize, port: u16, controllers: &[u16]) -> String {
    let own = controllers[index];
    let voters: Vec<_> = (controllers.iter().enumerate())
        .map(|(i, port)| format!("{}@127.0.0.1:{port}", node_id(i)))
        .collect();
    let replicas = controllers.len();
    let in_sync_min = in_sync_min(replicas);
    let settings = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", node_id(index).to_string()),
        ("controller.quorum.voters", voters.join(",")),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("listeners", format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{own}")),
        ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
        // How soon a broker that is silent counts as gone.
        ("broker.session.timeout.ms", "2000".to_owned()),
        ("broker.heartbeat.interval.ms", "500".to_owned()),
        // A record that was acknowledged is worth more than an answer.
        ("unclean.leader.election.enable", "false".to_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("transaction.state.log.num.partitions", "4".to_owned()),
        ("default.replication.factor", replicas.to_string()),
        ("offsets.topic.replication.factor", replicas.to_string()),
        ("transaction.state.log.replication.factor", replicas.to_string()),
        ("transaction.state.log.min.isr", in_sync_min.to_string()),
        ("share.coordinator.state.topic.replication.factor", replicas.to_string()),
        ("share.coordinator.state.topic.min.isr", in_sync_min.to_string()),
    ];
    settings.map(|(name, value)| format!("{name}={value}\n")).concat()
}
