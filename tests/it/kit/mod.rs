//! What tests of a whole node need: the real binary as a process, and clients that speak to it as anyone would.

mod client;
mod history;
pub mod raw;
mod rest;
mod server;
pub mod tokens;
pub mod wire;

use std::time::Duration;

pub use client::{Client, Refusal};
pub use rest::{Answer, Guest};
pub use server::{Server, Shell, binary};

/// How long anything that a test waits for may take: brokers that elect one of them on a busy machine have needed 20 s.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `future`; fails, saying what was awaited, when the deadline has passed.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("still not after {DEADLINE:?}: {what}"),
    }
}

/// Looks again and again until `look` gives something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(value) = look().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
