//! Which worker an exporter belongs to: the kernel and we compute it alike.
//!
//! The sockets of all workers form one group. A program in the kernel, in its classic packet
//! filter language, picks the socket by the source address alone: an exporter that changes its
//! port still meets the Templates that it announced. [`Steering::worker_of`] is the same function
//! for whoever must know beforehand, as saved state is handed to the worker that will need it.
//!
//! Neighbouring addresses are the rule, so every bit of an address must count for the remainder:
//! each 32-bit word is multiplied and its upper half folded down, and the sum twice more.
//!
//! Not here: the sockets (`io::open`), the state (`daemon`).
//! Bound: [`WORKERS_MAX`] workers; a program of some fifty instructions, run for each datagram.

use std::net::IpAddr;

use libc::{
    BPF_A, BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_IMM, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX,
    BPF_MOD, BPF_MUL, BPF_RET, BPF_RSH, BPF_TAX, BPF_TXA, BPF_W, BPF_X, BPF_XOR, SKF_NET_OFF,
    sock_filter,
};

/// The class of instructions that copy one register to the other.
const REGISTERS: u32 = 0x07;

/// Workers at most; more would share caches and memory to no use.
pub const WORKERS_MAX: usize = 64;

/// A step of mixing: multiply, then fold the upper bits down.
#[derive(Clone, Copy)]
struct Step {
    factor: u32,
    shift: u32,
}

/// For each word of an address: the bits of the golden ratio.
const WORD: Step = Step {
    factor: 0x9E37_79B1,
    shift: 16,
};
/// For the sum of them: as MurmurHash3 ends.
const LAST: [Step; 2] = [
    Step {
        factor: 0x85EB_CA6B,
        shift: 13,
    },
    Step {
        factor: 0xC2B2_AE35,
        shift: 16,
    },
];

/// Where the source address begins, in octets from the IP header [RFC 791 §3.1, RFC 8200 §3].
const IPV4_SOURCE: u32 = 12;
const IPV6_SOURCE: u32 = 8;
const IPV6_WORDS: u32 = 4;

/// The distribution of exporters over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    /// 1 to [`WORKERS_MAX`].
    workers_count: u32,
}

impl Steering {
    /// Distributes exporters over at least one and at most [`WORKERS_MAX`] workers.
    #[must_use]
    pub fn over(workers_count: usize) -> Self {
        let workers_count = workers_count.clamp(1, WORKERS_MAX);
        Self {
            workers_count: u32::try_from(workers_count).unwrap_or(1),
        }
    }

    /// How many workers there are.
    #[must_use]
    pub const fn workers_count(self) -> usize {
        self.workers_count as usize
    }

    /// Returns the index of the worker that an exporter belongs to.
    #[must_use]
    pub fn worker_of(self, exporter: IpAddr) -> usize {
        let mixed = match exporter.to_canonical() {
            IpAddr::V4(v4) => WORD.mix(v4.to_bits()),
            IpAddr::V6(v6) => {
                let octets = v6.octets();
                let (words, _) = octets.as_chunks();
                let words = words.iter().map(|word| u32::from_be_bytes(*word));
                words.fold(0, |sum, word| WORD.mix(sum ^ word))
            }
        };
        let hash = LAST.iter().fold(mixed, |sum, step| step.mix(sum));
        (hash % self.workers_count) as usize
    }

    /// Returns the program that computes [`Steering::worker_of`] from a datagram's IP header.
    #[must_use]
    pub fn program(self) -> Vec<sock_filter> {
        let words = 0..IPV6_WORDS;
        let mut of_ipv6: Vec<_> = words
            .flat_map(|word| mix_word_at(IPV6_SOURCE + 4 * word))
            .collect();
        of_ipv6.extend(self.finish());
        let is_ipv6 = sock_filter {
            jf: u8::try_from(of_ipv6.len()).unwrap_or(u8::MAX),
            ..instruction(BPF_JMP | BPF_JEQ | BPF_K, 0x60)
        };
        let mut program = vec![
            instruction(BPF_LDX | BPF_IMM, 0),
            load(BPF_B, 0),
            instruction(BPF_ALU | BPF_AND | BPF_K, 0xF0),
            is_ipv6,
        ];
        program.extend(of_ipv6);
        program.extend(mix_word_at(IPV4_SOURCE));
        program.extend(self.finish());
        program
    }

    /// From the sum in X to the answer.
    fn finish(self) -> Vec<sock_filter> {
        let mut program = vec![instruction(REGISTERS | BPF_TXA, 0)];
        program.extend(LAST.iter().flat_map(|step| step.program()));
        program.push(instruction(BPF_ALU | BPF_MOD | BPF_K, self.workers_count));
        program.push(instruction(BPF_RET | BPF_A, 0));
        program
    }
}

impl Step {
    const fn mix(self, sum: u32) -> u32 {
        let product = sum.wrapping_mul(self.factor);
        product ^ (product >> self.shift)
    }

    /// [`Step::mix`] of what is in A, into A.
    fn program(self) -> [sock_filter; 4] {
        [
            instruction(BPF_ALU | BPF_MUL | BPF_K, self.factor),
            instruction(REGISTERS | BPF_TAX, 0),
            instruction(BPF_ALU | BPF_RSH | BPF_K, self.shift),
            instruction(BPF_ALU | BPF_XOR | BPF_X, 0),
        ]
    }
}

/// Adds the word at an offset of the IP header to the sum in X.
fn mix_word_at(offset: u32) -> Vec<sock_filter> {
    let mut program = vec![
        load(BPF_W, offset),
        instruction(BPF_ALU | BPF_XOR | BPF_X, 0),
    ];
    program.extend(WORD.program());
    program.push(instruction(REGISTERS | BPF_TAX, 0));
    program
}

/// Loads from the IP header, wherever the kernel's own pointer stands by then.
fn load(size: u32, offset: u32) -> sock_filter {
    let from = SKF_NET_OFF.cast_unsigned().wrapping_add(offset);
    instruction(BPF_LD | size | BPF_ABS, from)
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter {
        // Every code is of one octet.
        code: u16::try_from(code).unwrap_or(0),
        jt: 0,
        jf: 0,
        k,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// Runs a program as the kernel does, by its documentation: A and X of 32 bits that wrap.
    fn run(program: &[sock_filter], ip_header: &[u8]) -> u32 {
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
        loop {
            let sock_filter { code, jf, k, .. } = program[at];
            at += 1;
            let offset = || (k - SKF_NET_OFF.cast_unsigned()) as usize;
            match code {
                0x30 => a = u32::from(ip_header[offset()]),
                0x20 => {
                    let word = ip_header[offset()..].first_chunk().unwrap();
                    a = u32::from_be_bytes(*word);
                }
                0x01 => x = k,
                0x24 => a = a.wrapping_mul(k),
                0x54 => a &= k,
                0x74 => a >>= k,
                0x94 => a %= k,
                0xAC => a ^= x,
                0x07 => x = a,
                0x87 => a = x,
                0x15 if a == k => {}
                0x15 => at += usize::from(jf),
                0x16 => return a,
                other => panic!("{other:#x} is no instruction of ours"),
            }
        }
    }

    fn header_of(source: IpAddr) -> Vec<u8> {
        match source {
            IpAddr::V4(v4) => {
                let mut header = vec![0x45; 20];
                header[12..16].copy_from_slice(&v4.octets());
                header
            }
            IpAddr::V6(v6) => {
                let mut header = vec![0x6F; 40];
                header[8..24].copy_from_slice(&v6.octets());
                header
            }
        }
    }

    /// Addresses as sites number their routers: neighbours, and the same host in many networks.
    fn sites() -> Vec<Vec<IpAddr>> {
        let v4 = |first: u32, step: u32| -> Vec<IpAddr> {
            (0..256)
                .map(|nth| Ipv4Addr::from_bits(first + nth * step).into())
                .collect()
        };
        let v6 = |first: u128, shift: u32| -> Vec<IpAddr> {
            (0..256_u128)
                .map(|nth| Ipv6Addr::from_bits(first + (nth << shift)).into())
                .collect()
        };
        let documentation = 0x2001_0DB8_u128 << 96;
        vec![
            v4(0xC000_0200, 1),
            v4(0x7F00_0001, 1),
            v4(0x0A00_0001, 1 << 8),
            v4(0x0A00_0001, 1 << 16),
            v4(0x0A00_0001, 4),
            v6(documentation, 0),
            v6(documentation + 1, 64),
            v6(documentation + 1, 80),
            v6(documentation + 1, 32),
        ]
    }

    #[test]
    fn the_program_and_the_function_agree() {
        for workers_count in [1, 2, 3, 4, 7, 32, WORKERS_MAX] {
            let steering = Steering::over(workers_count);
            let program = steering.program();
            for source in sites().into_iter().flatten() {
                let worker = run(&program, &header_of(source)) as usize;
                assert_eq!(worker, steering.worker_of(source), "{source}");
                assert!(worker < workers_count);
            }
        }
    }

    #[test]
    fn neighbours_and_equal_hosts_of_many_networks_spread_evenly() {
        for (site, sources) in sites().iter().enumerate() {
            for workers_count in [2, 3, 4, 8] {
                let steering = Steering::over(workers_count);
                let mut shares = vec![0_usize; workers_count];
                for source in sources {
                    shares[steering.worker_of(*source)] += 1;
                }
                let fair = sources.len() / workers_count;
                for share in &shares {
                    assert!(
                        (fair / 2..=fair * 3 / 2).contains(share),
                        "site {site}: {shares:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_that_it_is() {
        let steering = Steering::over(WORKERS_MAX);
        let v4 = Ipv4Addr::new(192, 0, 2, 77);
        let mapped = v4.to_ipv6_mapped();
        assert_eq!(
            steering.worker_of(v4.into()),
            steering.worker_of(mapped.into())
        );
    }

    #[test]
    fn there_is_always_one_worker_and_never_too_many() {
        assert_eq!(Steering::over(0).workers_count(), 1);
        assert_eq!(Steering::over(1000).workers_count(), WORKERS_MAX);
    }
}
