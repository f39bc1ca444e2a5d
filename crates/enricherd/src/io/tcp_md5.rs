//! Signatures of TCP segments [RFC 2385]: what routers protect BGP sessions with.
//!
//! The kernel signs and judges; a segment without the right signature never reaches us.
//!
//! Not here: where the password comes from (`control::routes`).
#![allow(
    unsafe_code,
    reason = "std knows no signatures of TCP, nor does any library that we have"
)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::SockAddr;

/// The kernel's option [tcp(7)].
const TCP_MD5SIG: libc::c_int = 14;
/// The longest password that the kernel takes.
pub const PASSWORD_OCTETS_MAX: usize = 80;

/// The kernel's `struct tcp_md5sig`.
#[repr(C)]
struct Signature {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_length: u8,
    key_octets: u16,
    interface: libc::c_int,
    key: [u8; PASSWORD_OCTETS_MAX],
}

/// Has every segment between this socket and a peer signed. `is_ipv6` says of which family the
/// socket is: one of both families knows an IPv4 peer by its mapped address.
///
/// # Errors
/// The password is too long, or what the kernel says.
pub fn sign(socket: &impl AsRawFd, peer: IpAddr, is_ipv6: bool, password: &[u8]) -> io::Result<()> {
    let peer = match peer {
        IpAddr::V4(ipv4) if is_ipv6 => IpAddr::V6(ipv4.to_ipv6_mapped()),
        peer => peer,
    };
    let mut key = [0; PASSWORD_OCTETS_MAX];
    let (Some(place), Ok(key_octets)) =
        (key.get_mut(..password.len()), u16::try_from(password.len()))
    else {
        return Err(io::Error::other("a password of more than 80 octets"));
    };
    place.copy_from_slice(password);
    let address = SockAddr::from(SocketAddr::new(peer, 0));
    // SAFETY: all zeros are an address of no family, and a `sockaddr_storage` holds any address.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let octets = usize::try_from(address.len()).unwrap_or(0);
    // SAFETY: `address` has `octets` octets, and both lie apart.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut storage).cast::<u8>(),
            octets.min(size_of::<libc::sockaddr_storage>()),
        );
    }
    let signature = Signature {
        address: storage,
        flags: 0,
        prefix_length: 0,
        key_octets,
        interface: 0,
        key,
    };
    let length = libc::socklen_t::try_from(size_of::<Signature>()).unwrap_or(0);
    // SAFETY: the pointer is to a whole `struct tcp_md5sig` of this length that lives until the
    // call ends.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_MD5SIG,
            (&raw const signature).cast(),
            length,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
