//! The program's edge: octets of files and networks become datagrams, and the other way round.
//!
//! Whatever opens a file hands a reader or a writer in here, so that every part is tested with
//! octets and none with a path.
//!
//! Not here: what a datagram means (`mediator`), which files there are (`cli`, `sources`).

pub mod background;
pub mod capture;
mod checksum;
pub mod clock;
pub mod connection;
pub mod cores;
pub mod datagram;
pub mod fragments;
pub mod instance;
pub mod ip;
pub mod link;
pub mod open;
pub mod pcap_out;
pub mod port_owner;
pub mod probe;
pub mod routes;
pub mod service;
pub mod state_file;
pub mod steering;
pub mod tcp_md5;
pub mod tls;
pub mod udp;
pub mod unread;
