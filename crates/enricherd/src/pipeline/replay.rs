//! A capture through the `Mediator`: the same core as on the wire, driven by the capture's clock.
//!
//! There is no network and no other clock, so a capture gives the same octets at every run. Each
//! Message leaves in its exporter's name at the capture time at which the `Mediator` let it go.
//!
//! Not here: reading and opening files (`io`, `cli`), what is shown of the records (`cli`).
//! Bound: that of the `Mediator`, and one datagram.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mediator::settings::Knowledge;
use mediator::{Egress, Mediator, Millis, Observer, Received, Settings};

use crate::io::capture::Precision;
use crate::io::datagram::Datagram;
use crate::io::pcap_out::{Ends, PcapOut};

/// A capture may have been stopped for a day: nothing that waits for time is to see more of a
/// gap than this.
pub const STEP_MAX: Duration = Duration::from_secs(60);
/// The core's hash tables need no secret where one person's file is the only input.
const SEED: u64 = 0;

/// A `Mediator` between the datagrams of a capture and a file of datagrams.
#[derive(Debug)]
pub struct Replay<'k, W> {
    mediator: Mediator,
    knowledge: Knowledge<'k>,
    egress: Egress,
    collector: SocketAddr,
    clock: Clock,
    precision: Precision,
    payload: Vec<u8>,
    out: PcapOut<W>,
}

impl<'k, W: Write> Replay<'k, W> {
    /// Returns a replay of nothing yet; what leaves goes to `collector` and is written to `out`.
    #[must_use]
    pub fn new(
        settings: Settings,
        knowledge: Knowledge<'k>,
        collector: SocketAddr,
        out: W,
    ) -> Self {
        Self {
            mediator: Mediator::new(settings, SEED),
            knowledge,
            egress: Egress::new(),
            collector,
            clock: Clock::default(),
            precision: Precision::Micros,
            payload: Vec::new(),
            out: PcapOut::new(out),
        }
    }

    /// Lets everything leave that has waited until `datagram` came, then gives `octets` to the
    /// `Mediator` and writes what it lets go.
    ///
    /// # Errors
    /// That of `out`.
    pub fn datagram<O: Observer>(
        &mut self,
        datagram: &Datagram,
        precision: Precision,
        octets: &mut [u8],
        observer: &mut O,
    ) -> io::Result<()> {
        self.precision = precision;
        let arrived = self.clock.advance(datagram.time);
        self.mediator
            .tick(arrived, &self.knowledge, &mut self.egress, observer);
        self.send(&[])?;
        let received = Received {
            exporter: unmapped(datagram.source),
            arrived,
            octets,
        };
        self.mediator
            .process(received, &self.knowledge, &mut self.egress, observer);
        self.send(octets)
    }

    /// Lets go what still waits, ends the file and returns the `Mediator` for its counters.
    ///
    /// # Errors
    /// That of `out`.
    pub fn finish<O: Observer>(mut self, observer: &mut O) -> io::Result<Mediator> {
        let now = self.clock.now();
        self.mediator
            .finish(now, &self.knowledge, &mut self.egress, observer);
        self.send(&[])?;
        self.out.finish()?;
        Ok(self.mediator)
    }

    fn send(&mut self, received: &[u8]) -> io::Result<()> {
        for outgoing in self.egress.outgoing() {
            self.payload.clear();
            self.egress.copy_to(outgoing, received, &mut self.payload);
            let source = outgoing.route.exporter;
            let destination = collector_for(source, self.collector);
            self.out.write(
                self.clock.capture,
                self.precision,
                Ends {
                    source,
                    destination,
                },
                &self.payload,
            )?;
        }
        self.egress.clear();
        Ok(())
    }
}

/// Two readings of one time: the capture's own, which may jump, and the `Mediator`'s.
///
/// Neither goes back.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// The latest capture time seen, since 1970.
    capture: Duration,
    /// The sum of the steps, none of them longer than [`STEP_MAX`].
    steps: Duration,
}

impl Clock {
    fn advance(&mut self, time: Duration) -> Millis {
        if self.capture == Duration::ZERO {
            self.capture = time;
        }
        let step = time.saturating_sub(self.capture);
        self.capture += step;
        self.steps += step.min(STEP_MAX);
        self.now()
    }

    fn now(self) -> Millis {
        Millis(u64::try_from(self.steps.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The collector, or this host by the exporter's family: a packet has addresses of one family.
fn collector_for(exporter: SocketAddr, collector: SocketAddr) -> SocketAddr {
    let ip = match (exporter.ip(), collector.ip()) {
        (IpAddr::V4(_), IpAddr::V6(_)) => Ipv4Addr::LOCALHOST.into(),
        (IpAddr::V6(_), IpAddr::V4(_)) => Ipv6Addr::LOCALHOST.into(),
        (IpAddr::V4(_), collector @ IpAddr::V4(_)) | (IpAddr::V6(_), collector @ IpAddr::V6(_)) => {
            collector
        }
    };
    SocketAddr::new(ip, collector.port())
}

fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_skips_long_gaps() {
        let mut clock = Clock::default();
        // Capture time in ms; the Mediator's time, and the time of what leaves, in ms.
        for (time, mediator, output) in [
            (1_000_000, 0, 1_000_000),
            (1_000_500, 500, 1_000_500),
            (999_000, 500, 1_000_500),
            (1_000_501, 501, 1_000_501),
            (1_060_501, 60_501, 1_060_501),
            (9_000_000, 120_501, 9_000_000),
            (9_000_001, 120_502, 9_000_001),
        ] {
            let millis = clock.advance(Duration::from_millis(time));
            assert_eq!(millis, Millis(mediator), "{time}");
            assert_eq!(clock.capture, Duration::from_millis(output), "{time}");
        }
    }

    #[test]
    fn parts_of_a_millisecond_are_not_lost() {
        let mut clock = Clock::default();
        clock.advance(Duration::from_secs(1));
        let mut last = Millis(0);
        for step in 1..=10 {
            last = clock.advance(Duration::from_secs(1) + Duration::from_micros(step * 400));
        }
        assert_eq!(last, Millis(4));
    }

    #[test]
    fn a_collector_of_the_other_family_becomes_this_host() {
        for (exporter, collector, expected) in [
            ("192.0.2.1:2055", "198.51.100.1:9995", "198.51.100.1:9995"),
            (
                "[2001:db8::1]:2055",
                "[2001:db8::2]:9995",
                "[2001:db8::2]:9995",
            ),
            ("[2001:db8::1]:2055", "198.51.100.1:9995", "[::1]:9995"),
            ("192.0.2.1:2055", "[2001:db8::2]:9995", "127.0.0.1:9995"),
        ] {
            let destination = collector_for(exporter.parse().unwrap(), collector.parse().unwrap());
            assert_eq!(destination, expected.parse().unwrap());
        }
    }
}
