//! Messages written as text, so that a test shows the octets it means.
//!
//! A text is words between spaces; each stands for octets in network byte order:
//!
//! | word | octets |
//! |---|---|
//! | `0100`, `00002710` | hexadecimal, as it stands |
//! | `00*12` | the hexadecimal word so many times |
//! | `8.8.8.8`, `2606:4700::1` | an address |
//! | `AS15169`, `AS15169/2` | an AS number in 4 octets, or in so many |
//! | `IE8/4`, `IE82/v` | a Field Specifier with this length, or of variable length |
//! | `IE137/4@2636` | one with an Enterprise Number (IPFIX) |
//! | `"eth0"` | text without spaces |
//!
//! Nothing here is shared with the code under test: Set Lengths, Message Lengths and counts are
//! worked out from the text alone.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Uptime and Export Time of every v9 Message, unless a test patches them.
const V9_CLOCK: &str = "00002710 6a000000";
/// The Observation Domain of every Message, unless a test patches it.
const DOMAIN: &str = "00000007";
/// The Export Time of every IPFIX Message.
const IPFIX_TIME: &str = "6a000000";

/// Returns the octets of a text.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    text.split_whitespace().flat_map(word).collect()
}

fn word(word: &str) -> Vec<u8> {
    if let Some(text) = word
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return text.as_bytes().to_vec();
    }
    if let Some(field) = word.strip_prefix("IE") {
        return field_specifier(field);
    }
    if let Some(number) = word.strip_prefix("AS") {
        let (number, width) = number.split_once('/').unwrap_or((number, "4"));
        let wide = number.parse::<u64>().unwrap().to_be_bytes();
        return wide[8 - width.parse::<usize>().unwrap()..].to_vec();
    }
    if word.contains(':') {
        return word.parse::<Ipv6Addr>().unwrap().octets().to_vec();
    }
    if word.contains('.') {
        return word.parse::<Ipv4Addr>().unwrap().octets().to_vec();
    }
    if let Some((again, times)) = word.split_once('*') {
        return hexadecimal(again).repeat(times.parse().unwrap());
    }
    hexadecimal(word)
}

fn field_specifier(field: &str) -> Vec<u8> {
    let (field, enterprise) = field.split_once('@').unwrap_or((field, ""));
    let (element, length) = field.split_once('/').unwrap();
    let length = match length {
        "v" => 0xFFFF,
        length => length.parse::<u16>().unwrap(),
    };
    let element = element.parse::<u16>().unwrap();
    if enterprise.is_empty() {
        return [element.to_be_bytes(), length.to_be_bytes()].concat();
    }
    let element = (element | 0x8000).to_be_bytes();
    let enterprise = enterprise.parse::<u32>().unwrap().to_be_bytes();
    [&element[..], &length.to_be_bytes(), &enterprise].concat()
}

fn hexadecimal(word: &str) -> Vec<u8> {
    assert_eq!(word.len() % 2, 0, "odd number of digits: {word}");
    let digits = |at: usize| u8::from_str_radix(&word[at..at + 2], 16).unwrap();
    (0..word.len()).step_by(2).map(digits).collect()
}

/// Returns a Set; its Length follows from the content.
pub(crate) fn set(id: u16, content: &str) -> Vec<u8> {
    let content = octets(content);
    let length = u16::try_from(content.len() + 4).unwrap();
    [&id.to_be_bytes()[..], &length.to_be_bytes(), &content].concat()
}

/// Returns a v9 Message with this count, from Source ID 7.
pub(crate) fn v9(sequence: u32, count: u16, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut message = [&[0, 9][..], &count.to_be_bytes(), &octets(V9_CLOCK)].concat();
    message.extend(sequence.to_be_bytes());
    message.extend(octets(DOMAIN));
    message.extend(sets.concat());
    message
}

/// Returns an IPFIX Message of Observation Domain 7; its Length follows from the Sets.
pub(crate) fn ipfix(sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let length = u16::try_from(sets.len() + 16).unwrap();
    let mut message = [&[0, 10][..], &length.to_be_bytes(), &octets(IPFIX_TIME)].concat();
    message.extend(sequence.to_be_bytes());
    message.extend(octets(DOMAIN));
    message.extend(sets);
    message
}

/// Returns a v5 datagram that counts its records as it has them; engine type 1, ID 2.
pub(crate) fn v5(sequence: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap();
    let mut datagram = [&[0, 5][..], &count.to_be_bytes(), &octets(V9_CLOCK)].concat();
    datagram.extend(octets("00000000"));
    datagram.extend(sequence.to_be_bytes());
    datagram.extend(octets("0102 4064"));
    datagram.extend(records.concat());
    datagram
}

/// Returns a v5 record with these addresses, AS numbers and prefix lengths.
pub(crate) fn v5_record(addresses: &str, as_numbers: &str, prefix_lengths: &str) -> Vec<u8> {
    octets(&format!(
        "{addresses} 0a000001 0001 0002 0000000a 00000400 00001000 00002000 \
         c000 01bb 00 18 06 00 {as_numbers} {prefix_lengths} 0000"
    ))
}

/// Returns the octets with those from `offset` on replaced.
pub(crate) fn patched(message: &[u8], offset: usize, text: &str) -> Vec<u8> {
    let new = octets(text);
    let mut message = message.to_vec();
    message[offset..offset + new.len()].copy_from_slice(&new);
    message
}

/// Returns a Message of another Observation Domain.
pub(crate) fn of_domain(message: &[u8], domain: u32) -> Vec<u8> {
    let offset = if message[1] == 9 { 16 } else { 12 };
    patched(message, offset, &format!("{domain:08x}"))
}

/// Returns a Message sent at another Export Time.
pub(crate) fn at_time(message: &[u8], export_time_s: u32) -> Vec<u8> {
    let offset = if message[1] == 9 { 8 } else { 4 };
    patched(message, offset, &format!("{export_time_s:08x}"))
}

/// Shows datagrams one a line, in words of four octets.
pub(crate) fn shown(datagrams: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for datagram in datagrams {
        for (nth, octet) in datagram.iter().enumerate() {
            let gap = if nth % 4 == 0 && nth > 0 { " " } else { "" };
            write!(text, "{gap}{octet:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_word_of_the_notation_has_the_octets_it_promises() {
    let rows: [(&str, &[u8]); 9] = [
        ("0100 02", &[1, 0, 2]),
        ("00ff*2", &[0, 255, 0, 255]),
        ("8.8.4.4", &[8, 8, 4, 4]),
        ("AS15169", &[0, 0, 0x3B, 0x41]),
        ("AS15169/2", &[0x3B, 0x41]),
        ("IE8/4", &[0, 8, 0, 4]),
        ("IE82/v", &[0, 82, 255, 255]),
        ("IE137/4@2636", &[0x80, 137, 0, 4, 0, 0, 0x0A, 0x4C]),
        ("\"ge-0\"", b"ge-0"),
    ];
    for (text, expected) in rows {
        assert_eq!(octets(text), expected, "{text}");
    }
    assert_eq!(octets("::1").len(), 16);
    assert_eq!(set(256, "01"), [1, 0, 0, 5, 1]);
    assert_eq!(v9(1, 2, &[]).len(), 20);
    assert_eq!(ipfix(1, &[set(2, "00")]).len(), 21);
    assert_eq!(
        v5(1, &[v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18")]).len(),
        72
    );
}
