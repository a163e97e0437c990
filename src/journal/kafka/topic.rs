//! The topic that is the log.

use std::sync::Arc;

use chat_protocol::object::Durability;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::survey::Survey;
use super::{KafkaOptions, SetUpError};
use crate::clock::Clock;

/// A topic that can be the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub partitions: u32,
    /// What an acknowledgement by it is worth.
    pub durability: Durability,
}

impl Topic {
    /// Finds the topic, or makes it, and checks that it can be the log. `recorded` is the number of partitions that rooms
    /// were spread over so far, if any.
    ///
    /// # Errors
    /// [`SetUpError`], each with what to do.
    pub async fn ensure(
        options: &KafkaOptions,
        recorded: Option<u32>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetUpError> {
        let (options, runtime) = (options.clone(), Handle::current());
        let looked = spawn_blocking(move || {
            let survey = Survey::begin(&options, recorded, clock, runtime)?;
            survey.reach()?;
            survey.ensure()
        });
        looked.await.unwrap_or_else(|err| Err(SetUpError::NotReady(err.to_string())))
    }
}
