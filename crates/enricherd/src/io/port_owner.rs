//! Who has a UDP port, as far as `/proc` tells us.
//!
//! Everybody may read which sockets there are; whose they are, only their owner and root.
//!
//! Not here: opening sockets (`io::open`).
//! Bound: one pass over the processes, and only on the way to a refusal.

use std::fmt;
use std::fs;
use std::path::Path;

/// A program that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortOwner {
    /// Its process ID.
    pub pid: u32,
    /// Its name, as the kernel cuts it to 15 octets.
    pub name: String,
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name } = self;
        write!(f, "{name} (process {pid})")
    }
}

impl PortOwner {
    /// Returns who has this UDP port, over IPv4 or IPv6; `None` if that cannot be known.
    #[must_use]
    pub fn of_udp(port: u16) -> Option<Self> {
        let tables = ["/proc/net/udp", "/proc/net/udp6"];
        let texts = tables
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok());
        let inodes: Vec<u64> = texts.flat_map(|text| inodes_of(&text, port)).collect();
        let mut processes = fs::read_dir("/proc").ok()?.flatten();
        processes.find_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            holds(&process.path(), &inodes).then(|| Self {
                pid,
                name: name_of(&process.path()),
            })
        })
    }
}

/// The inodes of the sockets with this local port in a table of `/proc/net`.
fn inodes_of(table: &str, port: u16) -> Vec<u64> {
    let inode = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, local_port) = words.nth(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local_port, 16).ok()? == port;
        words.nth(7).filter(|_| is_it)?.parse().ok()
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn holds(process: &Path, inodes: &[u64]) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    let mut links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    links.any(|link| {
        let text = link.to_string_lossy();
        let number = text
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        number.is_some_and(|number| number.parse().is_ok_and(|inode| inodes.contains(&inode)))
    })
}

fn name_of(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    match name.trim_end() {
        "" => "a program".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_the_kernel_gives_the_sockets_of_a_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                     uid  timeout inode ref pointer drops\n\
                     101: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     \
                     0        0 4711 2 0000000000000000 0\n\
                     102: 0100007F:0808 00000000:0000 07 00000000:00000000 00:00000000 00000000     \
                     0        0 4712 2 0000000000000000 0\n\
                     cut: line";
        assert_eq!(inodes_of(table, 2055), [4711]);
        assert_eq!(inodes_of(table, 2056), [4712]);
        assert_eq!(inodes_of(table, 2057), [0_u64; 0]);
    }
}
