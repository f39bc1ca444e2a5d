//! Messages as a router would send them, by code that the product does not have.

/// A message of a type.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend(u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    octets.push(kind);
    octets.extend_from_slice(body);
    octets
}

/// KEEPALIVE.
pub(crate) fn keepalive() -> Vec<u8> {
    message(4, &[])
}

/// An OPEN with these capabilities.
pub(crate) fn open(asn: u32, hold_time_s: u16, identifier: u32, capabilities: &[u8]) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(u16::try_from(asn).unwrap_or(23456).to_be_bytes());
    body.extend(hold_time_s.to_be_bytes());
    body.extend(identifier.to_be_bytes());
    let count = u8::try_from(capabilities.len()).unwrap();
    body.extend([count + 2, 2, count]);
    body.extend_from_slice(capabilities);
    message(1, &body)
}

/// Both families, route refresh, wide AS numbers, graceful restart of two minutes.
pub(crate) fn usual(asn: u32) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 65, 4];
    capabilities.extend(asn.to_be_bytes());
    capabilities.extend([64, 10, 0, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80]);
    capabilities
}

/// A path attribute.
pub(crate) fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut octets = vec![flags | 0x10, kind];
    octets.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    octets.extend_from_slice(value);
    octets
}

/// An AS_PATH of one sequence.
pub(crate) fn path(asns: &[u32]) -> Vec<u8> {
    let mut value = vec![2, u8::try_from(asns.len()).unwrap()];
    value.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    attribute(0x40, 2, &value)
}

/// ORIGIN, AS_PATH, NEXT_HOP.
pub(crate) fn attributes(asns: &[u32]) -> Vec<u8> {
    let mut list = attribute(0x40, 1, &[0]);
    list.extend(path(asns));
    list.extend(attribute(0x40, 3, &[192, 0, 2, 1]));
    list
}

/// An UPDATE of its three parts.
pub(crate) fn update(withdrawn: &[u8], attributes: &[u8], routes: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(withdrawn.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    body.extend_from_slice(withdrawn);
    body.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(attributes);
    body.extend_from_slice(routes);
    message(2, &body)
}

/// A message of BMP.
pub(crate) fn bmp(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![3];
    octets.extend(u32::try_from(6 + content.len()).unwrap().to_be_bytes());
    octets.push(kind);
    octets.extend_from_slice(content);
    octets
}

/// The header of a peer of BMP with an IPv4 address.
pub(crate) fn peer(kind: u8, flags: u8, address: [u8; 4], asn: u32) -> Vec<u8> {
    let mut octets = vec![kind, flags];
    octets.extend([0; 8 + 12]);
    octets.extend(address);
    octets.extend(asn.to_be_bytes());
    octets.extend([0; 12]);
    octets
}
