//! Real services for tests, dev clusters and fault harnesses: each a child process of the caller, in a
//! private folder, on a free port of 127.0.0.1, without Docker.
//!
//! A value is a running service. Dropping it, by a panic too, ends the processes and removes the folder;
//! if the whole process ends instead, however it may, a small watcher does the same. So a service may also
//! live in a `static`. Each can be killed, paused and started again where it was.
//!
//! Every call blocks, and every wait has a deadline.

mod error;
mod folder;
mod kafka;
mod keeper;
mod parallel;
mod ports;
mod postgres;
mod processes;
mod programs;
mod redis;
mod server;
mod slot;
mod wait;

pub use error::{Error, Result};
pub use kafka::topics::Partition;
pub use kafka::{Broker, Kafka};
pub use ports::free_port;
pub use postgres::Postgres;
pub use redis::Redis;
pub use redis::cluster::RedisCluster;
pub use redis::resp::Reply;
pub use redis::sentinel::Sentinel;

/// What a service still knows after its process, or the machine, was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As quick as it gets: nothing is forced to the disk, and what was said before a kill may be gone.
    /// For every test that kills nothing.
    Quick,
    /// What was acknowledged is on the disk. For whatever kills, or measures.
    Durable,
}
