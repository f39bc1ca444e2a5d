//! One instance for each address and port, told by its process ID.
//!
//! The claim is the name of an abstract Unix socket: it needs no directory, everybody may read it,
//! and it is gone with its process, however that ends.
//!
//! Not here: the UDP socket, which settles who of two that start at once is first (`io::open`).

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};

/// What all claims begin with.
const PREFIX: &str = "ipfix-enricher/udp/";

/// A claim on an address and port, for as long as it lives.
#[derive(Debug)]
pub struct Instance {
    _socket: UnixDatagram,
}

impl Instance {
    /// Claims an address and port for this process.
    ///
    /// # Errors
    /// What the kernel says; not that others claim the same, see [`Instance::pid_at`].
    pub fn claim(address: SocketAddr) -> io::Result<Self> {
        let name = format!("{PREFIX}{address}/{}", std::process::id());
        let address = UnixAddr::from_abstract_name(name)?;
        Ok(Self {
            _socket: UnixDatagram::bind_addr(&address)?,
        })
    }

    /// Returns the process ID of the instance that has this port, at any address that keeps us
    /// from having it at `address`.
    #[must_use]
    pub fn pid_at(address: SocketAddr) -> Option<u32> {
        let table = fs::read_to_string("/proc/net/unix").ok()?;
        table.lines().find_map(|line| pid_in(line, address))
    }
}

/// A line of the kernel's table ends with `@` and the name.
fn pid_in(line: &str, wanted: SocketAddr) -> Option<u32> {
    let (_, name) = line.rsplit_once(" @")?;
    let (address, pid) = name.strip_prefix(PREFIX)?.rsplit_once('/')?;
    let address: SocketAddr = address.parse().ok()?;
    let collides = address.port() == wanted.port()
        && (address.ip() == wanted.ip()
            || address.ip().is_unspecified()
            || wanted.ip().is_unspecified());
    collides.then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_seen_until_its_owner_is_gone() {
        // An address of documentation: no instance really listens there.
        let address: SocketAddr = "192.0.2.9:2055".parse().unwrap();
        assert_eq!(Instance::pid_at(address), None);
        let claim = Instance::claim(address).unwrap();
        assert_eq!(Instance::pid_at(address), Some(std::process::id()));
        drop(claim);
        assert_eq!(Instance::pid_at(address), None);
    }

    #[test]
    fn a_claim_on_all_addresses_collides_with_one_on_any() {
        let line = "0000000000000000: 00000002 00000000 00000000 0002 01 4711 \
                    @ipfix-enricher/udp/[::]:2055/42";
        for (wanted, pid) in [
            ("[::]:2055", Some(42)),
            ("192.0.2.1:2055", Some(42)),
            ("[::]:2056", None),
        ] {
            assert_eq!(pid_in(line, wanted.parse().unwrap()), pid, "{wanted}");
        }
    }
}
