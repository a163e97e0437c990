//! The house rules as tests: what STYLE.md marks with [t], and the maps that must not rot.
//!
//! They read the tree as text. A rule whose files are missing fails: a check of nothing proves nothing.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod codes;
mod config;
mod layers;
mod lex;
mod maps;
mod metrics;
mod sizes;
mod source;
mod teeth;
mod words;
