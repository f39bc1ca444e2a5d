//! Sends Messages as many exporters would, evenly or flat out.
//!
//! Templates first, then Data Records with real addresses, in small bursts. Exporters differ by
//! their source address: on the loopback every address of 127.0.0.0/8 is this host's own; with
//! `--forge` (CAP_NET_RAW) it is any, also one that is not here.
//!
//! Not here: what the Messages are (`lab::load::layout`), who counts them (`flowsink`).
//! Bound: `--seconds` and `--datagrams`, whichever comes first.

use clap::Parser;
use lab::load::kernel::{self, BATCH_DATAGRAMS, Joining, Outlet};
use lab::load::layout::Flavour;
use lab::load::origins::Origins;
use lab::load::pace::Pace;
use lab::load::volley::{Fleet, Volley};
use lab::random::Random;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the ports begin that a kernel chooses [RFC 6335 §6].
const EPHEMERAL_PORT_FIRST: u16 = 49_152;

/// Sends NetFlow v5, v9 and IPFIX as many exporters would; prints what it sent as one JSON line.
#[derive(Debug, Parser)]
struct Options {
    /// Where it goes.
    #[arg(long, default_value = "127.0.0.1:2055")]
    to: SocketAddrV4,
    /// What exporters send, one kind after the other: fill, fill-ipfix, append, append-ipfix,
    /// variable, v5.
    #[arg(long, value_delimiter = ',', default_value = "fill")]
    layout: Vec<Flavour>,
    /// Datagrams a second; without it, as many as possible.
    #[arg(long)]
    rate: Option<u32>,
    /// Milliseconds between two bursts.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    burst_interval_ms: u64,
    /// Datagrams that one system call sends, and that say the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Ends after this time.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Says how many datagrams were sent when this time is over and all Templates are announced,
    /// so that whoever measures can begin there.
    #[arg(long)]
    warm_up: Option<f64>,
    /// Ends after so many datagrams.
    #[arg(long, default_value_t = u64::MAX)]
    datagrams: u64,
    /// How many exporters there are.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    exporters: u32,
    /// The address of the first of them; default: 127.1.0.1, with --forge 10.1.0.1.
    #[arg(long)]
    from: Option<Ipv4Addr>,
    /// Writes the IP header itself, so that exporters need not be addresses of this host.
    #[arg(long)]
    forge: bool,
    /// The source port, the first of several; 0: what the kernel chooses, with --forge 49152.
    #[arg(long, default_value_t = 0)]
    source_port: u16,
    /// Source ports of each exporter, taken in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16_000))]
    ports: u16,
    /// Data Records of each Message, if it is fewer than the layout has.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    records: Option<u16>,
    /// Templates of each exporter, used in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    templates: u16,
    /// Messages of an exporter after which it announces its Templates again.
    #[arg(long, default_value_t = 500)]
    refresh: u32,
    /// Messages that leave one after the other from one exporter.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    run: u32,
    /// Hands neighbours of one exporter and one size to the kernel as one, which then takes them
    /// apart again (UDP_SEGMENT): twice the rate for the same work.
    #[arg(long, conflicts_with = "forge")]
    join: bool,
    /// A file with a prefix at the beginning of each line, where flows have their addresses;
    /// without it, the whole unicast space.
    #[arg(long)]
    prefixes: Option<PathBuf>,
    /// Decides addresses and everything else that looks random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    kernel::heed_signals();
    let mut random = Random::new(options.seed);
    let origins = origins(&options, &mut random)?;
    let mut volley = Volley::new(fleet(&options), &origins, &mut random);
    let sockets = sockets(&options)?;
    let interval = Duration::from_millis(options.burst_interval_ms);
    let mut pace = Pace::new(options.rate, interval);
    eprintln!("flowgen: {} exporters → {}", options.exporters, options.to);
    let start = Instant::now();
    let most = Duration::from_secs_f64(options.seconds);
    let mut left = 0;
    let mut warm_up = options.warm_up.map(Duration::from_secs_f64);
    while !kernel::is_stopped() && start.elapsed() < most {
        let remaining = options.datagrams - volley.sent().datagrams;
        if remaining == 0 {
            break;
        }
        let most_now = remaining.min(BATCH_DATAGRAMS as u64);
        let most_now = if options.rate.is_some() {
            remaining
        } else {
            most_now
        };
        left += burst(
            pace.due(start.elapsed(), most_now),
            &options,
            &mut volley,
            &sockets,
        );
        if volley.is_announced()
            && let Some(_) = warm_up.take_if(|warm_up| start.elapsed() >= *warm_up)
        {
            eprintln!("flowgen: warm after {} datagrams", volley.sent().datagrams);
        }
        std::thread::sleep(pace.wait(start.elapsed()));
    }
    report(&volley, left, pace.slipped(), start.elapsed());
    Ok(())
}

fn origins(options: &Options, random: &mut Random) -> io::Result<Origins> {
    let Some(path) = &options.prefixes else {
        return Ok(Origins::everywhere(random));
    };
    let text = std::fs::read_to_string(path)?;
    let none = || io::Error::other(format!("{}: no IPv4 prefix in it", path.display()));
    Origins::within(&text, random).ok_or_else(none)
}

fn fleet(options: &Options) -> Fleet {
    let first = if options.forge {
        [10, 1, 0, 1]
    } else {
        [127, 1, 0, 1]
    };
    Fleet {
        flavours: options.layout.clone(),
        exporters_count: options.exporters,
        address_first: options.from.unwrap_or_else(|| first.into()),
        records_max: options.records,
        templates_count: options.templates,
        port_first: match options.source_port {
            0 => EPHEMERAL_PORT_FIRST,
            first => first,
        },
        ports_count: options.ports,
        run_messages: options.run,
        refresh_messages: options.refresh.max(1),
        forged_to: options.forge.then_some(options.to),
    }
}

/// One socket for each source port; a raw one needs no others.
fn sockets(options: &Options) -> io::Result<Vec<UdpSocket>> {
    if options.forge {
        return Ok(vec![kernel::raw_to(*options.to.ip())?]);
    }
    let open = |index| {
        let port = match options.source_port {
            0 => 0,
            first => first.saturating_add(index),
        };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        socket.connect(options.to)?;
        Ok(socket)
    };
    (0..options.ports).map(open).collect()
}

/// Sends `due` datagrams; returns how many of them left.
fn burst(due: u64, options: &Options, volley: &mut Volley, sockets: &[UdpSocket]) -> u64 {
    let mut outlet = Outlet::default();
    let mut left = 0;
    let mut due = usize::try_from(due).unwrap_or(usize::MAX);
    while due > 0 {
        let count = due.min(usize::from(options.batch));
        volley.load(count, now_ns());
        due -= count;
        if let [socket] = sockets {
            let joining = match options.join {
                true => Joining::Neighbours,
                false => Joining::Nothing,
            };
            let datagrams = volley.loaded().map(|(_, leaving)| leaving);
            left += outlet.send(socket, joining, datagrams) as u64;
        } else {
            for (port_index, leaving) in volley.loaded() {
                let socket = &sockets[usize::from(port_index) % sockets.len()];
                let one = std::iter::once(leaving);
                left += outlet.send(socket, Joining::Nothing, one) as u64;
            }
        }
    }
    left
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

fn report(volley: &Volley, left: u64, slipped: u64, elapsed: Duration) {
    let sent = volley.sent();
    let seconds = elapsed.as_secs_f64();
    println!(
        concat!(
            r#"{{"datagrams": {}, "announcements": {}, "records": {}, "octets": {}, "#,
            r#""not_sent": {}, "slipped": {}, "seconds": {:.3}, "datagrams_per_second": {:.0}}}"#
        ),
        sent.datagrams,
        sent.announcements,
        sent.records,
        sent.octets,
        sent.datagrams - left,
        slipped,
        seconds,
        sent.datagrams as f64 / seconds,
    );
}
