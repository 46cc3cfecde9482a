//! Wakes the helper: at the first chunk that a thread takes, at one after which few are left, and at the end of the recording.
//!
//! A futex, because whoever rings must not wait for anybody, and because parking a thread of the standard library has
//! thread-local values (see `thread.rs`).

use std::time::Duration;

use crate::sync::{AtomicU32, Ordering, fence};

/// The helper says how it is about to sleep, looks once more whether there is something to do, and sleeps if not.
pub(crate) struct Bell {
    helper: AtomicU32,
}

const AWAKE: u32 = 0;

/// Sleeps for so short a time that only want of chunks and the end of the recording wake it.
const NAPS: u32 = 1;

/// Wants to be woken when a chunk is taken.
const LISTENS: u32 = 2;

impl Bell {
    pub(crate) fn new() -> Self {
        Self { helper: AtomicU32::new(AWAKE) }
    }

    /// Wakes the helper if it listens. Call it after what it should see. A system call at most once for each time that the
    /// helper listens, and a load otherwise.
    ///
    /// The fences of both sides are in one order. If this one is the first, the helper sees what was done before it when it
    /// looks again; if `listen`'s is, this thread sees that it listens.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        // Relaxed: the fence orders it. The exchange lets one of several threads make the call.
        if self.helper.load(Ordering::Relaxed) == LISTENS {
            self.wake_from(LISTENS);
        }
    }

    /// As [`ring`](Self::ring), out of a short sleep as well: there is little left for threads to take.
    pub(crate) fn hurry(&self) {
        fence(Ordering::SeqCst);
        let sleep = self.helper.load(Ordering::Relaxed);
        if sleep != AWAKE {
            self.wake_from(sleep);
        }
    }

    /// Wakes the helper however it sleeps.
    pub(crate) fn ring_for_the_end(&self) {
        fence(Ordering::SeqCst);
        self.wake_from(LISTENS);
        self.wake_from(NAPS);
    }

    /// Wants to be woken by [`ring`](Self::ring) from now on. The caller looks once more whether there is something to do; it
    /// sees it, or a ring ends the sleep.
    pub(crate) fn listen(&self) {
        self.helper.store(LISTENS, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Wants to be woken by [`hurry`](Self::hurry) and the end of the recording alone from now on; otherwise as [`listen`](Self::listen).
    pub(crate) fn nap(&self) {
        self.helper.store(NAPS, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Wants to be woken no more. Whether nobody has rung.
    pub(crate) fn wake_up(&self) -> bool {
        self.helper.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }

    fn wake_from(&self, sleep: u32) {
        if self.helper.compare_exchange(sleep, AWAKE, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            #[cfg(not(loom))]
            // SAFETY: FUTEX_WAKE looks at no memory.
            unsafe {
                let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
                libc::syscall(libc::SYS_futex, self.helper.as_ptr(), operation, 1);
            }
        }
    }

    /// Sleeps until somebody rings, or for this time. Returns early now and then, too.
    #[cfg(not(loom))]
    pub(super) fn sleep(&self, time: Duration) {
        let helper = self.helper.load(Ordering::Relaxed);
        if helper == AWAKE {
            return;
        }
        let time =
            libc::timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: i64::from(time.subsec_nanos()) };
        // SAFETY: the word and the time are valid places to read, for as long as the call takes.
        unsafe {
            let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
            libc::syscall(libc::SYS_futex, self.helper.as_ptr(), operation, helper, &raw const time);
        }
    }

    #[cfg(loom)]
    pub(super) fn sleep(&self, _: Duration) {}
}
