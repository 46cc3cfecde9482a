//! Whole programs: what a run of one uses.

use std::{
    io, mem,
    process::Command,
    time::{Duration, Instant},
};

/// What a run of a program used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// From the moment before it was started to the one after it was gone.
    pub wall: Duration,
    /// CPU time of all its threads, in the program and in the kernel.
    pub cpu: Duration,
    /// The most memory it had, in bytes; pages of mapped files count.
    pub peak_resident: u64,
    /// Whether it ended with status 0.
    pub success: bool,
}

/// Runs a program to its end.
///
/// # Errors
///
/// It cannot be started.
pub fn run(command: &mut Command) -> io::Result<Usage> {
    let before = Instant::now();
    let child = command.spawn()?;
    let mut status = 0;
    // SAFETY: all zeros is a valid value of the type, which is plain numbers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: both places are valid to write to, and nobody else waits for the child.
    while unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut usage) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(Usage {
        wall: before.elapsed(),
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_resident: usage.ru_maxrss.cast_unsigned() << 10,
        success: status == 0,
    })
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.cast_unsigned()) + Duration::from_micros(time.tv_usec.cast_unsigned())
}
