//! Integration tests: ports against their contracts, one node against the protocol.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod cluster;
mod kit;
mod node;
mod ports;
