//! Which cluster, which topic, and how clients of it are set up.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::SetUpError;

/// What a node must know of its Kafka.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Where to ask first: `host:port,…`
    pub brokers: String,
    /// The topic that is the log.
    pub topic: String,
    /// How many partitions the topic gets when it is made.
    pub partitions: u32,
    /// How many copies, when it is made.
    pub replication: u32,
    /// How many of the copies must have a record before it is acknowledged, when it is made.
    pub in_sync_min: u32,
    /// How long the topic keeps a record, when it is made; `None` for ever. Must be far longer than a projection may be
    /// away.
    pub retention_ms: Option<u64>,
    /// What the names of the consumer groups begin with; projections of one log that share work share it.
    pub group_prefix: String,
    /// Properties of librdkafka, given to every client: SASL, time-outs and the like.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic: "MESSAGES".to_owned(),
            partitions: 16,
            replication: 3,
            in_sync_min: 2,
            retention_ms: Some(7 * 24 * 60 * 60 * 1000),
            group_prefix: "chat".to_owned(),
            properties: BTreeMap::new(),
        }
    }
}

/// How this node wants it; an operator may know better.
const USUAL: &[(&str, &str)] = &[
    ("client.id", "scalable-chat"),
    ("socket.nagle.disable", "true"),
    // A broker that comes back is found within a second.
    ("reconnect.backoff.max.ms", "1000"),
    ("retry.backoff.max.ms", "500"),
];

const USUAL_OF_PRODUCER: &[(&str, &str)] = &[
    // Batches form by themselves while the one before is on its way.
    ("linger.ms", "0"),
    ("compression.type", "lz4"),
    // Must stay far below the skew that the fold accepts.
    ("delivery.timeout.ms", "10000"),
    // Full means that sends are `unavailable`.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("batch.size", BATCH_BYTES_MAX),
];

/// Kept well below what a topic takes at once, see `survey.rs`.
const BATCH_BYTES_MAX: &str = "262144";

const USUAL_OF_CONSUMER: &[(&str, &str)] = &[
    // A node that is gone is noticed within 10 s, one that comes within 1 s.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "1000"),
    // A record goes out as soon as it is there.
    ("fetch.min.bytes", "1"),
    ("fetch.error.backoff.ms", "100"),
    // What waits for a slow stream, per partition: either bound stops its fetching. Looked at again quickly: the default
    // second would be a hole in the traffic.
    ("queued.min.messages", "5000"),
    ("queued.max.messages.kbytes", "4096"),
    ("fetch.queue.backoff.ms", "5"),
    // Tells how far the log reaches.
    ("statistics.interval.ms", "1000"),
];

/// What the contract hangs on; refused among the properties.
const FIXED_OF_PRODUCER: &[(&str, &str)] = &[("enable.idempotence", "true"), ("acks", "all")];

const FIXED_OF_CONSUMER: &[(&str, &str)] = &[
    // Where a projection goes on is said by itself and by nobody else.
    ("enable.auto.commit", "false"),
    ("auto.offset.reset", "error"),
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    // Nobody's open transaction can stop the log.
    ("isolation.level", "read_uncommitted"),
    // What was damaged on its way or on a disk is not folded.
    ("check.crcs", "true"),
    ("enable.partition.eof", "false"),
];

/// Other names of what is fixed or is an option of its own.
const OURS: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "request.required.acks",
    "transactional.id",
    "group.id",
    "enable.auto.offset.store",
    "auto.commit.enable",
    "log.queue",
];

impl KafkaOptions {
    /// What every client needs.
    pub(super) fn client(&self) -> Result<ClientConfig, SetUpError> {
        self.layered(&[], &[])
    }

    pub(super) fn producer(&self) -> Result<ClientConfig, SetUpError> {
        self.layered(USUAL_OF_PRODUCER, FIXED_OF_PRODUCER)
    }

    /// A consumer in the group of a projection.
    pub(super) fn consumer(&self, projection: &str) -> Result<ClientConfig, SetUpError> {
        let mut config = self.layered(USUAL_OF_CONSUMER, FIXED_OF_CONSUMER)?;
        config.set("group.id", format!("{}-{projection}", self.group_prefix));
        Ok(config)
    }

    fn layered(
        &self,
        usual: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<ClientConfig, SetUpError> {
        let refused = self.properties.keys().find(|name| is_ours(name));
        if let Some(name) = refused {
            return Err(SetUpError::Property(name.clone()));
        }
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in USUAL.iter().chain(usual) {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config.set("bootstrap.servers", &self.brokers);
        Ok(config)
    }
}

fn is_ours(name: &str) -> bool {
    let fixed = FIXED_OF_PRODUCER.iter().chain(FIXED_OF_CONSUMER).map(|(name, _)| *name);
    fixed.chain(OURS.iter().copied()).any(|ours| ours == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, value: &str) -> KafkaOptions {
        let properties = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        KafkaOptions { properties, ..KafkaOptions::default() }
    }

    #[test]
    fn a_property_reaches_every_client_and_beats_what_is_usual() {
        let options = options("linger.ms", "3");
        let all = [options.client(), options.producer(), options.consumer("store")];
        for config in all.map(Result::unwrap) {
            assert_eq!(config.get("linger.ms"), Some("3"));
            assert_eq!(config.get("bootstrap.servers"), Some("127.0.0.1:9092"));
        }
    }

    #[test]
    fn what_the_contract_hangs_on_is_not_an_operators_to_set() {
        for name in ["acks", "request.required.acks", "auto.offset.reset", "group.id"] {
            let refused = options(name, "1").producer().map(|_| ());
            assert_eq!(refused, Err(SetUpError::Property(name.to_owned())));
        }
    }

    #[test]
    fn each_projection_has_a_group() {
        let config = KafkaOptions::default().consumer("store").unwrap();
        assert_eq!(config.get("group.id"), Some("chat-store"));
    }
}
