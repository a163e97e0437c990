//! A socket with two holders: the connection that reads and writes it, and whoever may have to end that from outside.
//!
//! tokio lends a socket out or gives it away, but doesn't share it; a duplicate would do, and would cost every connection
//! a second file descriptor.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

/// See the module.
pub struct SharedStream(Rc<TcpStream>);

impl SharedStream {
    /// Takes a connection over, to be read and written by one task alone.
    pub fn new(stream: TcpStream) -> Self {
        Self(Rc::new(stream))
    }

    /// The socket, for whoever else wants to hold it.
    pub fn socket(&self) -> &Rc<TcpStream> {
        &self.0
    }
}

/// Tries until it isn't told to wait: readiness may be stale.
fn when_ready<T>(
    mut ready: impl FnMut() -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        ready!(ready())?;
        match attempt() {
            Err(err) if err.kind() == ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}

impl AsyncRead for SharedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0;
        let unfilled = buffer.initialize_unfilled();
        let read = when_ready(|| stream.poll_read_ready(cx), || stream.try_read(unfilled));
        read.map_ok(|n| buffer.advance(n))
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = &self.0;
        when_ready(|| stream.poll_write_ready(cx), || stream.try_write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // TCP has nothing to flush
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}
