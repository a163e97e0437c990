//! The ports' contracts: each promise is one test, run on every adapter.
//!
//! A suite knows an adapter only as a [`Subject`]; a new adapter adds its subject and one line per suite.

pub mod bus;
pub mod journal;
pub mod kafka;
pub mod log_model;
mod nodes;
pub mod postgres;
pub mod redis;
pub mod sqlite;
pub mod store;
mod tailed;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_protocol::Event;
use chat_server::clock::Clock;
use chat_server::store::{Log, Store};

/// A store that is the log itself.
pub trait LogStore: Store + Log {}
impl<T: Store + Log> LogStore for T {}

/// An adapter under test.
#[async_trait]
pub trait Subject: Send {
    fn store(&self) -> Arc<dyn LogStore>;
    fn clock(&self) -> &FakeClock;

    /// The events that were handed on since the last start, in order.
    fn handed_on(&self) -> Vec<Arc<Event>>;

    /// Ends it in good order and starts it again on the same data.
    async fn restart(&mut self);

    /// Starts it again on the data as they were at this moment, as after a power cut.
    async fn crash(&mut self);
}

/// Makes one test of each promise of a suite, on each adapter: `adapter: subject;` line by line, then the promises.
macro_rules! promises {
    (@ $known:tt $adapter:ident: $subject:expr; $($rest:tt)*) => {
        promises! { @ ($known $adapter: $subject) $($rest)* }
    };
    (@ ($known:tt $adapter:ident: $subject:expr) $($name:ident)*) => {
        mod $adapter {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&mut $subject).await;
                }
            )*
        }
        promises! { @ $known $($name)* }
    };
    (@ () $($name:ident)*) => {};
    ($($suite:tt)*) => {
        promises! { @ () $($suite)* }
    };
}
pub(crate) use promises;

/// Where adapters leave what they hand on.
pub type HandedOn = Arc<Mutex<Vec<Arc<Event>>>>;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct FakeClock(AtomicU64);

impl FakeClock {
    /// Starts in November 2025.
    pub fn start() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_764_000_000_000)))
    }

    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms()
    }
}
