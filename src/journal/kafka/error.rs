//! What keeps a node from using its Kafka, each with what to do about it.

use rdkafka::error::KafkaError;

/// Why Kafka can't be used as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    #[error("no Kafka broker of {brokers} answered within {within_s} s: {why}")]
    Unreachable { brokers: String, within_s: u64, why: String },
    #[error("Kafka doesn't let this node in: {why}; check the sasl properties in kafka.properties")]
    NotLetIn { why: String },
    #[error(
        "Kafka doesn't allow this node to {what}: {why}; grant it that, or let an operator do it"
    )]
    NotAllowed { what: String, why: String },
    #[error("kafka.properties can't set {0}: what a node promises depends on it")]
    Property(String),
    #[error("Kafka's client refuses its configuration: {0}")]
    Configuration(String),
    #[error("the topic {topic} can't be made: {why}")]
    NotMade { topic: String, why: String },
    #[error(
        "the topic {topic} has {there} partitions, but rooms were spread over {recorded}: is it the right topic, of \
         the right cluster?"
    )]
    TooFewPartitions { topic: String, there: u32, recorded: u32 },
    #[error("the topic {topic} has {setting}={is}: set it to {should_be}, since {why}")]
    Setting {
        topic: String,
        setting: &'static str,
        is: String,
        should_be: &'static str,
        why: &'static str,
    },
    #[error(
        "the clocks of this node and of a Kafka broker differ by {by_ms} ms: set them right, a time service does"
    )]
    Clock { by_ms: u64 },
    #[error("Kafka is there, but takes no records: {0}")]
    NotReady(String),
}

impl From<KafkaError> for SetUpError {
    fn from(err: KafkaError) -> Self {
        match err {
            KafkaError::ClientConfig(_, why, key, _) => {
                Self::Configuration(format!("{key}: {why}"))
            }
            other => Self::Configuration(other.to_string()),
        }
    }
}
