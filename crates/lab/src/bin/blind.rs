//! The least that a forwarder of datagrams can cost: it receives batches and sends them on.
//!
//! It reads nothing, so what another program costs beside it, on the same machine and with the
//! same load, is the price of what that program does with the octets.
//!
//! Not here: load and measurement (`flowgen`, `flowsink`, `cargo xtask bench`).
//! Bound: 64 datagrams at a time, `--seconds` at most.

use clap::Parser;
use lab::load::kernel::{self, Asked, Inlet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Sends on every datagram as it came, until TERM or the time is over.
#[derive(Debug, Parser)]
struct Options {
    /// Where datagrams arrive.
    #[arg(long, default_value = "127.0.0.1:2055")]
    listen: SocketAddr,
    /// Where they go.
    #[arg(long, default_value = "127.0.0.1:2056")]
    to: SocketAddr,
    /// Ends after this time.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// What is asked of the kernel.
    #[arg(long, default_value_t = 16 << 20)]
    receive_buffer_bytes: usize,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    kernel::heed_signals();
    let input = kernel::listen(options.listen, Asked::Nothing, options.receive_buffer_bytes)?;
    eprintln!("blind: {} → {}", input.local_addr()?, options.to);
    let mut inlet = Inlet::new(input, Asked::Nothing);
    let unspecified = (Ipv4Addr::UNSPECIFIED, 0);
    let socket = UdpSocket::bind(unspecified)?;
    socket.connect(options.to)?;
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let (mut received, mut sent) = (0_u64, 0_u64);
    while !kernel::is_stopped() && Instant::now() < deadline {
        received += inlet.receive()? as u64;
        sent += inlet.pass_on(&socket) as u64;
    }
    let cpu_us = own_cpu_us().unwrap_or(0);
    println!(r#"{{"received": {received}, "sent": {sent}, "cpu_us": {cpu_us}}}"#);
    Ok(())
}

/// User and system time of this process: it has one thread.
fn own_cpu_us() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: u64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1_000)
}
