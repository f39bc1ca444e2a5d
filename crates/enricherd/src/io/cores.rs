//! The cores of this host: how many a process may use, and tying a thread to one.
//!
//! Not here: which worker is tied to which core (`daemon`).
#![allow(
    unsafe_code,
    reason = "the set of cores is a structure that the system calls fill"
)]

use std::io;
use std::mem;
use std::thread;

/// Returns how many cores this process may use: those that it is confined to, and no more than its
/// share of time is worth; 1 if that cannot be known.
#[must_use]
pub fn usable_count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Ties the calling thread to a core, counted from 0 as the kernel does.
///
/// # Errors
/// What the kernel says: there is no such core, or this process is kept from it.
pub fn stay_on(core: u16) -> io::Result<()> {
    let core = usize::from(core);
    // SAFETY: all zeroes is a valid set, the empty one.
    let mut cores: libc::cpu_set_t = unsafe { mem::zeroed() };
    if core >= 8 * mem::size_of::<libc::cpu_set_t>() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the set has room for this core, as was just seen.
    unsafe { libc::CPU_SET(core, &mut cores) };
    // SAFETY: the pointer is to a whole set of the size given, which lives until the call ends;
    // 0 is the calling thread.
    let outcome =
        unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const cores) };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_on_a_core_and_not_on_one_that_there_is_not() {
        let outcome = thread::spawn(|| {
            // A process that is confined may lack any core but one.
            let core = (0..1024).find(|core| stay_on(*core).is_ok());
            (core, usable_count(), stay_on(u16::MAX))
        });
        let (core, usable, impossible) = outcome.join().unwrap();
        assert!(core.is_some());
        assert_eq!(usable, 1, "a thread of one core has one core");
        assert_eq!(impossible.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
