//! The state of every heap at one instant, as plain data: what was live, where, whose, and what was free between.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use memtrace_analysis::{Checkpoints, Nanos, Trace};
//!
//! let trace = Trace::open("run.trace")?;
//! let instant = trace.at(&Checkpoints::default(), Nanos(1_500_000_000))?;
//! for heap in &instant.heaps {
//!     println!("{}: {} in {} blocks", heap.name, heap.figures.allocated_bytes, heap.blocks.len());
//!     for hole in &heap.holes {
//!         println!("  {} free at {}", hole.bytes, hole.address);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod heap;
mod pins;
mod when;

pub use heap::{Block, BlockState, Hole, LiveHeap, OwnerIndex, Segment};
pub use pins::Pin;
pub use when::{When, WhenError};

use memtrace_format::StackId;

use crate::{Checkpoints, Nanos, ReadError, Text, Trace, events::EventPlace, passage::Passage, summary};

/// The state of every heap after some of a trace's events.
#[derive(Clone, Debug)]
pub struct Instant {
    /// The instant that was asked for: every event up to it, itself included, has happened.
    pub time_ns: Nanos,
    /// The heaps in which something had happened by then, in the order of the report.
    pub heaps: Vec<LiveHeap>,
    /// Whose the blocks are, each owner once.
    pub owners: Vec<Owner>,
}

/// Whose a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The module, or `(none)`.
    pub module: Text,
    /// The scopes that were open, or `(none)`.
    pub scope: Text,
    /// The thread that asked for it.
    pub thread: Text,
    /// The stack that asked for it; [`Definitions::frames`](crate::Definitions::frames) has its frames.
    pub stack: StackId,
}

impl Trace {
    /// The state of every heap at an instant: after all events up to it, those of that instant too.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at(&self, checkpoints: &Checkpoints, time: Nanos) -> Result<Instant, ReadError> {
        Ok(summary::picture(&self.replay_to(checkpoints, time)?, time))
    }

    /// The state of every heap right after one event, which happens at `time`: that of this index in the heap number `heap`,
    /// both counted as in the report of the whole trace. So the peak of a heap is `at_event(.., peak.time_ns, heap,
    /// peak.event_index)`, with no other event of the same instant.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at_event(
        &self,
        checkpoints: &Checkpoints,
        time: Nanos,
        heap: usize,
        event_index: u64,
    ) -> Result<Instant, ReadError> {
        let not_kept = self.events_not_kept(heap)?;
        let replay = self.replay_to_event(checkpoints, time, heap, not_kept.saturating_add(event_index))?;
        Ok(summary::picture(&replay, time))
    }

    /// The state of every heap right after the event at this place, with no later event of the same instant.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn at_place(&self, checkpoints: &Checkpoints, place: EventPlace) -> Result<Instant, ReadError> {
        Ok(summary::picture(&self.replay_to_place(checkpoints, place)?, place.time))
    }

    /// How many events of the heap are folded into what a ring keeps of its past.
    fn events_not_kept(&self, heap: usize) -> Result<u64, ReadError> {
        if self.kept_from().is_none() {
            return Ok(0);
        }
        let start = Passage::begin(self)?;
        Ok(start.replay.heaps.get(heap).map_or(0, |heap| heap.watch.first_event))
    }
}

impl Instant {
    /// The heap of this name.
    pub fn heap(&self, name: &str) -> Option<&LiveHeap> {
        self.heaps.iter().find(|heap| heap.name.recorded() == name)
    }

    /// Whose the block is.
    pub fn owner(&self, block: &Block) -> &Owner {
        &self.owners[block.owner.0 as usize]
    }
}
