//! The port that a node serves on.

use std::net::TcpListener;

use super::StartError;

/// Opens it.
///
/// # Errors
/// [`StartError::PortInUse`], [`StartError::Listen`].
pub(super) fn listen(host: &str, port: u16) -> Result<TcpListener, StartError> {
    let place = format!("{host}:{port}");
    let bind = || -> std::io::Result<TcpListener> {
        let address = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.next();
        let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            None,
        )?;
        socket.set_reuse_address(true)?; // a restart need not wait for old connections to be forgotten
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(socket.into())
    };
    bind().map_err(|err| match err.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortInUse(place),
        _ => StartError::Listen(place, err),
    })
}
