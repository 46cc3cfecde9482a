//! The recording: whether it is on, how it starts and ends, whose it is.

use std::{
    ffi::{CStr, OsStr, c_char},
    os::unix::ffi::OsStrExt,
};

use memtrace_tracer::{Mode, Options, Sampling};

use crate::boundary::{guarded, text};

/// The version of this interface. It grows when something is added; what is there stays.
pub const MEMTRACE_ABI: u32 = 2;

/// When the file has its largest size, recording stops.
pub const MEMTRACE_MODE_STOP: u32 = 0;
/// When the file has its largest size, the newest events are kept.
pub const MEMTRACE_MODE_RING: u32 = 1;

/// The MEMTRACE_ABI of the library that is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_abi() -> u32 {
    MEMTRACE_ABI
}

/// Whether events are being recorded. Every call asks by itself; ask before work that serves the recording alone.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_enabled() -> bool {
    memtrace_tracer::enabled()
}

/// Begins recording into `file`, which must not exist; if it does, the process id is put into its name. `max_size` is the
/// largest size of the file in bytes, 0 for the default: none, or 256 MiB in a ring. False: not recording, because the
/// process records already, has recorded before, or the file cannot be made; a line on stderr says which. A program need
/// not call it: MEMTRACE_FILE does the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_start(file: *const c_char, max_size: u64, mode: u32) -> bool {
    if file.is_null() {
        return false;
    }
    // SAFETY: it is not NULL, and the caller passes a string.
    let file = unsafe { CStr::from_ptr(file) };
    guarded(|| {
        let mut options = Options::new(OsStr::from_bytes(file.to_bytes()));
        options.max_size = Some(max_size).filter(|&bytes| bytes > 0);
        options.mode = if mode == MEMTRACE_MODE_RING { Mode::Ring } else { Mode::Stop };
        // What is malformed changes nothing; where MEMTRACE_FILE is set, it was said already.
        options.sampling = Sampling::from_environment().0;
        memtrace_tracer::start_or_say(&options)
    })
}

/// Ends recording and closes the log. A program need not call it: it happens when the process exits.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_finish() {
    guarded(memtrace_tracer::finish);
}

/// Says which engine this is. Until then the log names the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_engine(name: *const c_char, version: *const c_char) {
    if memtrace_tracer::enabled() {
        // SAFETY: the caller passes strings.
        let (name, version) = unsafe { (text(name), text(version)) };
        guarded(|| memtrace_tracer::engine(&name, &version));
    }
}
