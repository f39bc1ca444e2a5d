//! Collectors that are reached over TLS: both sides prove who they are, and who cannot is refused
//! with a sentence that says what to change.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use enricherd::config::{CollectorTls, Config, Protocol as Carrier, TlsIdentity};
use enricherd::daemon::Daemon;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::message::{Head, PLAIN, PLAIN_CLONE, Protocol, appended_record, data, plain_record};
use crate::rig::{Collector, Exporter, Place};
use crate::stream_rig::{Connection, accept_socket, ends_of, first, is_templates, wait_stream};

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM.
pub(crate) struct Paper {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Signs a certificate for a name or address.
    pub(crate) fn paper(&self, name: &str) -> Paper {
        self.paper_with(name, |_| ())
    }

    fn paper_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Paper {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Paper {
            certificate: signed.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Writes its certificate to a file.
    pub(crate) fn file(&self, place: &Place, name: &str) -> PathBuf {
        let path = place.path(name);
        fs::write(&path, &self.pem).unwrap();
        path
    }

    /// What a collector needs that bears `paper` and lets in whom we signed.
    fn server(&self, paper: &Paper) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        let own = rustls::pki_types::CertificateDer::from_pem_slice(self.pem.as_bytes());
        roots.add(own.unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
        let certificate =
            rustls::pki_types::CertificateDer::from_pem_slice(paper.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(paper.key.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier.unwrap());
        let config = config.with_single_cert(vec![certificate.unwrap()], key);
        Arc::new(config.unwrap())
    }
}

impl Paper {
    pub(crate) fn files(&self, place: &Place, name: &str) -> TlsIdentity {
        let identity = TlsIdentity {
            certificate_file: place.path(&format!("{name}.pem")),
            key_file: place.path(&format!("{name}.key")),
        };
        fs::write(&identity.certificate_file, &self.certificate).unwrap();
        fs::write(&identity.key_file, &self.key).unwrap();
        identity
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn tls_config(place: &Place, collectors: &[SocketAddr], tls: CollectorTls) -> Config {
    let mut config = place.config(collectors, "listen_address: 127.0.0.1", "");
    config.forwarding.collectors[0].protocol = Carrier::Tls;
    config.forwarding.collectors[0].tls = Some(tls);
    config
}

#[test]
fn both_sides_prove_who_they_are_and_every_record_arrives() {
    let (place, authority) = (Place::new("tls"), Authority::new("A"));
    let (listener, address) = listener();
    let tls = CollectorTls {
        ca_file: authority.file(&place, "ca.pem"),
        identity: Some(authority.paper("enricher.example").files(&place, "own")),
        server_name: Some("collector.example".to_owned()),
    };
    let daemon = Daemon::start(tls_config(&place, &[address], tls)).unwrap();
    let server = authority.server(&authority.paper("collector.example"));
    let (socket, from) = accept_socket(&listener);
    let tls = ServerConnection::new(server).unwrap();
    let mut connection = Connection::new(StreamOwned::new(tls, socket), from);
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    assert!(is_templates(&connection.next().unwrap()));
    // Many records of TLS.
    let record = plain_record(5).repeat(5000);
    for number in 0..5 {
        let head = Head::new(Protocol::Ipfix, number * 5000);
        exporter.send(&data(head, PLAIN, &record));
        let mut records = 0;
        while records < 5000 {
            let (_, sets) = connection.next_data();
            assert_eq!(sets[0].0, PLAIN_CLONE);
            assert!(sets[0].1.chunks(20).all(|one| one == appended_record(5)));
            records += sets[0].1.len() / 20;
        }
    }
    let numbers = daemon.stop();
    assert!(connection.next().is_none(), "closed in good order");
    assert_eq!(ends_of(first(&numbers)), numbers.mediator.messages_out);
}

/// Lets one connection try to agree on TLS.
fn meet(listener: &TcpListener, server: &Arc<ServerConfig>) {
    let (mut socket, _) = accept_socket(listener);
    let mut tls = ServerConnection::new(Arc::clone(server)).unwrap();
    // Either side may refuse the other.
    while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
    drop(tls.complete_io(&mut socket));
}

/// Lets a collector and the daemon meet until the daemon says what is wrong; the other collector
/// gets everything meanwhile.
fn refused(
    name: &str,
    tls: impl FnOnce(&Place) -> CollectorTls,
    meets: impl Fn(&TcpListener),
    expected: &str,
) {
    let (place, other) = (Place::new(name), Collector::new());
    let (listener, address) = listener();
    let tls = tls(&place);
    let daemon = Daemon::start(tls_config(&place, &[address, other.address()], tls)).unwrap();
    meets(&listener);
    wait_stream(&daemon, expected, |stream| {
        stream
            .last_error
            .as_ref()
            .is_some_and(|error| error.contains(expected))
    });
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    exporter.send(&data(
        Head::new(Protocol::Ipfix, 0),
        PLAIN,
        &plain_record(1),
    ));
    other.next_data();
    let numbers = daemon.stop();
    assert_eq!(first(&numbers).counters.sent, 0, "nothing for a stranger");
    let udp = &numbers.targets[1].counters;
    let ends = ends_of(first(&numbers)) + udp.sent;
    assert_eq!(ends, numbers.mediator.messages_out);
}

#[test]
fn wrong_certificates_of_the_collector_are_refused_each_with_its_remedy() {
    let (authority, stranger) = (Authority::new("A"), Authority::new("B"));
    let renewed = Authority::new("A");
    let trusted = |place: &Place| CollectorTls {
        ca_file: authority.file(place, "ca.pem"),
        identity: Some(authority.paper("enricher.example").files(place, "own")),
        server_name: Some("collector.example".to_owned()),
    };
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    for (name, paper, expected) in [
        (
            "tls-stranger",
            stranger.paper("collector.example"),
            "signed by nobody in tls.ca_file",
        ),
        (
            "tls-renewed",
            renewed.paper("collector.example"),
            "another authority of the name",
        ),
        (
            "tls-name",
            authority.paper("other.example"),
            "set tls.server_name",
        ),
        (
            "tls-expired",
            authority.paper_with("collector.example", expired),
            "certificate has expired",
        ),
    ] {
        let server = authority.server(&paper);
        refused(name, trusted, |listener| meet(listener, &server), expected);
    }
}

#[test]
fn a_collector_that_does_not_know_us_is_understood() {
    let (authority, stranger) = (Authority::new("A"), Authority::new("B"));
    let server = authority.server(&authority.paper("collector.example"));
    let with = |place: &Place, identity| CollectorTls {
        ca_file: authority.file(place, "ca.pem"),
        identity,
        server_name: Some("collector.example".to_owned()),
    };
    let meets = |listener: &TcpListener| meet(listener, &server);
    let expected = "write tls.certificate_file and tls.key_file";
    refused("tls-nobody", |place| with(place, None), meets, expected);
    let unknown = |place: &Place| {
        let paper = stranger.paper("enricher.example").files(place, "own");
        with(place, Some(paper))
    };
    // Which alert a collector chooses is its own affair.
    refused("tls-unknown", unknown, meets, "our certificate");
}

#[test]
fn what_speaks_no_tls_and_files_that_are_none_are_named() {
    let authority = Authority::new("A");
    let plain = |listener: &TcpListener| {
        let (mut socket, _): (TcpStream, _) = accept_socket(listener);
        socket.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        drop(socket.read(&mut [0; 1000]));
    };
    let tls = |place: &Place| CollectorTls {
        ca_file: authority.file(place, "ca.pem"),
        identity: None,
        server_name: None,
    };
    refused("tls-plain", tls, plain, "does not speak TLS");
    let missing = |place: &Place| CollectorTls {
        ca_file: place.path("missing.pem"),
        ..tls(place)
    };
    refused("tls-missing", missing, |_| (), "tls.ca_file");
    let mixed = |place: &Place| {
        let (one, other) = (authority.paper("a"), authority.paper("b"));
        let paper = Paper {
            certificate: one.certificate,
            key: other.key,
        };
        CollectorTls {
            identity: Some(paper.files(place, "own")),
            ..tls(place)
        }
    };
    refused(
        "tls-mixed",
        mixed,
        |_| (),
        "is not the key of the certificate",
    );
}
