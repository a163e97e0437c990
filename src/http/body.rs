//! Bodies of requests.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::rpc::read_object;

/// What a body's object holds. serde by itself would take a list of its values in their order for one.
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(json)?;
        let it = read_object(json.get().as_bytes());
        it.map(Self).map_err(|code| D::Error::custom(code.name()))
    }
}
