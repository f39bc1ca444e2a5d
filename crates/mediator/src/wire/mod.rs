//! Octets and fields: what RFC 7011, RFC 3954 and NetFlow v5 say about layout.
//!
//! Everything here looks at one datagram and remembers nothing. A Message is read as a header and
//! a list of Sets whose lengths hold together; a Template Set as Template Records; a Data Set is
//! left to the plan of its Template.
//!
//! Not here: which Templates are known (`collect`), what we write (`enrich`, `export`).
//! Bound: every loop advances by at least four octets of a datagram of at most 65,535.

pub mod header;
pub mod octets;
pub mod set;
pub mod template;

/// Octets of a NetFlow v5 header.
pub const V5_HEADER_OCTETS: usize = 24;
/// Octets of a NetFlow v5 record.
pub const V5_RECORD_OCTETS: usize = 48;
/// Octets of a NetFlow v9 header [RFC 3954 §5.1].
pub const V9_HEADER_OCTETS: usize = 20;
/// Octets of an IPFIX Message Header [RFC 7011 §3.1].
pub const IPFIX_HEADER_OCTETS: usize = 16;
/// Octets of a Set Header [RFC 7011 §3.3.2].
pub const SET_HEADER_OCTETS: usize = 4;
/// The smallest Template ID, and so the smallest Set ID of a Data Set [RFC 7011 §3.3.2].
pub const DATA_SET_ID_MIN: u16 = 256;
/// The Field Length of a variable-length field [RFC 7011 §7].
pub const VARIABLE_LENGTH: u16 = 0xFFFF;
