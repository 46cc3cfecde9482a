//! The one word that every event reads first: it says whether recording is on.

use std::sync::atomic::{AtomicU8, Ordering};

use memtrace_format::ClockKind;

use crate::session;

/// Alone on a page of its own that starts as zero (off), so that the kernel can wipe it in a forked child.
#[repr(C, align(4096))]
struct Page {
    mode: AtomicU8,
    padding: [u8; Page::BYTES - 1],
}

impl Page {
    const BYTES: usize = 4096;
}

static STATE: Page = Page { mode: AtomicU8::new(0), padding: [0; Page::BYTES - 1] };

/// What an event has to do: nothing, or read this clock and be recorded, or be counted as lost. Its sign tells them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Mode(u8);

impl Mode {
    const OFF: Self = Self(0);

    /// Recording had to stop before its time.
    const STOPPED: Self = Self(0x80);

    /// The mode for recording with this clock.
    pub(crate) const fn on(clock: ClockKind) -> Self {
        Self(clock as u8)
    }

    /// Whether events are recorded.
    #[inline(always)]
    pub(crate) fn is_on(self) -> bool {
        self.0.cast_signed() > 0
    }

    /// Whether events are counted and nothing else.
    #[inline(always)]
    pub(crate) fn is_stopped(self) -> bool {
        self.0.cast_signed() < 0
    }

    /// Whether events are neither recorded nor counted.
    #[inline(always)]
    pub(crate) fn is_off(self) -> bool {
        self == Self::OFF
    }

    /// Whether the clock is the processor's counter.
    #[inline(always)]
    pub(crate) fn reads_counter(self) -> bool {
        self.0 == ClockKind::Tsc as u8
    }
}

/// The mode now.
#[inline(always)]
pub(crate) fn mode() -> Mode {
    // Relaxed: a thread that sees the change late records or skips a few events more, and everything that recording
    // needs is reached through a pointer that is published with Release.
    Mode(STATE.mode.load(Ordering::Relaxed))
}

/// Turns recording on, and off by itself in every child of this process, until a child turns it on for itself.
pub(crate) fn turn_on(mode: Mode) {
    // SAFETY: `STATE` is page-aligned, one page long, lives for ever and holds nothing but the mode; wiping it in a
    // child sets the mode there to off. Where the page size is larger or the page is backed by the executable's file,
    // the kernel refuses and changes nothing; then the fork handler alone turns the child off.
    unsafe {
        libc::madvise((&raw const STATE).cast_mut().cast(), Page::BYTES, libc::MADV_WIPEONFORK);
    }
    STATE.mode.store(mode.0, Ordering::Relaxed);
}

/// No event can be recorded any more: those to come are only counted, as lost. Nothing if recording is not on.
pub(crate) fn stop() {
    let stop = |mode| Mode(mode).is_on().then_some(Mode::STOPPED.0);
    // Relaxed: as `mode`.
    let _ = STATE.mode.fetch_update(Ordering::Relaxed, Ordering::Relaxed, stop);
}

/// Turns recording off.
pub(crate) fn turn_off() {
    STATE.mode.store(Mode::OFF.0, Ordering::Relaxed);
}

/// Whether events are being recorded. A program need not ask: every call of this crate asks by itself, at the cost of a
/// load and a branch. Ask before work that serves the recording alone, such as formatting a name.
#[inline(always)]
pub fn enabled() -> bool {
    mode().is_on()
}

/// Runs before `main`, so that every thread and every allocation of the engine can be recorded. It stands beside the word
/// that every event reads, so that a linker which takes events out of an archive takes this too.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = {
    extern "C" fn start() {
        session::start_from_environment();
    }
    start
};

const _: () = assert!(
    Mode::on(ClockKind::Tsc).0 < Mode::STOPPED.0 && Mode::on(ClockKind::Monotonic).0 < Mode::STOPPED.0
);

const _: () = assert!(std::mem::offset_of!(Page, padding) == 1 && size_of::<Page>() == Page::BYTES);
