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

pub use heap::{BlockState, Hole, LiveBlock, LiveHeap, LiveSegment, OwnerIndex};
pub use pins::SegmentPin;

use memtrace_format::StackId;

use crate::{Nanos, Text};

/// The state of every heap after some of a trace's events.
#[derive(Clone, Debug)]
pub struct HeapSnapshot {
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

impl HeapSnapshot {
    /// The heap of this name.
    pub fn heap(&self, name: &str) -> Option<&LiveHeap> {
        self.heaps.iter().find(|heap| heap.name.recorded() == name)
    }

    /// Whose the block is.
    pub fn owner(&self, block: &LiveBlock) -> &Owner {
        &self.owners[block.owner.0 as usize]
    }
}
