//! Receives what a forwarder made of `flowgen`'s Messages, and counts it.
//!
//! Not here: judging what is in them (`lab::collector`).
//! Bound: `--seconds`, or `--idle` after the last datagram; ends on TERM and INT too.

use clap::Parser;
use lab::load::kernel::{self, Asked, Inlet};
use lab::load::tally::Tally;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Counts datagrams, records, AS numbers, gaps and times under way; prints them as one JSON line.
#[derive(Debug, Parser)]
struct Options {
    /// Where it listens; several, separated by commas, are counted together.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2056")]
    listen: Vec<SocketAddr>,
    /// Ends after this time.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Ends when nothing came for so many seconds, after the first datagram came.
    #[arg(long)]
    idle: Option<u64>,
    /// Counts datagrams and octets alone, to cost as little as possible.
    #[arg(long)]
    light: bool,
    /// Has the kernel say when each datagram came, and counts how long it was under way.
    #[arg(long, conflicts_with = "light")]
    latency: bool,
    /// What is asked of the kernel for each socket.
    #[arg(long, default_value_t = 64 << 20)]
    receive_buffer_bytes: usize,
}

/// When the last datagram came to any of the sockets, in milliseconds since the start; 0 is never.
#[derive(Debug)]
struct LastArrival {
    start: Instant,
    milliseconds: AtomicU64,
}

impl LastArrival {
    fn note(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(0);
        self.milliseconds.store(now.max(1), Ordering::Relaxed);
    }

    fn is_older_than(&self, idle: Duration) -> bool {
        let last = self.milliseconds.load(Ordering::Relaxed);
        last > 0 && self.start.elapsed() > Duration::from_millis(last) + idle
    }
}

/// What came by one socket.
struct Seen {
    tally: Tally,
    kernel_drops: u32,
    first: Option<Instant>,
    last: Option<Instant>,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    kernel::heed_signals();
    let asked = if options.latency {
        Asked::SourceAndTime
    } else {
        Asked::Source
    };
    let mut sockets = Vec::new();
    for address in &options.listen {
        let socket = kernel::listen(*address, asked, options.receive_buffer_bytes)?;
        eprintln!("flowsink: {}", socket.local_addr()?);
        sockets.push(socket);
    }
    let arrival = LastArrival {
        start: Instant::now(),
        milliseconds: AtomicU64::new(0),
    };
    let all: io::Result<Vec<Seen>> = thread::scope(|scope| {
        let (options, arrival) = (&options, &arrival);
        let threads: Vec<_> = sockets
            .into_iter()
            .map(|socket| scope.spawn(move || receive(Inlet::new(socket, asked), options, arrival)))
            .collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|seen| seen.unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
            .collect()
    });
    println!("{}", line(&all?));
    Ok(())
}

fn receive(mut inlet: Inlet, options: &Options, arrival: &LastArrival) -> io::Result<Seen> {
    let idle = options.idle.map(Duration::from_secs);
    let deadline = arrival.start + Duration::from_secs(options.seconds);
    let mut seen = Seen {
        tally: Tally::default(),
        kernel_drops: 0,
        first: None,
        last: None,
    };
    loop {
        let received = inlet.receive()?;
        let now = Instant::now();
        for index in 0..received {
            let arrived = inlet.datagram(index);
            match arrived.source.filter(|_| !options.light) {
                Some(source) => seen.tally.read(source, arrived.arrived_ns, arrived.octets),
                None => seen.tally.count(arrived.octets),
            }
        }
        if received > 0 {
            seen.first.get_or_insert(now);
            seen.last = Some(now);
            arrival.note();
        }
        let is_idle = idle.is_some_and(|idle| arrival.is_older_than(idle));
        if kernel::is_stopped() || is_idle || now >= deadline {
            break;
        }
    }
    seen.kernel_drops = inlet.kernel_drops();
    Ok(seen)
}

fn line(all: &[Seen]) -> String {
    let mut tally = Tally::default();
    for seen in all {
        tally.add(&seen.tally);
    }
    let first = all.iter().filter_map(|seen| seen.first).min();
    let last = all.iter().filter_map(|seen| seen.last).max();
    let span = first.zip(last).map(|(first, last)| last - first);
    let drops: u64 = all.iter().map(|seen| u64::from(seen.kernel_drops)).sum();
    let figures = tally.figures();
    let mut fields = vec![
        ("datagrams", figures.datagrams),
        ("octets", figures.octets),
        ("kernel_drops", drops),
        (
            "milliseconds",
            span.map_or(0, |span| span.as_millis() as u64),
        ),
        ("records", figures.records),
        ("records_with_source_as", figures.records_with_source_as),
        (
            "records_with_destination_as",
            figures.records_with_destination_as,
        ),
        ("sessions", tally.sessions_count() as u64),
        ("gaps", figures.gaps),
        ("missing", figures.missing),
        ("late", figures.late),
        ("sets_without_template", figures.sets_without_template),
        ("malformed", figures.malformed),
    ];
    let latency = tally.latency();
    fields.push(("timed", latency.count()));
    for (name, per_mille) in [("p50_ns", 500), ("p99_ns", 990), ("p999_ns", 999)] {
        fields.extend(latency.quantile_ns(per_mille).map(|time| (name, time)));
    }
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}
