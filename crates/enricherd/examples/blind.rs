//! The yardstick of speed: datagrams in, the same datagrams out, nothing read.
//!
//! `blind PORT COLLECTOR` does with the daemon's own sockets the least that any UDP proxy must do.
//! What the daemon costs beside it, on the same machine and with the same load, is the price of
//! reading and enriching.
//!
//! Not here: load and measurement (whoever compares the two).

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use enricherd::io::open::{input, output};
use enricherd::io::udp::Family;
use enricherd::io::udp::inbox::Inbox;
use enricherd::io::udp::outbox::{Outbox, Parts};

const RECEIVE_BUFFER_BYTES: u32 = 16 << 20;
const DATAGRAM_OCTETS_MAX: usize = 65_535;
const TTL: u8 = 63;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, collector] = arguments.as_slice() else {
        return Err("usage: blind PORT COLLECTOR:PORT".into());
    };
    let collector: SocketAddr = collector.parse()?;
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port.parse()?));
    let mut inbox = Inbox::new(
        input(address, RECEIVE_BUFFER_BYTES)?.socket,
        DATAGRAM_OCTETS_MAX,
    );
    let socket = output(collector)?;
    let mut outbox = Outbox::default();
    loop {
        let received = inbox.receive()?;
        let mut done = 0;
        while done < received {
            let datagrams = (done..received).filter_map(|index| {
                let octets_count = inbox.arrival(index)?.octets_count;
                Some(Parts {
                    header: &[],
                    body: inbox.octets(index, octets_count),
                    ttl: TTL,
                })
            });
            // What cannot be sent is skipped: a yardstick does not care for its collector.
            done += outbox
                .send(&socket, Family::of(collector), datagrams)
                .unwrap_or(1);
        }
    }
}
