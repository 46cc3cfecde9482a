//! The only place where the engine calls the tracer: hand the event over, then acknowledge it.
//!
//! Everything here does nothing worth mentioning when no recording is on.

mod acks;
mod heap;
mod module;
mod span;
mod swapper;

use std::path::Path;

use memtrace_tracer as memtrace;

use self::acks::acknowledge;
pub(crate) use self::acks::{enter_thread, thread_name, threads};
pub(crate) use self::heap::{Counter, Heap, Pool};
pub(crate) use self::module::{Method, Module, Place, Reason};
pub(crate) use self::span::{Mark, Phase, Scope};
pub(crate) use self::swapper::{Swapper, Weights};
use crate::quantity::Bytes;

/// Names the engine in the trace, and gives each of `slots` threads a place to acknowledge in; the caller is the first.
pub(crate) fn start(acks: Option<&Path>, slots: usize) -> anyhow::Result<()> {
    acks::open(acks, slots)?;
    enter_thread(0);
    memtrace::engine(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Ok(())
}

fn bytes(size: Bytes) -> memtrace::Bytes {
    memtrace::Bytes(size.0)
}

/// A guard of the tracer's whose end is as many events as its beginning was.
struct Acknowledged<Guard> {
    guard: Option<Guard>,
    events: u32,
}

impl<Guard> Acknowledged<Guard> {
    /// Takes a guard that was begun just now.
    fn begun(guard: Guard, events: u32) -> Acknowledged<Guard> {
        (0..events).for_each(|_| acknowledge());
        Acknowledged { guard: Some(guard), events }
    }
}

impl<Guard> Drop for Acknowledged<Guard> {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            drop(guard);
            (0..self.events).for_each(|_| acknowledge());
        }
    }
}
