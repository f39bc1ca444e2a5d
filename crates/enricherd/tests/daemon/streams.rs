//! Collectors that are reached over a connection: all Messages in order, Templates first after each
//! connect, and whatever happens to the connection, the others and the books are right.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use enricherd::daemon::Daemon;
use enricherd::pipeline::streams::page::StreamState;
use enricherd::pipeline::target::Unsent;
use socket2::{Domain, Socket, Type};

use crate::message::{
    Head, PLAIN, PLAIN_CLONE, Protocol, WITH_AS, appended_record, data, plain_record,
    record_with_as, templates,
};
use crate::rig::{Collector, Exporter, Place, wait_for};
use crate::stream_rig::{
    accept, ends_of, first, is_templates, tcp_config, wait_connections, wait_stream,
};

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn every_record_arrives_once_and_exporters_are_told_apart_by_domain() {
    let place = Place::new("tcp-records");
    let (listener, address) = listener();
    let daemon = Daemon::start(tcp_config(&place, &[address], "")).unwrap();
    let mut connection = accept(&listener);
    let exporters = ["127.0.0.1:0", "127.0.0.2:0"].map(|own| Exporter::new(own, daemon.bound()));
    let mut domains = Vec::new();
    for (number, exporter) in (0..).zip(&exporters) {
        exporter.send_templates(Protocol::Ipfix);
        let head = Head::new(Protocol::Ipfix, 0);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
        let (message, sets) = connection.next_data();
        assert_eq!(sets, [(PLAIN_CLONE, appended_record(number))]);
        domains.push(message.header.unwrap().domain);
    }
    assert_eq!(domains[0], 7, "alone it keeps its domain");
    let head = Head::new(Protocol::Ipfix, 1);
    exporters[0].send(&data(head, WITH_AS, &record_with_as(0, 0)));
    let (message, sets) = connection.next_data();
    assert_eq!(sets, [(WITH_AS, record_with_as(15_169, 13_335))]);
    domains.push(message.header.unwrap().domain);
    domains.sort_unstable();
    domains.dedup();
    assert_eq!(domains.len(), 3, "the first is shown as another now");
    let numbers = daemon.stop();
    assert!(connection.next().is_none(), "the connection is closed");
    let target = first(&numbers);
    assert_eq!(ends_of(target), numbers.mediator.messages_out);
    assert_eq!(target.counters.unsent, [0; Unsent::ALL.len()]);
}

#[test]
fn each_connection_begins_with_templates_and_what_waited_follows() {
    let place = Place::new("tcp-again");
    let (listener, address) = listener();
    let daemon = Daemon::start(tcp_config(&place, &[address], "")).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    let mut connection = accept(&listener);
    exporter.send_templates(Protocol::Ipfix);
    for number in 0..3 {
        let head = Head::new(Protocol::Ipfix, number);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
        connection.next_data();
    }
    drop(connection);
    wait_stream(&daemon, "the end is noticed", |stream| {
        stream.last_error.is_some()
    });
    for number in 3..6 {
        let head = Head::new(Protocol::Ipfix, number);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
    }
    let mut connection = accept(&listener);
    let message = connection.next().unwrap();
    assert!(is_templates(&message), "{message}");
    for number in 3..6 {
        let (_, sets) = connection.next_data();
        assert_eq!(sets, [(PLAIN_CLONE, appended_record(number))]);
    }
    let numbers = daemon.stop();
    assert_eq!(ends_of(first(&numbers)), numbers.mediator.messages_out);
}

#[test]
fn what_is_not_ipfix_is_dropped_for_a_connection_and_not_for_others() {
    let (place, other) = (Place::new("tcp-v9"), Collector::new());
    let (listener, address) = listener();
    let config = tcp_config(&place, &[address, other.address()], "");
    let daemon = Daemon::start(config).unwrap();
    let mut connection = accept(&listener);
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    exporter.send(&data(Head::new(Protocol::V9, 1), PLAIN, &plain_record(1)));
    exporter.send(b"GET / HTTP/1.1\r\n\r\n");
    exporter.send_templates(Protocol::Ipfix);
    exporter.send(&data(
        Head::new(Protocol::Ipfix, 0),
        PLAIN,
        &plain_record(2),
    ));
    let (_, sets) = connection.next_data();
    assert_eq!(sets, [(PLAIN_CLONE, appended_record(2))]);
    for number in [1, 2] {
        let (octets, _) = other.next_data();
        let expected = [(PLAIN_CLONE, appended_record(number))];
        assert_eq!(crate::message::data_sets(&octets), expected);
    }
    let numbers = daemon.stop();
    let target = first(&numbers);
    let unsent = target.counters.unsent;
    assert_eq!(
        unsent[Unsent::NoTransport.index()],
        3 + 1,
        "with an announcement"
    );
    let udp = &numbers.targets[1].counters;
    assert_eq!(ends_of(target) + udp.sent, numbers.mediator.messages_out);
}

#[test]
fn a_reader_that_stops_costs_what_does_not_fit_and_the_others_nothing() {
    const RECORDS: usize = 2500;
    const EACH: u32 = 2500;
    let (place, other) = (Place::new("tcp-stalled"), Collector::new());
    let (listener, address) = listener();
    let addresses = [address, other.address()];
    let mut config = tcp_config(&place, &addresses, "max_packet_size: 65535");
    config.performance.queue_datagrams_max = 50;
    let daemon = Daemon::start(config).unwrap();
    let mut connection = accept(&listener);
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    other.next();
    let record = plain_record(9).repeat(RECORDS);
    let dropped = |daemon: &Daemon| {
        let unsent = first(&daemon.numbers()).counters.unsent;
        unsent[Unsent::QueueFull.index()]
    };
    let mut sent = 0;
    // The kernel's buffers take megabytes before the queue is full.
    while dropped(&daemon) < 20 {
        let head = Head::new(Protocol::Ipfix, sent * EACH);
        exporter.send(&data(head, PLAIN, &record));
        let (octets, _) = other.next_data();
        assert_eq!(crate::message::data_sets(&octets)[0].1.len(), RECORDS * 20);
        sent += 1;
    }
    // It reads again: what waited comes, then a gap as long as what was dropped.
    let mut records = 0;
    let mut came = |connection: &mut crate::stream_rig::Connection<_>| {
        let (message, sets) = connection.next_data();
        records += u64::try_from(sets[0].1.len() / 20).unwrap();
        message.header.unwrap().sequence
    };
    let waiting = |daemon: &Daemon| first(&daemon.numbers()).stream.as_ref().unwrap().waiting;
    while waiting(&daemon) > 0 {
        came(&mut connection);
    }
    // The worker finds room when it looks for it the next time.
    let mark = loop {
        let before = dropped(&daemon);
        let head = Head::new(Protocol::Ipfix, sent * EACH);
        exporter.send(&data(head, PLAIN, &record));
        sent += 1;
        wait_for(&daemon, "it is through", |numbers| {
            numbers.mediator.messages_in == u64::from(sent) + 1
        });
        if dropped(&daemon) == before {
            break (sent - 1) * EACH;
        }
    };
    while came(&mut connection) != mark {}
    let numbers = daemon.stop();
    assert!(connection.next().is_none());
    let target = first(&numbers);
    let lost = target.counters.unsent[Unsent::QueueFull.index()];
    assert!(lost >= 20);
    let udp = &numbers.targets[1].counters;
    assert_eq!(ends_of(target) + udp.sent, numbers.mediator.messages_out);
    assert_eq!(numbers.mediator.records.records, u64::from(mark + EACH));
    // What was dropped may be announcements too.
    assert!(records + lost * u64::from(EACH) >= numbers.mediator.records.records);
    assert!(records < numbers.mediator.records.records);
}

#[test]
fn a_refused_port_is_said_and_tried_again_until_somebody_listens() {
    let (place, other) = (Place::new("tcp-refused"), Collector::new());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let config = tcp_config(&place, &[address, other.address()], "");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send(&templates(Head::new(Protocol::Ipfix, 0)));
    exporter.send(&data(
        Head::new(Protocol::Ipfix, 0),
        PLAIN,
        &plain_record(3),
    ));
    other.next_data();
    wait_stream(&daemon, "the refusal is told", |stream| {
        let is_told = |error: &String| error.contains("nobody listens at that TCP port");
        stream.last_error.as_ref().is_some_and(is_told) && stream.state == StreamState::Down
    });
    socket.listen(1).unwrap();
    let listener: TcpListener = socket.into();
    let mut connection = accept(&listener);
    wait_connections(&daemon, 1);
    assert!(is_templates(&connection.next().unwrap()));
    let (_, sets) = connection.next_data();
    assert_eq!(sets, [(PLAIN_CLONE, appended_record(3))]);
    drop(daemon.stop());
}

#[test]
fn what_waits_for_a_collector_that_never_came_is_counted_at_the_end() {
    let place = Place::new("tcp-never");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let daemon = Daemon::start(tcp_config(&place, &[address], "")).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    let numbers = daemon.stop();
    let target = first(&numbers);
    assert_eq!(target.counters.unsent[Unsent::NotConnected.index()], 1);
    assert_eq!(ends_of(target), numbers.mediator.messages_out);
}
