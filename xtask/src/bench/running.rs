//! A program that runs while it is measured: its processes, their CPU time, memory and drops.
//!
//! A program may be several processes; all that come from the one we started count, and end with
//! it. Everything is read from `/proc`.
//!
//! Bound: a program that does not end when asked is killed after ten seconds.

use std::cell::Cell;
use std::fs;
use std::net::UdpSocket;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::subject::{Load, Ports, Program};

const START_TIME_MAX: Duration = Duration::from_secs(20);
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// Where ports are taken from, and how many there are.
const PORT_FIRST: u16 = 10_000;
pub(super) const PORTS_COUNT: u16 = 10_000;
const GLANCE: Duration = Duration::from_millis(20);

/// A started program.
pub(super) struct Running {
    pub(super) program: Program,
    pub(super) load: Load,
    pub(super) ports: Ports,
    child: Child,
    said: std::path::PathBuf,
}

impl Running {
    /// Starts `command` and waits until something listens at its input port.
    pub(super) fn start(
        mut command: Command,
        program: Program,
        load: Load,
        ports: Ports,
        folder: &Path,
    ) -> Result<Self> {
        let said = folder.join("said.txt");
        let file = fs::File::create(&said).context("cannot create a program's output file")?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?);
        let shown = format!("{command:?}");
        let child = command.stderr(file).spawn();
        let child = child.with_context(|| format!("cannot start {shown}"))?;
        let mut running = Self {
            program,
            load,
            ports,
            child,
            said,
        };
        let start = Instant::now();
        while !is_listening(ports.input)? {
            running.check()?;
            if start.elapsed() > START_TIME_MAX {
                bail!("{shown} does not listen: {}", running.last_words());
            }
            sleep(GLANCE);
        }
        // Some open their input before they are ready to forward.
        sleep(GLANCE * 15);
        Ok(running)
    }

    /// The ports that it sends to.
    pub(super) fn outputs(&self) -> Range<u16> {
        self.ports.output..self.ports.output + self.program.collectors()
    }

    /// # Errors
    /// It ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("a program ended, {status}: {}", self.last_words()),
            None => Ok(()),
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.said).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    /// User and system time of all its threads until now.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for id in family(self.child.id())? {
            for thread in fs::read_dir(format!("/proc/{id}/task"))? {
                let text = fs::read_to_string(thread?.path().join("schedstat"))?;
                let first = text.split(' ').next().unwrap_or_default();
                nanoseconds += first.parse::<u64>().context("schedstat")?;
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The most memory that it had, in KiB; pages that two processes share count twice.
    pub(super) fn peak_memory_kib(&self) -> Result<u64> {
        let mut sum = 0;
        for id in family(self.child.id())? {
            sum += status_kib(id, "VmHWM:")?;
        }
        Ok(sum)
    }

    /// The memory that it has now, in KiB.
    pub(super) fn memory_kib(&self) -> Result<u64> {
        let mut sum = 0;
        for id in family(self.child.id())? {
            sum += status_kib(id, "VmRSS:")?;
        }
        Ok(sum)
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        self.said.parent().unwrap_or(&self.said)
    }

    /// Datagrams that the kernel dropped at its input.
    pub(super) fn input_drops(&self) -> Result<u64> {
        Ok(sockets(self.ports.input)?.iter().sum())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ids = family(self.child.id()).unwrap_or_default();
        end(&mut self.child);
        // What it left behind is ours to end as well.
        for id in ids {
            if parent(id).is_some() {
                signal(id, "KILL");
            }
        }
    }
}

/// Returns what the kernel says of a process behind `name`.
fn status_kib(id: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("no {name}"))
}

/// Asks a program to end, then makes it.
pub(super) fn end(child: &mut Child) {
    signal(child.id(), "TERM");
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > END_TIME_MAX {
            // It is ours and ends in any case; an error would mean that it has.
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        sleep(GLANCE);
    }
}

fn signal(id: u32, name: &str) {
    let mut command = Command::new("kill");
    command.args([format!("-{name}"), id.to_string()]);
    // It may have ended by itself.
    let _ = command.stderr(Stdio::null()).status();
}

/// A process and all that come from it.
fn family(id: u32) -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot read /proc")?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let all: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    let pairs: Vec<_> = all
        .iter()
        .filter_map(|id| Some((*id, parent(*id)?)))
        .collect();
    let mut found = vec![id];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = pairs.iter().filter(|pair| pair.1 == parent);
        found.extend(children.map(|pair| pair.0));
        next += 1;
    }
    Ok(found)
}

fn parent(id: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything; state and parent follow it.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the drops of each UDP socket that is bound to `port`.
fn sockets(port: u16) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for file in ["/proc/net/udp", "/proc/net/udp6"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        let ending = format!(":{port:04X}");
        for line in text.lines().skip(1) {
            let mut words = line.split_whitespace();
            if words.nth(1).is_some_and(|local| local.ends_with(&ending)) {
                let drops = words.next_back().context("a line without drops")?;
                found.push(drops.parse().context("drops")?);
            }
        }
    }
    Ok(found)
}

fn is_listening(port: u16) -> Result<bool> {
    Ok(!sockets(port)?.is_empty())
}

/// UDP ports that nobody has, one after the other.
///
/// They lie below those that the kernel gives to outgoing sockets: a program that opens thousands
/// of these would sooner or later get ours.
pub(super) struct FreePorts {
    next: Cell<u16>,
}

impl FreePorts {
    /// Begins somewhere else in each process, so that two runs seldom meet.
    pub(super) fn new() -> Self {
        let offset = u16::try_from(std::process::id() % u32::from(PORTS_COUNT)).unwrap_or(0);
        Self {
            next: Cell::new(PORT_FIRST + offset),
        }
    }

    /// Returns the first of `count` neighbouring ports.
    pub(super) fn take(&self, count: u16) -> Result<u16> {
        for _ in 0..PORTS_COUNT {
            let first = self.next.get();
            let end = first + count;
            let is_last = end >= PORT_FIRST + PORTS_COUNT;
            self.next.set(if is_last { PORT_FIRST } else { end });
            let is_free = |port| UdpSocket::bind(("127.0.0.1", port)).is_ok();
            if (first..end).all(is_free) {
                return Ok(first);
            }
        }
        bail!("no {count} neighbouring ports are free")
    }
}

#[cfg(test)]
mod tests {
    use super::{FreePorts, family, is_listening, parent};
    use std::net::UdpSocket;

    #[test]
    fn a_process_belongs_to_the_family_of_its_parent() {
        let own = std::process::id();
        let above = parent(own).unwrap();
        assert!(family(own).unwrap().contains(&own));
        assert!(family(above).unwrap().contains(&own));
    }

    #[test]
    fn a_bound_port_is_seen() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        assert!(is_listening(socket.local_addr().unwrap().port()).unwrap());
    }

    #[test]
    fn ports_are_given_once_and_come_in_neighbours() {
        let ports = FreePorts::new();
        let given = [4, 1, 2].map(|count| (ports.take(count).unwrap(), count));
        let all: std::collections::HashSet<_> = given
            .into_iter()
            .flat_map(|(first, count)| first..first + count)
            .collect();
        assert_eq!(all.len(), 7);
    }
}
