//! The library in a program that knows nothing of it: `memtrace record` names it in `LD_PRELOAD`, and the dynamic linker
//! takes the functions below in place of the originals.
//!
//! Each hook does what it stands for by calling the [`next`] definition, and beside that records. A free is recorded before
//! it happens, an alloc after it happened, as everywhere in the tracer. A hook asks the program's allocator for nothing
//! ([`memory`]), takes no lock but those of what this library keeps, under which nobody calls the program, and keeps `errno`.
//! What the tracer itself does on a thread (see [`memtrace_tracer::inside`]) comes through here too, and is left alone.
//!
//! Unless the environment says `MEMTRACE_RECORD`, which `memtrace record` alone sets, the hooks pass on what they are asked,
//! at the cost of one relaxed load: an engine that links the library for its C interface is not recorded behind its back.

mod environment;

mod next;

mod pages;

mod memory;

mod flags;

mod extents;

mod pools;

mod callers;

mod code;

mod stacks;

mod host;

mod exec;

mod driver;

mod torch;

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process is recorded by preload.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Whether hooks record at all: the first thing that each asks.
#[inline(always)]
pub(crate) fn active() -> bool {
    // Relaxed: it is set before `main` and stays.
    ACTIVE.load(Ordering::Relaxed)
}

/// Whether a hook is to record what it just did or is about to do: recording is on, and it is not the tracer's own doing. Where
/// recording had to stop, that is counted as lost.
#[inline(always)]
pub(crate) fn records() -> bool {
    active() && memtrace_tracer::enabled_or_counted() && !memtrace_tracer::inside()
}

/// Whether hooks record now, for whoever asks before there is anything to record.
#[inline(always)]
pub(crate) fn listens() -> bool {
    active() && memtrace_tracer::enabled() && !memtrace_tracer::inside()
}

/// Runs when the library is loaded. Whether the tracer has begun by then does not matter: each event asks.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = {
    extern "C" fn start() {
        if environment::begin() {
            ACTIVE.store(true, Ordering::Relaxed);
        }
    }
    start
};

/// Runs what is no part of what the program asked for, so that the program's `errno` stays.
fn keeping_errno<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the place is this thread's own.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *place };
    let result = work();
    // SAFETY: as above.
    unsafe { *place = before };
    result
}
