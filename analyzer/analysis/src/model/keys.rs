//! Keys that group events: of a heap, and of a transfer.

use memtrace_format::{HeapId, PoolId, ThreadId};

/// Pairs the two ends of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferKey {
    /// The thread that began it.
    pub origin: ThreadId,
    /// Its number on that thread.
    pub correlation: u32,
}

/// Tells heaps apart. A pool whose definition is lost is a heap of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapKey {
    /// A heap that is defined.
    Heap(HeapId),
    /// A pool whose definition is lost.
    LostPool(PoolId),
}

impl HeapKey {
    /// The heap, if its definition is not lost.
    pub fn heap(self) -> Option<HeapId> {
        match self {
            Self::Heap(id) => Some(id),
            Self::LostPool(_) => None,
        }
    }
}
