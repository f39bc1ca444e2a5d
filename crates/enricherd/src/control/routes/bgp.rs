//! Sockets of BGP sessions: whoever connects to us, and those whom we connect to.
//!
//! Not here: what is said (`routefeed::bgp`), what comes of it (`hub`).
//! Bound: two connections for each configured peer; a stranger is told so and closed.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use routefeed::bgp::nlri::{Families, Family};
use routefeed::bgp::peer::Begun;
use routefeed::bgp::session::{Session, State, Terms};
use routefeed::bgp::{Fault, FaultKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::hub::Hub;
use super::listen::{RETRY, listen};
use super::remedy;
use crate::config::{AddressFamily, BgpPeer};
use crate::io::tcp_md5;

/// Octets that are read at once.
const READ_OCTETS: usize = 64 << 10;
/// How long a peer may take to read what little we say [RFC 9687].
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether it is time to connect.
const CONNECT_STEP: Duration = Duration::from_millis(500);

/// Takes connections of all peers, for ever, or until their configuration changes.
pub(super) async fn hear(hub: &Rc<RefCell<Hub>>, address: IpAddr) {
    let peers: Vec<BgpPeer> = hub
        .borrow()
        .peers
        .values()
        .map(|book| book.settings.clone())
        .collect();
    if peers.is_empty() {
        return std::future::pending().await;
    }
    let address = SocketAddr::new(address, hub.borrow().bgp.port);
    let mut has_failed = false;
    let listener = loop {
        let sign_all = |socket: &socket2::Socket, is_ipv6| sign(socket, &peers, is_ipv6);
        match listen(address, sign_all) {
            Ok(listener) => break listener,
            Err(error) if !has_failed => {
                has_failed = true;
                let error = remedy(&error, "enrichment.bgp_port");
                tracing::error!("BGP at {address} (TCP): {error}; routers cannot connect to us");
            }
            Err(_) => {}
        }
        sleep(RETRY).await;
    };
    tracing::info!("BGP: {} peers, listening at {address} (TCP)", peers.len());
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let peer = from.ip().to_canonical();
                tokio::task::spawn_local(converse(Rc::clone(hub), peer, stream, Begun::ByPeer));
            }
            // Out of files, or the peer is gone already: others may come.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Has segments of those peers signed that have a password. A password that cannot be read makes
/// sessions of that peer fail, which is said, and no other.
fn sign(socket: &socket2::Socket, peers: &[BgpPeer], is_ipv6: bool) -> io::Result<()> {
    for peer in peers {
        match password(peer) {
            Ok(None) => {}
            Ok(Some(password)) => tcp_md5::sign(socket, peer.address, is_ipv6, &password)?,
            Err(fault) => tracing::error!("BGP with {}: {fault}", peer.address),
        }
    }
    Ok(())
}

/// Returns the password of a peer: the first line of its file.
fn password(peer: &BgpPeer) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = &peer.password_file else {
        return Ok(None);
    };
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text
        .split(|octet| *octet == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.len() > tcp_md5::PASSWORD_OCTETS_MAX {
        return Err(format!(
            "{}: its first line is to be a password of 1 to {} octets",
            path.display(),
            tcp_md5::PASSWORD_OCTETS_MAX
        ));
    }
    Ok(Some(line.to_vec()))
}

/// Connects to each peer that does not begin itself, whenever there is no connection with it and it
/// is time.
pub(super) async fn connect_all(hub: &Rc<RefCell<Hub>>) {
    loop {
        for settings in hub.borrow_mut().take_due() {
            tokio::task::spawn_local(connect_once(Rc::clone(hub), settings));
        }
        sleep(CONNECT_STEP).await;
    }
}

async fn connect_once(hub: Rc<RefCell<Hub>>, settings: BgpPeer) {
    let peer = settings.address.to_canonical();
    let tried = timeout(CONNECT_PATIENCE, connect(&settings)).await;
    let no_answer = || Err(format!("no answer at port {}", settings.port));
    if !hub.borrow_mut().has_tried(&settings) {
        return;
    }
    match tried.unwrap_or_else(|_| no_answer()) {
        Ok(stream) => converse(hub, peer, stream, Begun::ByUs).await,
        Err(fault) => hub.borrow_mut().unreachable(peer, fault),
    }
}

async fn connect(settings: &BgpPeer) -> Result<TcpStream, String> {
    let to = SocketAddr::new(settings.address, settings.port);
    let open = || match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = open().map_err(|error| error.to_string())?;
    if let Some(password) = password(settings)? {
        tcp_md5::sign(&socket, settings.address, to.is_ipv6(), &password)
            .map_err(|error| format!("TCP-MD5: {error}"))?;
    }
    let stream = socket.connect(to).await;
    stream.map_err(|error| format!("port {}: {error}", settings.port))
}

/// Speaks with a peer until it is over.
async fn converse(hub: Rc<RefCell<Hub>>, peer: IpAddr, mut stream: TcpStream, begun: Begun) {
    let our_identifier = identifier(&stream);
    let begun = hub
        .borrow_mut()
        .begin(peer, begun, our_identifier.to_bits());
    let (id, wake) = match begun {
        Ok(begun) => begun,
        Err(refusal) => {
            let notification = Fault::of(refusal).notification();
            // A stranger that does not read it is closed as well.
            drop(timeout(WRITE_PATIENCE, stream.write_all(&notification)).await);
            drop(stream.shutdown().await);
            return;
        }
    };
    let mut session = {
        let hub = hub.borrow();
        let Some(book) = hub.peers.get(&peer) else {
            return;
        };
        Session::new(terms(&hub, &book.settings, our_identifier), hub.now_ms())
    };
    drop(stream.set_nodelay(true));
    speak(&hub, peer, id, &mut session, &mut stream, &wake).await;
    drop(stream.shutdown().await);
}

fn terms(hub: &Hub, peer: &BgpPeer, our_identifier: Ipv4Addr) -> Terms {
    let families: Vec<Family> = peer
        .families
        .iter()
        .map(|family| match family {
            AddressFamily::Ipv4 => Family::Ipv4,
            AddressFamily::Ipv6 => Family::Ipv6,
        })
        .collect();
    Terms {
        our_asn: hub.bgp.asn,
        our_identifier,
        peer_asn: peer.asn,
        hold_time_s: u16::try_from(peer.hold_time.as_secs()).unwrap_or(u16::MAX),
        families: Families::from_list(&families),
    }
}

async fn speak(
    hub: &Rc<RefCell<Hub>>,
    peer: IpAddr,
    id: u64,
    session: &mut Session,
    stream: &mut TcpStream,
    wake: &Notify,
) {
    let mut octets = vec![0; READ_OCTETS];
    loop {
        let output = session.output();
        let written = timeout(WRITE_PATIENCE, stream.write_all(&output)).await;
        let tell = &mut |happening: routefeed::bgp::session::Happening<'_>| {
            hub.borrow_mut().happened(peer, id, happening);
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => session.lost(&error.to_string(), tell),
            Err(_) => session.lost("the peer does not read", tell),
        }
        if session.state() == State::Over {
            return;
        }
        let now_ms = hub.borrow().now_ms();
        let wait = Duration::from_millis(session.due_ms().saturating_sub(now_ms));
        let read = tokio::select! {
            read = stream.read(&mut octets) => Some(read),
            () = wake.notified() => None,
            () = sleep(wait) => None,
        };
        let now_ms = hub.borrow().now_ms();
        match read {
            Some(Ok(0)) => session.lost("the peer closed the connection", tell),
            Some(Ok(count)) => {
                session.take(octets.get(..count).unwrap_or_default(), now_ms, tell);
            }
            Some(Err(error)) => session.lost(&error.to_string(), tell),
            None => {}
        }
        session.tick(now_ms, tell);
        let numbers = (session.counters(), session.families(), session.hold_ms());
        let stop: Option<FaultKind> = hub.borrow_mut().keep(peer, id, numbers);
        if let Some(kind) = stop {
            session.stop(kind, tell);
        }
    }
}

/// Returns our BGP Identifier on a connection: our address; of an IPv6 address a number made of it
/// [RFC 6286 §2.1 asks for no more than that it is not 0].
fn identifier(stream: &TcpStream) -> Ipv4Addr {
    match stream.local_addr().map(|local| local.ip().to_canonical()) {
        Ok(IpAddr::V4(ipv4)) if !ipv4.is_unspecified() => ipv4,
        Ok(IpAddr::V6(ipv6)) => {
            let bits = ipv6.segments().iter().fold(0_u32, |sum, segment| {
                sum.rotate_left(5).wrapping_mul(0x9E37_79B1) ^ u32::from(*segment)
            });
            Ipv4Addr::from_bits(bits | 1)
        }
        _ => Ipv4Addr::new(192, 0, 2, 1),
    }
}
