//! A name server of the test's own, on loopback, that answers what the test wants.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicUsize;
use std::thread;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Names that are remembered in these tests.
const ROOM: usize = ASKING_MAX + 20;

/// A name server for `in-addr.arpa`.
struct Server {
    address: SocketAddr,
    questions: Arc<AtomicUsize>,
}

impl Server {
    /// Answers `host-D.example` for `A.B.C.D`, "no such name" where D is 0, nothing where D is 255.
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&questions);
        thread::spawn(move || {
            let mut octets = [0; 512];
            // The socket lives as long as the test's process.
            while let Ok((length, peer)) = socket.recv_from(&mut octets) {
                counter.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = answer(&octets[..length]) {
                    socket.send_to(&answer, peer).unwrap();
                }
            }
        });
        Self { address, questions }
    }

    fn asked_count(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    fn names(&self) -> ReverseDns {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections = vec![connection];
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        set(builder.options_mut());
        ReverseDns::with(OnceLock::from(Some(builder.build().unwrap())), ROOM)
    }
}

/// A DNS message [RFC 1035 §4.1] that answers a PTR question.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let digits = usize::from(question[12]);
    let last: u8 = std::str::from_utf8(&question[13..13 + digits])
        .ok()?
        .parse()
        .ok()?;
    let end = question[12..].iter().position(|octet| *octet == 0)? + 12 + 5;
    let mut message = question[..end].to_vec();
    let has_name = last != 0;
    message[2..12].copy_from_slice(&[
        0x81,
        if has_name { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(has_name),
        0,
        0,
        0,
        0,
    ]);
    if last == 255 {
        return None;
    }
    if has_name {
        let label = format!("host-{last}");
        message.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 90]);
        let mut name = vec![u8::try_from(label.len()).unwrap()];
        name.extend(label.bytes());
        name.extend(b"\x07example\x00");
        message.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        message.extend(name);
    }
    Some(message)
}

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 2, last).into()
}

#[tokio::test(flavor = "current_thread")]
async fn a_private_address_gets_its_name_and_is_asked_for_once() {
    let server = Server::start();
    let names = server.names();
    assert_eq!(names.known(address(7)), None, "nobody waits for it");
    let name = names.within(address(7), PATIENCE).await;
    assert_eq!(name.as_deref(), Some("host-7.example"));
    assert_eq!(names.known(address(7)), name, "the next report has it");
    assert_eq!(
        names
            .within("::ffff:10.1.2.7".parse().unwrap(), PATIENCE)
            .await,
        name
    );
    assert_eq!(server.asked_count(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn that_there_is_no_name_is_remembered_too() {
    let server = Server::start();
    let names = server.names();
    for _ in 0..3 {
        assert_eq!(names.within(address(0), PATIENCE).await, None);
    }
    assert_eq!(server.asked_count(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_silent_name_server_holds_nobody_up() {
    let server = Server::start();
    let names = server.names();
    assert_eq!(names.within(address(255), Duration::ZERO).await, None);
    assert_eq!(names.known(address(255)), None);
    assert_eq!(names.unasked_count(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_addresses_is_asked_for_within_bounds() {
    let server = Server::start();
    let names = server.names();
    let flood = (0..2 * u32::try_from(ROOM).unwrap()).map(|number| {
        // None of them ends with 255.
        IpAddr::V4(Ipv4Addr::from_bits(
            0x0a00_0000 + (number / 200) * 256 + number % 200,
        ))
    });
    let flood: Vec<_> = flood.collect();
    for address in &flood[..ASKING_MAX + 10] {
        assert_eq!(names.known(*address), None);
    }
    assert_eq!(names.unasked_count(), 10);
    let mut named = HashSet::new();
    for address in &flood {
        named.extend(names.within(*address, PATIENCE).await);
        let inner = names.0.as_ref().unwrap();
        assert!(inner.lock().len() <= ROOM);
    }
    assert_eq!(named.len(), 199, "all names but that of 0");
}

#[tokio::test(flavor = "current_thread")]
async fn switched_off_nobody_is_asked() {
    let names = ReverseDns::default();
    assert_eq!(names.known(address(7)), None);
    assert_eq!(names.within(address(7), PATIENCE).await, None);
}
