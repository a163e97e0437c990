//! What the server has subscribed a connection to, as a connect reply says it: a map by channel, with its entries written
//! out. In an entry of prost's own maps what is empty is left out, and an SDK takes what isn't there for null.

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Deserializer, Serializer};

use super::messages::SubscribeResult;

/// An entry.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sub {
    #[prost(string, tag = "1")]
    pub channel: String,
    #[prost(message, optional, tag = "2")]
    pub result: Option<SubscribeResult>,
}

/// In JSON, an object.
pub fn serialize<S: Serializer>(subs: &[Sub], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(subs.iter().map(|it| (&it.channel, &it.result)))
}

/// The entries of an object.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sub>, D::Error> {
    let map = BTreeMap::<String, SubscribeResult>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(channel, it)| Sub { channel, result: Some(it) }).collect())
}
