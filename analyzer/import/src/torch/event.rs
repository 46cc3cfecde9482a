//! An event of a snapshot's trace.

use crate::pickle::{ObjectId, View};

use super::keys::{ACTION, ADDR, DEVICE_FREE, FRAMES, POOL_ID, SIZE, TIME_US};
use super::schema::{Dict, SnapshotError, SnapshotFault};

/// What happened. Everything this program does not know, and what is about no block or segment, is a [`Mark`](Self::Mark).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Alloc,
    FreeRequested,
    FreeCompleted,
    Segment(SegmentAction),
    OutOfMemory,
    /// Something is said of the block at an address.
    Annotate,
    Mark,
}

/// What happened to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentAction {
    Alloc,
    Free,
    Map,
    Unmap,
}

impl SegmentAction {
    /// Whether memory was reserved.
    pub(super) fn reserves(self) -> bool {
        matches!(self, Self::Alloc | Self::Map)
    }

    /// Whether it is about a part of an expandable segment.
    pub(super) fn expandable(self) -> bool {
        matches!(self, Self::Map | Self::Unmap)
    }
}

/// An event of a device's trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub(super) dict: Dict<'a>,
    pub(super) action: Action,
    /// Where; 0 for what has no place.
    pub(super) address: u64,
    /// What was asked for, or the size of the segment.
    pub(super) size: u64,
    pub(super) stream: u64,
    /// When, in µs since 1970; PyTorch 2.0 does not say.
    pub(super) time_us: Option<u64>,
}

impl<'a> Event<'a> {
    #[inline]
    pub(super) fn read(dict: Dict<'a>) -> Result<Self, SnapshotError> {
        let action = dict.string(ACTION)?.ok_or_else(|| dict.error(SnapshotFault::Missing("action")))?;
        let action = match dict.arena.string(action) {
            b"alloc" => Action::Alloc,
            b"free_requested" => Action::FreeRequested,
            b"free_completed" => Action::FreeCompleted,
            b"segment_alloc" => Action::Segment(SegmentAction::Alloc),
            b"segment_free" => Action::Segment(SegmentAction::Free),
            b"segment_map" => Action::Segment(SegmentAction::Map),
            b"segment_unmap" => Action::Segment(SegmentAction::Unmap),
            b"oom" => Action::OutOfMemory,
            b"annotate" if dict.number(ADDR).is_ok_and(|address| address.is_some_and(|at| at != 0)) => {
                Action::Annotate
            }
            _ => Action::Mark,
        };
        let (address, size) = match action {
            Action::Mark | Action::Annotate => {
                (dict.number(ADDR).ok().flatten().unwrap_or(0), dict.number(SIZE).ok().flatten().unwrap_or(0))
            }
            Action::OutOfMemory => (0, dict.needed(SIZE)?),
            _ => (dict.needed(ADDR)?, dict.needed(SIZE)?),
        };
        Ok(Self { dict, action, address, size, stream: dict.stream(), time_us: dict.number(TIME_US)? })
    }

    /// What the device had free when a request failed.
    pub(super) fn device_free(&self) -> Result<Option<u64>, SnapshotError> {
        match self.dict.number(DEVICE_FREE)? {
            None => self.dict.number(ADDR),
            free => Ok(free),
        }
    }

    /// The list of its frames, innermost first.
    #[inline]
    pub(super) fn frames(&self) -> Option<ObjectId> {
        match self.dict.view(FRAMES) {
            Some(View::List(frames)) => Some(frames),
            _ => None,
        }
    }

    /// The memory pool it happened in, where the event says so.
    pub(super) fn pool_id(&self) -> Option<(u64, u64)> {
        self.dict.pool_id(POOL_ID)
    }
}
