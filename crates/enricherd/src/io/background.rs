//! A thread that must not be in the way, and memory that goes back to the system.
//!
//! Not here: what is done in the background (`daemon`).
#![allow(
    unsafe_code,
    reason = "std knows neither the niceness of a thread nor the allocator of the C library"
)]

use std::io;

/// Lets the calling thread run when nobody else wants to, and stop at once when somebody does: the
/// nicest of ordinary threads would first use up its slice.
///
/// # Errors
/// What the kernel says.
pub fn be_nice() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a whole parameter that lives until the call ends; 0 is the calling
    // thread.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const priority) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the calling thread stand back where others want to run, but not wait for ever: routers end
/// a session that says nothing.
///
/// # Errors
/// What the kernel says.
pub fn be_modest() -> io::Result<()> {
    const NICENESS: libc::c_int = 10;
    // SAFETY: the call takes numbers; on Linux 0 is the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Blocks from this size on are asked of the system one by one and go back when they are freed.
const LARGE_BLOCK_BYTES: libc::c_int = 1 << 20;

/// Keeps large blocks apart from small ones, so that they leave no holes between them: the C
/// library of GNU would move the border up with the first one that is freed.
pub fn keep_large_blocks_apart() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes numbers and sets a parameter of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    }
}

/// Gives memory that was freed back to the system: the C library of GNU keeps much of it.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes a number and touches only memory that nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}
