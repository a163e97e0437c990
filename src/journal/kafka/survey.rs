//! A look at the cluster before anything is promised: who answers, and whether the topic is there and can be the log. If
//! it isn't there, it is made.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::Durability;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::trouble::Trouble;
use super::{KafkaOptions, SetUpError, Topic};
use crate::clock::Clock;

/// How long brokers may take to answer for the first time, and a new topic to be led.
const WITHIN: Duration = Duration::from_secs(15);
/// How long one look at the cluster may take.
const LOOK: Duration = Duration::from_millis(500);
/// The least that a topic must take at once: a producer's batch and some more.
const MESSAGE_BYTES_MIN: u64 = 512 * 1024;

/// The setting that says whose time a record has. Every topic has it.
const STAMPED: &str = "message.timestamp.type";

/// What the cluster says about a topic.
struct Seen {
    partitions: u32,
    /// Of the partition that has the fewest.
    copies: usize,
    is_led: bool,
}

/// See the module. Blocks.
pub(super) struct Survey<'a> {
    options: &'a KafkaOptions,
    recorded: u32,
    /// How clients that change or describe something are set up: to Kafka's client they are producers.
    admin: ClientConfig,
    /// Asks without making the topic by asking.
    client: BaseConsumer<Trouble>,
    runtime: Handle,
}

impl<'a> Survey<'a> {
    pub(super) fn begin(
        options: &'a KafkaOptions,
        recorded: Option<u32>,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, SetUpError> {
        let client = options.client()?.create_with_context(Trouble::new(clock))?;
        let recorded = recorded.unwrap_or_default();
        Ok(Self { options, recorded, admin: options.producer()?, client, runtime })
    }

    /// Waits until any broker answers.
    pub(super) fn reach(&self) -> Result<(), SetUpError> {
        let deadline = Instant::now() + WITHIN;
        loop {
            if self.client.client().fetch_cluster_id(LOOK).is_some() {
                return Ok(());
            }
            while self.client.poll(Duration::ZERO).is_some() {}
            let told = self.client.context().last();
            if let Some((RDKafkaErrorCode::Authentication, why)) = told {
                return Err(SetUpError::NotLetIn { why });
            }
            if Instant::now() >= deadline {
                let brokers = self.options.brokers.clone();
                let why = told.map_or_else(|| "no answer".to_owned(), |(_, why)| why);
                return Err(SetUpError::Unreachable { brokers, within_s: WITHIN.as_secs(), why });
            }
        }
    }

    /// See [`Topic::ensure`].
    pub(super) fn ensure(&self) -> Result<Topic, SetUpError> {
        let seen = match self.look()? {
            Some(seen) => seen,
            None => {
                self.make()?;
                self.wait_until_led()?
            }
        };
        let name = self.options.topic.clone();
        if seen.partitions < self.recorded {
            let (there, recorded) = (seen.partitions, self.recorded);
            return Err(SetUpError::TooFewPartitions { topic: name, there, recorded });
        }
        let in_sync_min = self.check(&self.settings()?)?;
        let is_replicated = seen.copies >= 2 && in_sync_min >= 2;
        let durability = if is_replicated { Durability::Replicated } else { Durability::Broker };
        Ok(Topic { name, partitions: seen.partitions, durability })
    }

    /// `None`: there is no such topic.
    fn look(&self) -> Result<Option<Seen>, SetUpError> {
        let name = &self.options.topic;
        let metadata =
            self.client.fetch_metadata(Some(name), WITHIN).map_err(|err| self.unreachable(err))?;
        let Some(topic) = metadata.topics().iter().find(|it| it.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                return Ok(None);
            }
            Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
            Some(code) => return Err(not_allowed(format!("see the topic {name}"), code)),
        }
        let partitions = topic.partitions();
        Ok(Some(Seen {
            partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
            copies: partitions.iter().map(|it| it.replicas().len()).min().unwrap_or_default(),
            is_led: !partitions.is_empty() && partitions.iter().all(|it| it.leader() >= 0),
        }))
    }

    fn make(&self) -> Result<(), SetUpError> {
        let KafkaOptions { topic, partitions, replication, in_sync_min, retention_ms, .. } =
            self.options;
        let in_sync_min = in_sync_min.to_string();
        let retention_ms = retention_ms.map_or_else(|| "-1".to_owned(), |ms| ms.to_string());
        let partitions = (*partitions).max(self.recorded).max(1).cast_signed();
        let copies = TopicReplication::Fixed(replication.cast_signed());
        let new = [NewTopic::new(topic, partitions, copies)
            .set(STAMPED, "LogAppendTime")
            .set("cleanup.policy", "delete")
            .set("min.insync.replicas", &in_sync_min)
            .set("unclean.leader.election.enable", "false")
            .set("retention.ms", &retention_ms)];
        let admin: AdminClient<_> = self.admin.create()?;
        let asking = admin.create_topics(&new, &admin_options().operation_timeout(Some(WITHIN)));
        let answers = self.runtime.block_on(asking).map_err(|err| self.unreachable(err))?;
        match answers.into_iter().next() {
            Some(Ok(_)) => {
                tracing::info!(topic, partitions, replication, "topic made");
                Ok(())
            }
            Some(Err((_, code))) => self.not_made(code),
            None => self.not_made(RDKafkaErrorCode::Fail),
        }
    }

    fn not_made(&self, code: RDKafkaErrorCode) -> Result<(), SetUpError> {
        use RDKafkaErrorCode::{
            ClusterAuthorizationFailed, InvalidReplicationFactor, TopicAlreadyExists,
            TopicAuthorizationFailed,
        };
        let KafkaOptions { topic, replication, .. } = self.options;
        let why = match code {
            TopicAlreadyExists => return Ok(()), // another node was quicker
            TopicAuthorizationFailed | ClusterAuthorizationFailed => {
                return Err(not_allowed(format!("make the topic {topic}"), code));
            }
            InvalidReplicationFactor => {
                format!("{replication} copies need as many brokers; set kafka.replication")
            }
            other => other.to_string(),
        };
        Err(SetUpError::NotMade { topic: topic.clone(), why })
    }

    fn wait_until_led(&self) -> Result<Seen, SetUpError> {
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Some(seen) = self.look()?.filter(|seen| seen.is_led) {
                return Ok(seen);
            }
            if Instant::now() >= deadline {
                let (topic, why) =
                    (self.options.topic.clone(), "it was made, but nobody leads it".to_owned());
                return Err(SetUpError::NotMade { topic, why });
            }
            let _ = self.client.poll(Duration::from_millis(50)); // only errors come, which are kept
        }
    }

    /// Waits until a broker that is asked knows the topic: another node may have made it a moment ago.
    fn settings(&self) -> Result<ConfigResource, SetUpError> {
        let name = &self.options.topic;
        let admin: AdminClient<_> = self.admin.create()?;
        let asked = [ResourceSpecifier::Topic(name)];
        let deadline = Instant::now() + WITHIN;
        loop {
            let asking = admin.describe_configs(&asked, &admin_options());
            let answers = self.runtime.block_on(asking).map_err(|err| self.unreachable(err))?;
            let answer = answers.into_iter().next().unwrap_or(Err(RDKafkaErrorCode::Fail));
            if knows_topic(&answer) || Instant::now() >= deadline {
                let what = || format!("read the settings of the topic {name}");
                return answer.map_err(|code| not_allowed(what(), code));
            }
            let _ = self.client.poll(Duration::from_millis(50)); // only errors come, which are kept
        }
    }

    /// Checks what can't be otherwise, and returns how many copies must have a record before it is acknowledged.
    fn check(&self, settings: &ConfigResource) -> Result<u32, SetUpError> {
        let is =
            |name: &str| settings.get(name).and_then(|it| it.value.clone()).unwrap_or_default();
        let topic = self.options.topic.clone();
        let wrong = |setting, should_be, why| {
            let (topic, is) = (topic.clone(), is(setting));
            Err(SetUpError::Setting { topic, setting, is, should_be, why })
        };
        if is(STAMPED) != "LogAppendTime" {
            let why = "a record's time must be the log's own";
            return wrong(STAMPED, "LogAppendTime", why);
        }
        if is("cleanup.policy") != "delete" {
            let why = "compaction would leave one message of each room";
            return wrong("cleanup.policy", "delete", why);
        }
        if is("max.message.bytes").parse().is_ok_and(|bytes: u64| bytes < MESSAGE_BYTES_MIN) {
            return wrong("max.message.bytes", "1048588", "a batch of records would not fit");
        }
        if is("unclean.leader.election.enable") == "true" {
            tracing::warn!(topic, "unclean elections may lose acknowledged messages");
        }
        Ok(is("min.insync.replicas").parse().unwrap_or(1))
    }

    fn unreachable(&self, err: KafkaError) -> SetUpError {
        let (brokers, within_s) = (self.options.brokers.clone(), WITHIN.as_secs());
        SetUpError::Unreachable { brokers, within_s, why: err.to_string() }
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WITHIN))
}

fn not_allowed(what: String, code: RDKafkaErrorCode) -> SetUpError {
    SetUpError::NotAllowed { what, why: code.to_string() }
}

/// Does a broker that answers so know the topic? One that has only just heard of it may tell none of its settings.
fn knows_topic(answer: &Result<ConfigResource, RDKafkaErrorCode>) -> bool {
    match answer {
        Ok(settings) => settings.get(STAMPED).is_some(),
        Err(code) => *code != RDKafkaErrorCode::UnknownTopicOrPartition,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};

    use super::*;

    fn settings(names: &[&str]) -> Result<ConfigResource, RDKafkaErrorCode> {
        let entry = |name: &&str| ConfigEntry {
            name: (*name).to_owned(),
            value: Some("CreateTime".to_owned()),
            source: ConfigSource::Default,
            is_read_only: false,
            is_default: true,
            is_sensitive: false,
        };
        let specifier = OwnedResourceSpecifier::Topic("messages".to_owned());
        Ok(ConfigResource { specifier, entries: names.iter().map(entry).collect() })
    }

    // A crash run of a cluster found this: the second of three new nodes was told no settings of the topic that the first
    // had just made, took it for one that can't be the log, and ended.
    #[test]
    fn a_topic_is_judged_by_settings_that_are_told() {
        assert!(!knows_topic(&settings(&[])));
        assert!(!knows_topic(&Err(RDKafkaErrorCode::UnknownTopicOrPartition)));
        assert!(knows_topic(&settings(&["cleanup.policy", STAMPED])), "wrong, but told");
        assert!(knows_topic(&Err(RDKafkaErrorCode::TopicAuthorizationFailed)));
    }
}
