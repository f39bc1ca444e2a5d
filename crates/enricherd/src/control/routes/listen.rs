//! TCP ports at which routers reach us, opened again and again until they are free.
//!
//! Not here: what is said on a connection (`bgp`, `bmp`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that wait to be taken.
const BACKLOG: i32 = 64;
/// A peer that answers no probe for so long is gone.
const PROBE_AFTER: Duration = Duration::from_secs(60);
/// Between two probes; three of them go unanswered.
const PROBE_INTERVAL: Duration = Duration::from_secs(20);

/// How long to wait before a port is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// Opens a port; `prepare` may set options before it listens.
pub(super) fn listen(
    address: SocketAddr,
    prepare: impl Fn(&Socket, bool) -> io::Result<()>,
) -> io::Result<TcpListener> {
    match open(address, &prepare) {
        // A host without IPv6.
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() => {
            let ipv4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            open(ipv4, &prepare).map_err(|_| error)
        }
        opened => opened,
    }
}

fn open(
    address: SocketAddr,
    prepare: &impl Fn(&Socket, bool) -> io::Result<()>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare(&socket, address.is_ipv6())?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Has the kernel find out whether a silent peer is still there.
pub(super) fn probe(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_INTERVAL)
        .with_retries(3);
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive) {
        tracing::warn!("live routes: a dead router may be noticed late: {error}");
    }
}
