//! Two enrichers that send to each other: traffic stays bounded, and both know.

use enricherd::daemon::Daemon;
use enricherd::pipeline::tally::Refused;

use crate::message::{Head, Protocol, WITH_AS, data, record_with_as};
use crate::rig::{Collector, Exporter, Place, wait_for, wait_with};

#[test]
fn what_goes_in_circles_is_seen_by_both_and_stopped() {
    let (first_place, second_place) = (Place::new("loop-first"), Place::new("loop-second"));
    let collector = Collector::new();
    // Two ports that are free now; the collectors of each must be known before it starts.
    let ports = [Collector::new(), Collector::new()];
    let [first_address, second_address] = [ports[0].address(), ports[1].address()];
    drop(ports);
    let start = |place: &Place, own: std::net::SocketAddr, to: &[std::net::SocketAddr]| {
        let mut config = place.config(to, "listen_address: 127.0.0.1", "source: own");
        config.general.listen_port = own.port();
        Daemon::start(config).unwrap()
    };
    let first = start(&first_place, first_address, &[second_address]);
    let to_both = [first_address, collector.address()];
    let second = start(&second_place, second_address, &to_both);
    let exporter = Exporter::new("127.0.0.1:0", first.bound());
    exporter.send_templates(Protocol::Ipfix);
    let looped = |daemon: &Daemon| daemon.numbers().tally.looped;
    let stopped = |daemon: &Daemon| daemon.numbers().tally.refused[Refused::Loop.index()];
    let mut sent = 0;
    let mut send = || {
        let head = Head::new(Protocol::Ipfix, sent);
        exporter.send(&data(head, WITH_AS, &record_with_as(sent, 3320)));
        sent += 1;
        u64::from(sent)
    };
    let both_saw = || looped(&first) > 0 && looped(&second) > 0;
    wait_with("both see a loop", both_saw, || {
        send();
    });
    let is_stopped = || stopped(&first) + stopped(&second) > 0;
    wait_with("one of them stops it", is_stopped, || {
        send();
    });
    let mut sent_count = 0;
    while sent_count < 400 {
        (0..50).for_each(|_| sent_count = send());
        wait_for(&first, "everything came", |numbers| {
            numbers.tally.datagrams > sent_count
        });
    }
    drop(second.stop());
    let datagrams = first.stop().tally.datagrams;
    // Each Message and its first copy, and Templates until their TTL is used up: unstopped, each
    // Message would have come more than thirty times.
    assert!(datagrams < 8 * sent_count, "{datagrams} of {sent_count}");
}
