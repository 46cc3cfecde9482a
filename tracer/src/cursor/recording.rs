//! Gives a cursor what it needs of its recording.

use memtrace_format::{ThreadId, Ticks};

use crate::{
    clock,
    log::Log,
    session::Session,
    state::{self, Mode},
};

/// What a cursor needs of the recording when its chunk is full.
pub(crate) trait Recording {
    fn log(&self) -> &Log;

    /// Whether events are recorded still. Not in a forked child, whose parent's chunks are out of reach.
    fn is_on(&self) -> bool;

    /// The time.
    fn now(&self) -> Ticks;

    /// An id for the calling thread.
    fn define_thread(&self) -> ThreadId;

    /// No event will be recorded any more.
    fn stop(&self);
}

impl Recording for Session {
    fn log(&self) -> &Log {
        &self.log
    }

    fn is_on(&self) -> bool {
        state::enabled()
    }

    fn now(&self) -> Ticks {
        clock::now(Mode::on(self.clock))
    }

    fn define_thread(&self) -> ThreadId {
        self.definitions.thread(&self.log)
    }

    fn stop(&self) {
        state::stop();
    }
}
