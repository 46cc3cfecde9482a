//! The event: what a record means. Both sides of the file use this one mapping.

mod coding;

use core::time::Duration;

use crate::{
    Address, Bytes, CounterId, DropCause, HeapId, HostMemory, ModuleId, NameId, PoolId, Reason, Record,
    StackId, ThreadId, Ticks, Tier,
};

/// Something that happened, at a time and on a thread that the record and its chunk tell.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A segment was reserved from the driver.
    SegmentAlloc(Segment),
    /// A segment was given back to the driver.
    SegmentFree(Segment),
    /// A part of a reserved address range got memory.
    SegmentMap(Segment),
    /// A part of a reserved address range lost its memory.
    SegmentUnmap(Segment),
    /// A block was handed out.
    BlockAlloc(BlockAlloc),
    /// A block was given back and can be reused at once.
    BlockFree(BlockFree),
    /// A block was given back but a stream may still use it.
    BlockFreeRequested(BlockFree),
    /// The last stream was done with a block whose free had been requested.
    BlockFreeCompleted(BlockFree),
    /// A request failed.
    OutOfMemory(OutOfMemory),
    /// A live block that was handed out to no module belongs to one, as turns out now.
    BlockOwned(BlockOwned),
    /// A module came into being.
    ModuleDefined(ModuleId),
    /// A module was dropped by the engine.
    ModuleReleased(ModuleId),
    /// A forward of a module began on this thread.
    ForwardBegin(ModuleId),
    /// A forward of a module ended on this thread.
    ForwardEnd(ModuleId),
    /// A transfer began.
    TransferBegin(TransferBegin),
    /// A transfer ended.
    TransferEnd(TransferEnd),
    /// A scope was entered on this thread.
    ScopeBegin {
        /// Its name.
        name: NameId,
        /// Whether it is a phase: one of the few spans that reports list one by one.
        phase: bool,
    },
    /// A scope was left on this thread.
    ScopeEnd {
        /// Its name.
        name: NameId,
    },
    /// A named instant.
    Mark {
        /// Its name.
        name: NameId,
        /// A number of the program's own.
        value: u64,
    },
    /// A named instant in the course of a heap: it counts among the heap's events.
    HeapMark {
        /// A pool of the heap.
        pool: PoolId,
        /// Its name.
        name: NameId,
        /// A number of the program's own.
        value: u64,
    },
    /// A counter's value.
    CounterSample {
        /// Which counter.
        counter: CounterId,
        /// Its value, in the unit of its definition.
        value: CounterValue,
    },
    /// Events of this thread were lost.
    Dropped {
        /// Why; `None` if a later version added the cause.
        cause: Option<DropCause>,
        /// How many.
        count: u64,
        /// When the first of them should have been recorded.
        since: Ticks,
    },
    /// In a baseline: the events behind it are of this thread.
    OnThread(ThreadId),
    /// In a baseline: what a thread recorded before a place is folded into the baseline.
    Folded(Folded),
    /// In a shared chunk: what follows is of this thread.
    HandedOver {
        /// The thread.
        thread: ThreadId,
        /// Counts this part among its chunks.
        thread_sequence: u64,
    },
    /// In a baseline: the largest sum of bytes that a heap has had by then.
    PeakPassed(PeakPassed),
    /// The end of a baseline.
    BaselineEnd {
        /// How many chunks it has, the one that this lies in included.
        chunks: u64,
    },
}

impl Event {
    /// The memory that a block's or a segment's event is about: where it starts and how long it is, as far as the event says, and
    /// its pool.
    pub fn memory(&self) -> Option<(PoolId, Address, Bytes)> {
        match *self {
            Self::SegmentAlloc(segment)
            | Self::SegmentFree(segment)
            | Self::SegmentMap(segment)
            | Self::SegmentUnmap(segment) => Some((segment.pool, segment.address, segment.size)),
            Self::BlockAlloc(block) => Some((block.pool, block.address, block.size)),
            Self::BlockFree(block) | Self::BlockFreeRequested(block) | Self::BlockFreeCompleted(block) => {
                Some((block.pool, block.address, block.size))
            }
            _ => None,
        }
    }

    /// The pool among whose heap's events it counts.
    pub fn pool(&self) -> Option<PoolId> {
        match *self {
            Self::OutOfMemory(failed) => Some(failed.pool),
            Self::HeapMark { pool, .. } => Some(pool),
            _ => self.memory().map(|(pool, ..)| pool),
        }
    }
}

/// How far the records of a thread are folded into a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The thread.
    pub thread: ThreadId,
    /// The first of its chunks (by thread sequence) that is not wholly folded.
    pub chunk: u64,
    /// The first record in that chunk that is not.
    pub record: u64,
}

/// A peak that is older than the events that were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeakPassed {
    /// The heap.
    pub heap: HeapId,
    /// Whether it is of the reserved bytes, not of the allocated ones.
    pub reserved: bool,
    /// The bytes at the peak.
    pub bytes: Bytes,
}

/// A segment, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The pool whose requests it serves.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub size: Bytes,
    /// Who asked for it.
    pub stack: StackId,
}

/// A block as it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAlloc {
    /// The pool it comes from.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub size: Bytes,
    /// What the program asked for. The rest of `size` is internal fragmentation.
    pub requested: Bytes,
    /// The module it belongs to, if the program says so; else the module open on the thread owns it.
    pub module: ModuleId,
    /// Who asked for it.
    pub stack: StackId,
}

/// A block as it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFree {
    /// The pool it goes back to.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is; zero if the program did not say.
    pub size: Bytes,
}

/// A request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// The pool that was asked.
    pub pool: PoolId,
    /// What the program asked for.
    pub requested: Bytes,
    /// What the device still had free, if known.
    pub free: Option<Bytes>,
    /// Who asked for it.
    pub stack: StackId,
}

/// Whose a live block turns out to be: its weights were made before their module was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockOwned {
    /// A pool of its heap.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// The module it belongs to.
    pub module: ModuleId,
}

/// The beginning of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferBegin {
    /// Pairs this beginning with its end; unique among the transfers that one thread begins.
    pub correlation: u32,
    /// The module that moves, if it is one.
    pub module: ModuleId,
    /// Where from.
    pub from: Tier,
    /// Where to.
    pub to: Tier,
    /// How much.
    pub size: Bytes,
    /// The kind of host memory at the host's end.
    pub memory: HostMemory,
    /// Why.
    pub reason: Reason,
    /// The module that needs the room, if this is an eviction made for one.
    pub room_for: ModuleId,
}

/// The end of a transfer, possibly on another thread than its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferEnd {
    /// As in the beginning.
    pub correlation: u32,
    /// The thread that began it.
    pub origin: ThreadId,
    /// As in the beginning.
    pub module: ModuleId,
    /// How much was really moved.
    pub size: Bytes,
    /// How long the device took for it, if that was measured there. The time between the beginning and the end is that of
    /// the host, which may have waited for a turn, or noticed the end late.
    pub on_device: Option<Duration>,
}

/// The value of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CounterValue {
    /// A whole number.
    Integer(u64),
    /// A fraction.
    Float(f64),
}

/// What extension records add. An extension carries its type where other records carry a pool.
#[derive(Clone, Copy, Debug)]
pub struct Extension;

impl Extension {
    /// Of a block alloc: time = requested bytes, id = the module that owns it.
    pub const BLOCK: u16 = 1;
    /// Of a transfer's beginning: id = the module that needs the room.
    pub const TRANSFER: u16 = 2;
    /// Of a transfer's end: time = nanoseconds that it took on the device.
    pub const TRANSFER_END: u16 = 3;
}

/// A record and, for some events, the extension that follows it in the same chunk.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// The record.
    pub record: Record,
    /// What it could not hold.
    pub extension: Option<Record>,
}

#[cfg(test)]
mod tests;
