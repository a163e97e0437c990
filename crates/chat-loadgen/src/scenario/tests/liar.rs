//! A server that stands before a good one and passes everything on, but for one lie.

use std::cmp::Ordering;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use memchr::memmem;

use crate::ws::{self, Frame, opcode};

/// The event, or answer, that the lie is about, counted from 1 on each connection.
const NTH: usize = 10;

/// What is done with the tenth event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    None,
    Drop,
    /// It and all that follow are dropped.
    Stop,
    Double,
    /// It comes after the one that follows it.
    Swap,
    /// Another letter in its text.
    Alter,
    /// The connection ends instead.
    Cut,
    /// The tenth answer to a send is dropped, not the event.
    KeepAck,
}

/// Who is lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Whoever connects last: a reader, because writers come first.
    One,
    Everyone,
}

/// Takes `connections` connections and passes each on to `honest`.
pub fn before(honest: SocketAddr, connections: usize, lie: Lie, told: Told) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (nth, client) in listener.incoming().take(connections).enumerate() {
            let (client, server) = (client.unwrap(), TcpStream::connect(honest).unwrap());
            let is_told = told == Told::Everyone || nth + 1 == connections;
            let lie = if is_told { lie } else { Lie::None };
            let up = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut &up.0, &mut &up.1));
            thread::spawn(move || {
                // An error is one of the sides leaving: so does the other, then.
                drop(pass_on(&server, &client, lie));
                for side in [&server, &client] {
                    drop(side.shutdown(Shutdown::Both));
                }
            });
        }
    });
    address
}

fn pass_on(mut server: &TcpStream, mut client: &TcpStream, lie: Lie) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut unread = Vec::new();
    let mut teller = Teller { lie, events: 0, acks: 0, held: Vec::new() };
    let mut is_upgraded = false;
    loop {
        let mut chunk = [0; 4096];
        let read = server.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        unread.extend_from_slice(&chunk[..read]);
        if !is_upgraded {
            let Some(head) = memmem::find(&unread, b"\r\n\r\n") else { continue };
            client.write_all(&unread[..head + 4])?;
            unread.drain(..head + 4);
            is_upgraded = true;
        }
        while let Some(frame) = Frame::at_start_of(&unread) {
            let payload = unread[frame.head..frame.total()].to_vec();
            unread.drain(..frame.total());
            let mut out = Vec::new();
            if !teller.tell(payload, &mut |payload| {
                ws::put_server_frame(&mut out, opcode::TEXT, payload);
            }) {
                return Ok(());
            }
            client.write_all(&out)?;
        }
    }
}

struct Teller {
    lie: Lie,
    events: usize,
    acks: usize,
    held: Vec<u8>,
}

impl Teller {
    /// Passes one frame of the honest server on as it pleases; `false`: it would rather go.
    fn tell(&mut self, mut payload: Vec<u8>, pass: &mut impl FnMut(&[u8])) -> bool {
        if payload.starts_with(br#"{"push""#) {
            self.events += 1;
        } else {
            self.acks += usize::from(memmem::find(&payload, br#""rpc""#).is_some());
            if self.lie != Lie::KeepAck || self.acks != NTH {
                pass(&payload);
            }
            return true;
        }
        match (self.lie, self.events.cmp(&NTH)) {
            (Lie::Drop, Ordering::Equal) => {}
            (Lie::Stop, order) if order.is_ge() => {}
            (Lie::Cut, Ordering::Equal) => return false,
            (Lie::Double, Ordering::Equal) => {
                pass(&payload);
                pass(&payload);
            }
            (Lie::Swap, Ordering::Equal) => self.held = payload,
            (Lie::Alter, Ordering::Equal) => {
                let at = memmem::find(&payload, b"xxx").unwrap();
                payload[at] = b'y';
                pass(&payload);
            }
            _ => {
                pass(&payload);
                if !self.held.is_empty() {
                    pass(&std::mem::take(&mut self.held));
                }
            }
        }
        true
    }
}
