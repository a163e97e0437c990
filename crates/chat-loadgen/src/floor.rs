//! The floor: the least that this machine can do for the same bytes on the same sockets.
//!
//! One thread, one epoll loop, no durability, no checks, no parsing beyond finding what is echoed.
//! What a real server costs more than this is what its guarantees, and its code, cost.

mod commands;
mod connection;
mod fan_out;
mod room;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;

pub(crate) use serve::Floor;

/// How publications leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One `send` system call per delivery.
    Bare,
    /// What is queued for a connection during one turn of the loop leaves in one write.
    OneWrite,
}

/// Serves until the process is ended. The first line of output names the address.
///
/// # Errors
/// The port can't be bound, or epoll fails.
pub fn run(mode: Mode, port: u16) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let floor = Floor::bind(address, mode)?;
    println!("listening on {}", floor.address()?);
    floor.serve()
}
