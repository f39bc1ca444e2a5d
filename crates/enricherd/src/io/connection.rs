//! A connection to a collector: opened, written to, watched and closed, plain or in TLS.
//!
//! Everything here may wait, so none of it is on the data path: each connection has a thread of
//! its own. Nothing waits for longer than [`STEP`] without asking whether to go on.
//!
//! Not here: what is written (`pipeline::streams`), files of keys (`io::tls`).
//! Bound: one socket, and what TLS keeps of two records.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{SockRef, TcpKeepalive};

use crate::config::{CollectorTls, Host};
use crate::io::tls;

/// How long the kernel is waited for at a time.
const STEP: Duration = Duration::from_millis(200);
/// How long one address of a collector may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long TLS may take to agree.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a collector may take to close after us.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// A silent connection is asked whether it lives after this long, and again each so often.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// What TLS takes at a time: one record [RFC 8446 §5.1].
const RECORD_OCTETS: usize = 16_384;

/// Where a collector is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its address or name.
    pub host: Host,
    /// Its TCP port.
    pub port: u16,
    /// Keys and certificates; `None`: without TLS.
    pub tls: Option<CollectorTls>,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    /// Whom it leads to.
    pub peer: SocketAddr,
    tls: Option<Box<ClientConnection>>,
}

/// A connection that broke while it was written to.
#[derive(Debug)]
pub struct Broken {
    /// Octets that were taken before; with TLS those of whole records.
    pub taken_octets: usize,
    /// Why, as the end of a sentence about the collector.
    pub why: String,
}

impl Connection {
    /// Opens a connection; `goes_on` is asked again and again whether to go on.
    ///
    /// # Errors
    /// What is in the way and what to do, as the end of a sentence about the collector.
    pub fn open(endpoint: &Endpoint, goes_on: &mut dyn FnMut() -> bool) -> Result<Self, String> {
        let secrets = endpoint.tls.as_ref();
        let secrets = secrets.map(|secrets| tls::client(secrets, &endpoint.host));
        let secrets = secrets.transpose()?;
        let (socket, peer) = connect(endpoint, goes_on)?;
        configure(&socket).map_err(|error| format!("the connection fails: {error}"))?;
        let mut connection = Self {
            socket,
            peer,
            tls: None,
        };
        if let Some((config, name)) = secrets {
            connection.shake_hands(config, name, goes_on)?;
        }
        Ok(connection)
    }

    fn shake_hands(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), String> {
        let mut tls = ClientConnection::new(config, name).map_err(|error| tls::meaning(&error))?;
        let begun = Instant::now();
        while tls.is_handshaking() {
            match tls.complete_io(&mut self.socket) {
                Ok(_) => {}
                Err(error) if is_wait(&error) => {
                    if begun.elapsed() > HANDSHAKE_PATIENCE || !goes_on() {
                        return Err(
                            "it accepts connections, but does not answer in TLS; look whether \
                             that port speaks TLS"
                                .to_owned(),
                        );
                    }
                }
                Err(error) => return Err(broken(&error)),
            }
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Sends octets; `goes_on` is asked again and again while nothing is taken.
    ///
    /// # Errors
    /// [`Broken`] if the connection is of no more use.
    pub fn send(&mut self, octets: &[u8], goes_on: &mut dyn FnMut() -> bool) -> Result<(), Broken> {
        let mut taken_octets = 0;
        while let Some(rest) = octets.get(taken_octets..).filter(|rest| !rest.is_empty()) {
            let taken = match &mut self.tls {
                None => write(&mut self.socket, rest, goes_on),
                Some(tls) => write_record(tls, &mut self.socket, rest, goes_on),
            };
            taken_octets += taken.map_err(|why| Broken { taken_octets, why })?;
        }
        Ok(())
    }

    /// Looks, without waiting, whether the collector closed the connection or refuses us.
    ///
    /// # Errors
    /// Why it is of no more use, as the end of a sentence about the collector.
    pub fn look(&mut self) -> Result<(), String> {
        let fails = |error: io::Error| broken(&error);
        self.socket.set_nonblocking(true).map_err(fails)?;
        let seen = match &mut self.tls {
            None => look_plain(&mut self.socket),
            Some(tls) => look_tls(tls, &mut self.socket),
        };
        self.socket.set_nonblocking(false).map_err(fails)?;
        seen
    }

    /// Closes the connection so that everything that was sent arrives [RFC 7011 §10.4.4].
    pub fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let begun = Instant::now();
            while tls.wants_write() && begun.elapsed() < CLOSE_PATIENCE {
                // Whatever goes wrong now: the end is near anyway.
                if tls
                    .write_tls(&mut self.socket)
                    .is_err_and(|error| !is_wait(&error))
                {
                    return;
                }
            }
        }
        let begun = Instant::now();
        let is_shut = self.socket.shutdown(std::net::Shutdown::Write).is_ok();
        let mut rest = [0; 1024];
        while is_shut && begun.elapsed() < CLOSE_PATIENCE {
            match self.socket.read(&mut rest) {
                Err(error) if is_wait(&error) => {}
                Ok(octets) if octets > 0 => {}
                _ => return,
            }
        }
    }
}

/// Tries each address that a name has.
fn connect(
    endpoint: &Endpoint,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<(TcpStream, SocketAddr), String> {
    let addresses: Vec<SocketAddr> = match &endpoint.host {
        Host::Address(address) => vec![SocketAddr::new(*address, endpoint.port)],
        Host::Name(name) => {
            let answers = (name.as_str(), endpoint.port).to_socket_addrs();
            let answers = answers.map_err(|error| {
                format!("its name has no address ({error}); look at the name, or at DNS")
            })?;
            answers.collect()
        }
    };
    let mut why = "its name has no address".to_owned();
    for address in addresses {
        if !goes_on() {
            break;
        }
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(socket) => return Ok((socket, address)),
            Err(error) => why = unreachable(&error),
        }
    }
    Err(why)
}

fn unreachable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "it refuses connections: nobody listens at that TCP port; start the collector there, \
             or name its port"
                .to_owned()
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            "it does not answer; look whether it is up and a firewall lets TCP to that port pass"
                .to_owned()
        }
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => {
            "there is no way to it; look at routes and interfaces".to_owned()
        }
        _ => format!("connecting to it fails: {error}"),
    }
}

fn configure(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(STEP))?;
    socket.set_write_timeout(Some(STEP))?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL).with_retries(3);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}

fn write(
    socket: &mut TcpStream,
    octets: &[u8],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<usize, String> {
    loop {
        match socket.write(octets) {
            Ok(taken) => return Ok(taken),
            Err(error) if is_wait(&error) && goes_on() => {}
            Err(error) => return Err(broken(&error)),
        }
    }
}

/// Writes one record of TLS, all of it.
fn write_record(
    tls: &mut ClientConnection,
    socket: &mut TcpStream,
    octets: &[u8],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<usize, String> {
    let record = octets.get(..RECORD_OCTETS).unwrap_or(octets);
    let taken = tls.writer().write(record).map_err(|error| broken(&error))?;
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(_) => {}
            Err(error) if is_wait(&error) && goes_on() => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(taken)
}

/// IPFIX goes one way: what a collector says means nothing but that it lives.
fn look_plain(socket: &mut TcpStream) -> Result<(), String> {
    let mut octets = [0; 1024];
    loop {
        match socket.read(&mut octets) {
            Ok(0) => return Err(CLOSED.to_owned()),
            Ok(_) => {}
            Err(error) if is_wait(&error) => return Ok(()),
            Err(error) => return Err(broken(&error)),
        }
    }
}

fn look_tls(tls: &mut ClientConnection, socket: &mut TcpStream) -> Result<(), String> {
    let mut octets = [0; 1024];
    loop {
        match tls.read_tls(socket) {
            Ok(0) => return Err(CLOSED.to_owned()),
            Ok(_) => {
                let state = tls.process_new_packets();
                let state = state.map_err(|error| tls::meaning(&error))?;
                while tls.reader().read(&mut octets).is_ok_and(|read| read > 0) {}
                if state.peer_has_closed() {
                    return Err(CLOSED.to_owned());
                }
            }
            Err(error) if is_wait(&error) => return Ok(()),
            Err(error) => return Err(broken(&error)),
        }
    }
}

const CLOSED: &str = "it closed the connection; look into its log";

/// Whether a step is over and nothing happened. A connection that timed out says something else.
fn is_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn broken(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(error) = inner {
        return tls::meaning(error);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => CLOSED.to_owned(),
        _ if is_wait(error) => "it takes nothing".to_owned(),
        _ => format!("the connection fails: {error}"),
    }
}
