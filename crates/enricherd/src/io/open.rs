//! Opening the UDP sockets: those where Messages arrive, and one for each session that leaves.
//!
//! Each worker has a socket of its own at the one address. The first is bound as if it were alone:
//! the kernel refuses it if anybody else has the port, another instance of ours included, however
//! close together both start. Only then the others may join. None of them takes a datagram before
//! the kernel knows how to distribute them, for an exporter must never meet two workers.
//!
//! Sockets that the service manager kept from the process before ([`resumed`]) are such a group
//! already: bound, distributed and open.
//!
//! Not here: moving datagrams (`io::udp`), which exporter belongs to which worker
//! (`io::steering`), which sessions there are (`pipeline::senders`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::io::port_owner::PortOwner;
use crate::io::service::{Kept, name_of};
use crate::io::steering::Steering;
use crate::io::udp::outbox::Output;
use crate::io::udp::{Family, Wish, steer, wish};

/// How long a worker waits for a datagram before it looks after its other work.
pub const RECEIVE_TIMEOUT: Duration = Duration::from_millis(100);

/// An open input.
#[derive(Debug)]
pub struct Input {
    /// A bound socket for each worker, in their order.
    pub sockets: Vec<Socket>,
    /// Which exporters the kernel leads to which of them.
    pub steering: Steering,
    /// Where it is bound; tells the port if the kernel chose one.
    pub bound: SocketAddr,
    /// What the operator should know: IPv6 is missing, the receive buffer is smaller than asked.
    pub remarks: Vec<String>,
}

/// Why the input could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Somebody has the port.
    #[error(
        "{address} (UDP) is in use{by}; stop that program, or choose another \
         general.listen_port", by = by(.owner.as_ref())
    )]
    InUse {
        /// Where we were to listen.
        address: SocketAddr,
        /// Who listens there, if that can be known.
        owner: Option<PortOwner>,
    },
    /// A port below 1024 needs a right that we do not have.
    #[error(
        "{0} (UDP): ports below 1024 need CAP_NET_BIND_SERVICE; grant it, or choose another \
         general.listen_port"
    )]
    NotAllowed(SocketAddr),
    /// The address is none of this host's.
    #[error(
        "{0} (UDP): this host has no such address; general.listen_address must be one of its own, \
         or \"::\" for all"
    )]
    NoSuchAddress(SocketAddr),
    /// The kernel refused for another reason.
    #[error("{0} (UDP): {1}")]
    Refused(SocketAddr, io::Error),
}

fn by(owner: Option<&PortOwner>) -> String {
    owner.map_or_else(
        || " by a program that cannot be named without more rights".to_owned(),
        |owner| format!(" by {owner}"),
    )
}

/// Opens the sockets at which Messages arrive, one for each of `workers`; fewer, with a remark, if
/// the kernel cannot tell exporters apart.
///
/// # Errors
/// What makes it impossible, with the remedy.
pub fn input(
    address: SocketAddr,
    receive_buffer_bytes: u32,
    workers: Steering,
) -> Result<Input, InputError> {
    let mut remarks = Vec::new();
    let (first, address) = match bind(address, workers) {
        Err(error) if lacks_ipv6(address, &error) => {
            let v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            remarks.push(format!(
                "this host has no IPv6: listening at {v4} instead of {address}"
            ));
            (bind(v4, workers).map_err(|error| of(v4, error))?, v4)
        }
        outcome => (outcome.map_err(|error| of(address, error))?, address),
    };
    let refused = |error| InputError::Refused(address, error);
    let bound = first.local_addr().map_err(refused)?;
    let bound = bound.as_socket().unwrap_or(address);
    let (sockets, steering) = match joined(&first, bound, workers) {
        Ok(others) => (std::iter::once(first).chain(others).collect(), workers),
        Err(error) => {
            remarks.push(format!(
                "performance.workers: the kernel does not distribute exporters over {} workers \
                 ({error}); there is one",
                workers.workers_count()
            ));
            alone_again(&first).map_err(refused)?;
            (vec![first], Steering::over(1))
        }
    };
    // All are granted alike.
    let mut granted = None;
    for socket in &sockets {
        granted = enlarge(socket, receive_buffer_bytes).map_err(refused)?;
    }
    remarks.extend(granted);
    Ok(Input {
        sockets,
        steering,
        bound,
        remarks,
    })
}

/// Goes on with the sockets that the service manager kept: they have the port already, and what
/// came meanwhile.
///
/// # Errors
/// Why they are not what is wanted now, as the end of a sentence.
pub fn resumed(
    kept: Vec<Kept>,
    address: SocketAddr,
    receive_buffer_bytes: u32,
    workers: Steering,
) -> Result<Input, String> {
    let workers_count = workers.workers_count();
    let mut found: Vec<_> = (0..workers_count).map(|_| None).collect();
    let kept_count = kept.len();
    for Kept { name, socket } in kept {
        let mut names = (0..workers_count).map(|worker| name_of(worker, workers_count));
        let place = names.position(|known| known == name);
        if let Some(place) = place.and_then(|place| found.get_mut(place)) {
            *place = Some(socket);
        }
    }
    let sockets: Vec<_> = found.into_iter().flatten().collect();
    if sockets.len() != workers_count || kept_count != workers_count {
        return Err(format!(
            "there were {kept_count}, for {workers_count} workers"
        ));
    }
    let said = |error: io::Error| error.to_string();
    let bound = bound_alike(&sockets).map_err(said)?;
    if !serves(bound, address) {
        return Err(format!("they are bound to {bound}, not to {address}"));
    }
    let mut remarks = None;
    for socket in &sockets {
        equip(socket, bound).map_err(said)?;
        remarks = enlarge(socket, receive_buffer_bytes).map_err(said)?;
    }
    if let [first, _, ..] = &sockets[..] {
        steer(first, &workers.program()).map_err(said)?;
    }
    Ok(Input {
        sockets,
        steering: workers,
        bound,
        remarks: remarks.into_iter().collect(),
    })
}

fn bound_alike(sockets: &[Socket]) -> io::Result<SocketAddr> {
    let mut bound = None;
    for socket in sockets {
        let address = socket.local_addr()?.as_socket();
        let is_udp = socket.r#type()? == Type::DGRAM && address.is_some();
        if !is_udp || bound.is_some_and(|bound| Some(bound) != address) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        bound = address;
    }
    bound.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn serves(bound: SocketAddr, wanted: SocketAddr) -> bool {
    let all = [bound.ip(), wanted.ip()].iter().all(IpAddr::is_unspecified);
    bound.port() == wanted.port() && (bound.ip() == wanted.ip() || all)
}

/// Binds a socket that shares its address with nobody, yet.
fn bind(address: SocketAddr, workers: Steering) -> io::Result<Socket> {
    let socket = unbound(address)?;
    if workers.workers_count() > 1 {
        // Where that is not to be had, no group is made of it either.
        drop(shut(&socket));
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    equip(&socket, address)?;
    Ok(socket)
}

/// Has the kernel say with each datagram what we need to know.
fn equip(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    wish(socket, Wish::ReportDrops)?;
    if address.is_ipv6() {
        wish(socket, Wish::ReportHopLimit)?;
    }
    wish(socket, Wish::ReportTtl)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))
}

/// Binds the sockets of the other workers beside the first, has the kernel distribute exporters
/// over all of them, and opens them.
fn joined(first: &Socket, bound: SocketAddr, workers: Steering) -> io::Result<Vec<Socket>> {
    let mut others = Vec::new();
    if workers.workers_count() == 1 {
        return Ok(others);
    }
    first.set_reuse_port(true)?;
    for _ in 1..workers.workers_count() {
        let socket = unbound(bound)?;
        shut(&socket)?;
        socket.set_reuse_port(true)?;
        socket.bind(&bound.into())?;
        others.push(socket);
    }
    steer(first, &workers.program())?;
    for socket in std::iter::once(first).chain(&others) {
        socket.detach_filter()?;
    }
    Ok(others)
}

/// The other sockets are closed by now.
fn alone_again(first: &Socket) -> io::Result<()> {
    first.set_reuse_port(false)?;
    match first.detach_filter() {
        // It was open already.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        outcome => outcome,
    }
}

/// Has a socket take nothing, as if it were not there.
fn shut(socket: &Socket) -> io::Result<()> {
    let take_nothing = u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap_or_default();
    socket.attach_filter(&[SockFilter::new(take_nothing, 0, 0, 0)])
}

fn lacks_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    let all = matches!(address.ip(), IpAddr::V6(v6) if v6.is_unspecified());
    let codes = [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL];
    all && error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

fn of(address: SocketAddr, error: io::Error) -> InputError {
    match error.kind() {
        io::ErrorKind::AddrInUse => InputError::InUse {
            address,
            owner: PortOwner::of_udp(address.port()),
        },
        io::ErrorKind::PermissionDenied => InputError::NotAllowed(address),
        io::ErrorKind::AddrNotAvailable => InputError::NoSuchAddress(address),
        _ => InputError::Refused(address, error),
    }
}

/// Asks for a receive buffer; returns a sentence if the kernel grants less.
fn enlarge(socket: &Socket, bytes: u32) -> io::Result<Option<String>> {
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
    if wish(socket, Wish::ForceReceiveBuffer(bytes)).is_err() {
        socket.set_recv_buffer_size(wanted)?;
    }
    // The kernel doubles what is asked for, to have room for its own bookkeeping.
    let granted = socket.recv_buffer_size()? / 2;
    Ok((granted < wanted).then(|| {
        format!(
            "performance.receive_buffer: {wanted} bytes were asked for, the kernel granted \
             {granted}; sysctl -w net.core.rmem_max={wanted}, or grant CAP_NET_ADMIN"
        )
    }))
}

/// Opens a socket of its own port that sends to `collector` alone, so that the kernel tells us
/// if nobody listens there.
///
/// # Errors
/// What the kernel says.
pub fn output(collector: SocketAddr) -> io::Result<Output> {
    connected(outgoing(Family::of(collector))?, collector)
}

/// As [`output`], from this address and port, which several sockets may have. The address may be
/// another host's.
///
/// # Errors
/// `PermissionDenied` where it is and we have neither CAP_NET_RAW nor CAP_NET_ADMIN; what else
/// the kernel says.
pub fn output_from(source: SocketAddr, collector: SocketAddr) -> io::Result<Output> {
    let family = Family::of(collector);
    let socket = outgoing(family)?;
    let may_be_foreign = match family {
        Family::V4 => socket.set_ip_transparent_v4(true),
        Family::V6 => socket.set_ip_transparent_v6(true),
    };
    socket.set_reuse_address(true)?;
    let bound = socket.bind(&source.into());
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrNotAvailable => may_be_foreign.err().unwrap_or(error),
        _ => error,
    })?;
    connected(socket, collector)
}

/// Opens a raw socket that sends datagrams with headers of our own to any collector of a family.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_RAW, or what else the kernel says.
pub fn raw(family: Family) -> io::Result<Socket> {
    // A protocol that nobody speaks: the socket receives nothing, and the headers are ours.
    let protocol = Protocol::from(libc::IPPROTO_RAW);
    let socket = Socket::new(family.domain(), Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if wish(&socket, Wish::ForceSendBuffer(RAW_SEND_BUFFER_BYTES)).is_err() {
        let bytes = usize::try_from(RAW_SEND_BUFFER_BYTES).unwrap_or(usize::MAX);
        socket.set_send_buffer_size(bytes)?;
    }
    Ok(socket)
}

/// All exporters of a worker send through one: what thousands of sockets would have by default is
/// far more.
const RAW_SEND_BUFFER_BYTES: u32 = 4 << 20;

fn outgoing(family: Family) -> io::Result<Socket> {
    let socket = Socket::new(family.domain(), Type::DGRAM, Some(Protocol::UDP))?;
    wish(&socket, Wish::Fragment(family))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn connected(socket: Socket, collector: SocketAddr) -> io::Result<Output> {
    socket.connect(&collector.into())?;
    Ok(Output::new(socket, Family::of(collector)))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, UdpSocket};

    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    fn one(address: SocketAddr, receive_buffer_bytes: u32) -> Result<Input, InputError> {
        input(address, receive_buffer_bytes, Steering::over(1))
    }

    #[test]
    fn a_port_in_use_names_its_user_and_the_remedy() {
        let first = one(loopback(), 65_536).unwrap();
        let error = one(first.bound, 65_536).unwrap_err().to_string();
        let own_pid = format!("(process {})", std::process::id());
        assert!(error.contains("(UDP) is in use by "), "{error}");
        assert!(error.contains(&own_pid), "{error}");
        assert!(error.contains("general.listen_port"), "{error}");
    }

    #[test]
    fn a_group_shares_its_port_with_no_other_of_whatever_size() {
        for (first, second) in [(4, 4), (4, 1), (1, 4)] {
            let first = input(loopback(), 65_536, Steering::over(first)).unwrap();
            let error = input(first.bound, 65_536, Steering::over(second)).unwrap_err();
            assert!(matches!(error, InputError::InUse { .. }), "{error}");
        }
    }

    #[test]
    fn a_port_that_another_program_would_share_is_refused() {
        let other = unbound(loopback()).unwrap();
        other.set_reuse_port(true).unwrap();
        other.bind(&loopback().into()).unwrap();
        let taken = other.local_addr().unwrap().as_socket().unwrap();
        let error = input(taken, 65_536, Steering::over(4)).unwrap_err();
        assert!(matches!(error, InputError::InUse { .. }), "{error}");
    }

    /// Sends from many addresses and ports, and expects each where the function says.
    fn expect_where_said(listen: &str, sources: &[IpAddr]) {
        let workers = Steering::over(4);
        let input = input(listen.parse().unwrap(), 1 << 20, workers).unwrap();
        assert_eq!(input.remarks, [""; 0]);
        assert_eq!(input.sockets.len(), 4);
        let to = |source: &IpAddr| match source {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, input.bound.port())),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, input.bound.port())),
        };
        // A program of the same user may join later; it gets nothing.
        let stranger = unbound(input.bound).unwrap();
        stranger.set_reuse_port(true).unwrap();
        stranger.bind(&input.bound.into()).unwrap();
        let ports_count = 5;
        let mut expected = [0; 4];
        for source in sources {
            for _ in 0..ports_count {
                let socket = UdpSocket::bind(SocketAddr::new(*source, 0)).unwrap();
                socket.send_to(b"x", to(source)).unwrap();
                expected[workers.worker_of(*source)] += 1;
            }
        }
        for (worker, socket) in input.sockets.into_iter().enumerate() {
            let socket = UdpSocket::from(socket);
            for _ in 0..expected[worker] {
                let (_, from) = socket.recv_from(&mut [0; 8]).unwrap();
                assert_eq!(workers.worker_of(from.ip()), worker, "{from}");
            }
            socket.set_nonblocking(true).unwrap();
            assert!(socket.recv_from(&mut [0; 8]).is_err());
        }
        stranger.set_nonblocking(true).unwrap();
        assert!(UdpSocket::from(stranger).recv_from(&mut [0; 8]).is_err());
    }

    fn loopback_addresses() -> impl Iterator<Item = IpAddr> {
        (0..64).map(|nth| Ipv4Addr::new(127, nth % 3, nth, 255 - nth).into())
    }

    #[test]
    fn the_kernel_leads_an_exporter_where_the_function_says_whatever_its_port() {
        let sources: Vec<_> = loopback_addresses().collect();
        expect_where_said("127.0.0.1:0", &sources);
    }

    #[test]
    fn a_group_of_both_families_leads_each_exporter_alike() {
        if UdpSocket::bind("[::1]:0").is_err() {
            eprintln!("skipped: this host has no IPv6");
            return;
        }
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        let sources: Vec<_> = loopback_addresses().chain([v6]).collect();
        expect_where_said("[::]:0", &sources);
    }

    #[test]
    fn an_address_of_another_host_is_said_to_be_one() {
        let error = one("192.0.2.77:0".parse().unwrap(), 65_536).unwrap_err();
        assert!(matches!(error, InputError::NoSuchAddress(_)), "{error}");
    }

    #[test]
    fn a_receive_buffer_that_the_kernel_does_not_grant_is_said_once_with_the_remedy() {
        let input = input(loopback(), u32::MAX, Steering::over(3)).unwrap();
        let [remark] = &input.remarks[..] else {
            panic!("{:?}", input.remarks);
        };
        assert!(remark.contains("the kernel granted "), "{remark}");
        assert!(remark.contains("net.core.rmem_max"), "{remark}");
    }
}
