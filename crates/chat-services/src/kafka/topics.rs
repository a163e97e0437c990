//! Topics: made, and looked at.

use std::io;
use std::time::Duration;

use super::wire::{self, Answer, Api, Question};
use super::{Broker, Kafka, node_id};
use crate::error::{Error, Result, Tried};
use crate::wait;

const METADATA: Api = Api { key: 3, version: 4 };
const CREATE_TOPICS: Api = Api { key: 19, version: 2 };
/// A broker that is silent for this long is taken for paused.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
const MADE_WITHIN: Duration = Duration::from_secs(30);

/// A partition of a topic; brokers by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// None while nobody takes records for it.
    pub leader: Option<usize>,
    /// Those that have all that was acknowledged.
    pub in_sync: Vec<usize>,
}

impl Kafka {
    /// A new topic with a replica on every broker, as soon as all of them know who leads. Of three, two have to have a
    /// record before it is acknowledged. All brokers have to run.
    ///
    /// # Errors
    /// There is one of that name, or the cluster doesn't answer.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<()> {
        self.ask_any(|broker| broker.create_topic(name, partitions, self.brokers.len()))?;
        let has_leaders = |broker: &Broker| {
            let partitions = broker.partitions(name);
            partitions.is_ok_and(|all| all.iter().all(|partition| partition.leader.is_some()))
        };
        wait::until(
            || format!("every broker knows the topic {name}"),
            MADE_WITHIN,
            || Ok(self.brokers.iter().all(has_leaders).then_some(())),
        )
    }

    /// Every partition of a topic, in their order, as the first broker that answers knows them.
    ///
    /// # Errors
    /// There is no such topic, or no broker answers.
    pub fn partitions(&self, topic: &str) -> Result<Vec<Partition>> {
        self.ask_any(|broker| broker.partitions(topic))
    }

    fn ask_any<T>(&self, ask: impl Fn(&Broker) -> Result<T>) -> Result<T> {
        let mut last = Error::NotRunning { service: "Kafka".to_owned() };
        for broker in self.brokers.iter().filter(|broker| broker.pid().is_some()) {
            match ask(broker) {
                Err(error @ Error::Io { .. }) => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }
}

impl Broker {
    /// Every partition of a topic, in their order, as this broker knows them.
    ///
    /// # Errors
    /// It knows no such topic, or doesn't answer.
    pub fn partitions(&self, topic: &str) -> Result<Vec<Partition>> {
        let may_create = false;
        let question = Question::default().i32(1).text(topic).bool(may_create);
        let asked = || format!("{} doesn't tell of {topic}", self.slot.name());
        let mut answer = wire::ask(self.port, METADATA, question, TOLD_WITHIN).tried(asked)?;
        let (code, mut partitions) = partitions(&mut answer).tried(asked)?;
        check(code, || format!("the partitions of {topic}"))?;
        partitions.sort_by_key(|(number, _)| *number);
        Ok(partitions.into_iter().map(|(_, partition)| partition).collect())
    }

    fn create_topic(&self, name: &str, partitions: u16, replicas: usize) -> Result<()> {
        let in_sync_min = super::in_sync_min(replicas).to_string();
        let only_check = false;
        let question = Question::default()
            .i32(1)
            .text(name)
            .i32(partitions.into())
            .i16(replicas as i16)
            .i32(0) // no wishes for who has which
            .i32(1)
            .text("min.insync.replicas")
            .text(&in_sync_min)
            .i32(MADE_WITHIN.as_millis() as i32)
            .bool(only_check);
        let asked = || format!("{} doesn't make the topic {name}", self.slot.name());
        let mut answer = wire::ask(self.port, CREATE_TOPICS, question, MADE_WITHIN).tried(asked)?;
        let codes = created(&mut answer).tried(asked)?;
        codes.into_iter().try_for_each(|code| check(code, || format!("a new topic {name}")))
    }
}

/// The error code of the first topic, and its partitions with their numbers.
fn partitions(answer: &mut Answer) -> io::Result<(i16, Vec<(i32, Partition)>)> {
    let _throttled_ms = answer.i32()?;
    answer.list(|broker| {
        let _id = broker.i32()?;
        let _host = broker.text()?;
        let _port = broker.i32()?;
        broker.text() // its rack
    })?;
    let _cluster = answer.text()?;
    let _controller = answer.i32()?;
    let topics = answer.list(|topic| {
        let code = topic.i16()?;
        let _name = topic.text()?;
        let _is_internal = topic.bool()?;
        Ok((code, topic.list(partition)?))
    })?;
    topics.into_iter().next().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn partition(answer: &mut Answer) -> io::Result<(i32, Partition)> {
    let _code = answer.i16()?; // it has no leader, which is told below
    let number = answer.i32()?;
    let leader = index(answer.i32()?);
    let _replicas = answer.list(Answer::i32)?;
    let in_sync = answer.list(Answer::i32)?.into_iter().filter_map(index).collect();
    Ok((number, Partition { leader, in_sync }))
}

/// The error codes of the topics that were to be made.
fn created(answer: &mut Answer) -> io::Result<Vec<i16>> {
    let _throttled_ms = answer.i32()?;
    answer.list(|topic| {
        let _name = topic.text()?;
        let code = topic.i16()?;
        let _message = topic.text()?;
        Ok(code)
    })
}

/// The broker of that id, or none for the id of nobody.
fn index(id: i32) -> Option<usize> {
    usize::try_from(id).ok()?.checked_sub(node_id(0))
}

fn check(code: i16, asked: impl FnOnce() -> String) -> Result<()> {
    let answer = match code {
        0 => return Ok(()),
        3 => "no such topic".to_owned(),
        36 => "there is one".to_owned(),
        other => format!("error {other} of Kafka's protocol"),
    };
    Err(Error::Refused { asked: asked(), answer })
}
