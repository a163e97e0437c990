//! Tokens of a test's own making, signed as the server signs.

use chat_server::clock::{Clock, SystemClock};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::Server;

/// ms since the Unix epoch.
pub fn now_ms() -> u64 {
    SystemClock::start().now_ms()
}

/// A token under `secret`; `expires_s` in seconds since the Unix epoch.
pub fn sign(secret: &[u8], user: &str, expires_s: u64) -> String {
    let claims = json!({ "sub": user, "exp": expires_s, "iat": 0 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
}

impl Server {
    /// A token that this server takes for its own.
    pub fn token(&self, user: &str, expires_s: u64) -> String {
        sign(&std::fs::read(self.data_dir().join("secret")).unwrap(), user, expires_s)
    }
}
