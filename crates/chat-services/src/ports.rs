//! Ports that are free.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::error::{Error, Result};

/// Below 32768, where the kernel begins to give ports to outgoing connections: one of those, on its way to
/// a service that is down, could be given the service's own port and keep it from coming back.
const RANGE: std::ops::Range<u16> = 10_000..32_000;
/// Draws for one port before there is none.
const DRAWS_MAX: u32 = 1000;
/// Starts on other ports before somebody else has to look why.
const STARTS_MAX: u32 = 5;

/// What this process has drawn: a service may not listen yet when the next one draws.
static DRAWN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 on which nobody listens and which this function hasn't given to anyone else in this
/// process. Another process may take it first: whoever listens must be ready to draw again.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16> {
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..DRAWS_MAX {
        let port = fastrand::u16(RANGE);
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if !drawn.contains(&port) && free() {
            drawn.insert(port);
            return Ok(port);
        }
    }
    Err(Error::Refused { asked: "a free port".to_owned(), answer: "all are in use".to_owned() })
}

/// Starts something on `N` free ports, and on others if one of them was taken meanwhile.
///
/// # Errors
/// What `start` fails with.
pub(crate) fn on_free_ports<const N: usize, T>(
    mut start: impl FnMut([u16; N]) -> Result<T>,
) -> Result<T> {
    let mut starts = 0;
    loop {
        starts += 1;
        let mut ports = [0; N];
        for port in &mut ports {
            *port = free_port()?;
        }
        match start(ports) {
            Err(Error::AddressInUse { .. }) if starts < STARTS_MAX => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_drawn_again() {
        let mut tried = Vec::new();
        let started = on_free_ports(|[port]| {
            tried.push(port);
            match tried.len() {
                1 => Err(Error::AddressInUse { service: "a service".to_owned() }),
                _ => Ok(port),
            }
        });
        assert_eq!(started.unwrap(), tried[1]);
        assert_ne!(tried[0], tried[1]);
    }

    #[test]
    fn it_gives_up_when_every_port_is_taken() {
        let mut starts = 0;
        let started: Result<()> = on_free_ports(|_: [u16; 2]| {
            starts += 1;
            Err(Error::AddressInUse { service: "a service".to_owned() })
        });
        assert!(matches!(started, Err(Error::AddressInUse { .. })));
        assert_eq!(starts, STARTS_MAX);
    }
}
