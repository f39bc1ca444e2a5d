//! From the frames of a capture to the UDP datagrams in them.
//!
//! Every frame ends as a datagram, as a part of one, or as counted in [`UnreadCounts`].
//!
//! Not here: the file format (`capture`), what the datagrams mean (`mediator`).
//! Bound: that of `fragments`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::io::capture::Frame;
use crate::io::fragments::Fragments;
use crate::io::ip::{self, Packet};
use crate::io::link;
use crate::io::unread::{Unread, UnreadCounts};

/// Which datagrams are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Every one.
    All,
    /// Those to this UDP port.
    Only(u16),
}

/// A UDP datagram as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When the frame that made it whole was captured, since 1970.
    pub time: Duration,
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
}

/// Finds the datagrams in frames.
#[derive(Debug)]
pub struct Datagrams {
    ports: Ports,
    fragments: Fragments,
    counts: FrameCounts,
}

/// What became of the frames.
///
/// `frames_count` = `datagrams_count` + `joined_count` + what is unread, once `finish` was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Frames of the capture.
    pub frames_count: u64,
    /// Datagrams found.
    pub datagrams_count: u64,
    /// Frames that became part of a datagram with others: all of its fragments but one.
    pub joined_count: u64,
    /// Frames that gave nothing.
    pub unread: UnreadCounts,
}

impl Datagrams {
    /// Returns a finder that has seen nothing.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self {
            ports,
            fragments: Fragments::default(),
            counts: FrameCounts::default(),
        }
    }

    /// Returns the datagram that `frame` holds or completes, if any; its content replaces that of
    /// `payload`.
    pub fn read(&mut self, frame: &Frame<'_>, payload: &mut Vec<u8>) -> Option<Datagram> {
        self.counts.frames_count += 1;
        match self.try_read(frame, payload) {
            Ok(datagram) => {
                self.counts.datagrams_count += u64::from(datagram.is_some());
                datagram
            }
            Err((reason, frames_count)) => {
                self.counts.unread.add(reason, frames_count);
                None
            }
        }
    }

    /// Gives up the fragments that still wait and returns what became of all frames.
    #[must_use]
    pub fn finish(mut self) -> FrameCounts {
        self.fragments.finish(&mut self.counts.unread);
        self.counts
    }

    fn try_read(
        &mut self,
        frame: &Frame<'_>,
        payload: &mut Vec<u8>,
    ) -> Result<Option<Datagram>, (Unread, u64)> {
        let packet = packet_of(frame).map_err(|reason| (reason, 1))?;
        let Some(fragment) = packet.fragment else {
            let datagram = self.datagram_of(frame.time, &packet, payload);
            return datagram.map(Some).map_err(|reason| (reason, 1));
        };
        if !ip::may_carry_udp(packet.protocol) {
            return Err((Unread::NotUdp, 1));
        }
        let unread = &mut self.counts.unread;
        let Some(whole) = self.fragments.add(&packet, fragment, frame.time, unread) else {
            return Ok(None);
        };
        let packet = Packet {
            protocol: whole.protocol,
            payload: &whole.payload,
            ..packet
        };
        let datagram = self
            .datagram_of(frame.time, &packet, payload)
            .map_err(|reason| (reason, whole.fragments_count))?;
        self.counts.joined_count += whole.fragments_count - 1;
        Ok(Some(datagram))
    }

    fn datagram_of(
        &self,
        time: Duration,
        packet: &Packet<'_>,
        payload: &mut Vec<u8>,
    ) -> Result<Datagram, Unread> {
        let udp = ip::read_udp(packet.protocol, packet.payload)?;
        if self.ports != Ports::All && self.ports != Ports::Only(udp.destination_port) {
            return Err(Unread::OtherPort);
        }
        payload.clear();
        payload.extend_from_slice(udp.payload);
        Ok(Datagram {
            time,
            source: SocketAddr::new(packet.source, udp.source_port),
            destination: SocketAddr::new(packet.destination, udp.destination_port),
        })
    }
}

fn packet_of<'a>(frame: &Frame<'a>) -> Result<Packet<'a>, Unread> {
    let link_type = frame.link_type.ok_or(Unread::InterfaceUnknown)?;
    ip::read(link::ip_packet(link_type, frame.octets)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::capture::Precision;

    fn frame(octets: &[u8]) -> Frame<'_> {
        Frame {
            time: Duration::from_secs(1),
            precision: Precision::Micros,
            link_type: Some(link::RAW),
            octets,
        }
    }

    /// An IPv4 packet with a part of a UDP datagram.
    fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x45, 0];
        let total = u16::try_from(payload.len() + 20).unwrap();
        octets.extend(total.to_be_bytes());
        octets.extend([0, 7]);
        octets.extend(fragment.to_be_bytes());
        octets.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        octets.extend(payload);
        octets
    }

    /// 24 octets: the header, then `0123456789abcdef`.
    fn udp(port: u16) -> Vec<u8> {
        let mut octets = vec![4, 0];
        octets.extend(port.to_be_bytes());
        octets.extend([0, 24, 0, 0]);
        octets.extend(b"0123456789abcdef");
        octets
    }

    fn read_all(ports: Ports, packets: &[Vec<u8>]) -> (Vec<(Datagram, Vec<u8>)>, FrameCounts) {
        let mut datagrams = Datagrams::new(ports);
        let mut found = Vec::new();
        let mut payload = Vec::new();
        for packet in packets {
            if let Some(datagram) = datagrams.read(&frame(packet), &mut payload) {
                found.push((datagram, payload.clone()));
            }
        }
        let counts = datagrams.finish();
        let accounted = counts.datagrams_count + counts.joined_count + counts.unread.total();
        assert_eq!(counts.frames_count, accounted);
        (found, counts)
    }

    #[test]
    fn whole_and_fragmented_datagrams_are_found() {
        let udp = udp(2055);
        let (found, counts) = read_all(
            Ports::All,
            &[
                ipv4(17, 0, &udp),
                ipv4(17, 2, &udp[16..]),
                ipv4(17, 0x2000, &udp[..16]),
            ],
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], found[1]);
        assert_eq!(found[0].0.source, "192.0.2.1:1024".parse().unwrap());
        assert_eq!(found[0].0.destination, "192.0.2.2:2055".parse().unwrap());
        assert_eq!(found[0].1, b"0123456789abcdef");
        assert_eq!((counts.datagrams_count, counts.joined_count), (2, 1));
    }

    #[test]
    fn every_frame_that_gave_nothing_has_its_reason() {
        let udp = udp(2055);
        let (found, counts) = read_all(
            Ports::Only(4739),
            &[
                ipv4(17, 0, &udp),
                ipv4(17, 2, &udp[16..]),
                ipv4(17, 0x2000, &udp[..16]),
                ipv4(6, 0, &udp),
                ipv4(6, 0x2000, &udp),
                ipv4(17, 0x2000, &udp[..8]),
                vec![0x45],
            ],
        );
        assert_eq!(found, []);
        let reasons: Vec<_> = counts.unread.iter().collect();
        let expected = [
            (Unread::CutShort, 1),
            (Unread::FragmentsIncomplete, 1),
            (Unread::NotUdp, 2),
            (Unread::OtherPort, 3),
        ];
        assert_eq!(reasons, expected);
    }
}
