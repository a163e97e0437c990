//! Every service: it starts, answers, and comes back from what is done to it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod kafka;
mod postgres;
mod redis;
mod up;
