//! Scalable Chat. ARCHITECTURE.md is the map.

pub mod actors;
pub mod app;
pub mod backoff;
pub mod bus;
pub mod clock;
pub mod config;
pub mod domain;
pub mod faults;
pub mod http;
pub mod journal;
pub mod lifecycle;
pub mod metrics;
pub mod mutants;
pub mod nodes;
pub mod store;
pub mod telemetry;
pub mod tokens;
