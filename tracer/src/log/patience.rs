//! Decides what a thread does that finds no chunk ready: it goes on at once or, where the program's user prefers slower threads to lost
//! events, it waits.
//!
//! Nobody waits for ever. The helper may be held up by the very thread that waits for it: an allocator that is traced and that
//! maps memory under a lock of its own has its thread wait here with the lock, and the helper allocates too.

use std::time::{Duration, Instant};

use memtrace_format::DropCause;

use super::Chunk;
use crate::{
    options::Full,
    sync::{AtomicBool, Ordering},
};

/// How long one event waits.
const LONGEST: Duration = Duration::from_secs(1);

/// How long a thread sleeps before it looks again, at first and at most.
const SLEEP: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(1));

pub(super) struct Patience {
    when_full: Full,
    /// Somebody has waited in vain. Nobody waits again before a chunk is there.
    exhausted: AtomicBool,
}

impl Patience {
    pub(super) fn new(when_full: Full) -> Self {
        Self { when_full, exhausted: AtomicBool::new(false) }
    }

    /// Looks with `take` for a chunk until there is one, or none will come, or this has lasted too long. Looks once at least.
    pub(super) fn wait(
        &self,
        mut take: impl FnMut() -> Result<Chunk, DropCause>,
    ) -> Result<Chunk, DropCause> {
        let begin = Instant::now();
        let mut sleep = SLEEP.0;
        loop {
            match take() {
                Err(DropCause::NoChunk) if self.waits() && begin.elapsed() < LONGEST => {
                    std::thread::sleep(sleep);
                    sleep = (sleep * 2).min(SLEEP.1);
                }
                outcome => {
                    if self.when_full == Full::Wait {
                        self.exhausted.store(outcome.is_err(), Ordering::Relaxed);
                    }
                    return outcome;
                }
            }
        }
    }

    /// Whether a thread that finds no chunk waits for one.
    pub(super) fn waits(&self) -> bool {
        self.when_full == Full::Wait && !self.exhausted.load(Ordering::Relaxed)
    }
}
