//! What the whole process takes of the host: processor time and memory.
//!
//! Not here: what the workers take for exporters (`mediator`).

use std::fs;

use report::Snapshot;
use report::catalogue::labelled;

/// Puts in what the kernel says of this process; what it does not say is left out.
pub(crate) fn put(snapshot: &mut Snapshot) {
    if let Some(cpu_ms) = cpu_ms() {
        snapshot.put(&labelled::PROCESS_CPU, cpu_ms);
    }
    if let Some(bytes) = resident_bytes() {
        snapshot.put(&labelled::PROCESS_BYTES, bytes);
    }
}

/// Returns the processor time of all threads of this process.
#[must_use]
pub fn cpu_ms() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold blanks.
    let (_, fields) = text.rsplit_once(") ")?;
    let field = |index: usize| fields.split(' ').nth(index)?.parse::<u64>().ok();
    let ticks = field(11)?.saturating_add(field(12)?);
    // A tick is a hundredth of a second on every Linux that we run on [proc(5)].
    Some(ticks.saturating_mul(10))
}

/// Returns the bytes of memory that this process has in use.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_this_process_takes() {
        assert!(cpu_ms().is_some());
        assert!(resident_bytes().unwrap() > 1 << 20);
    }
}
