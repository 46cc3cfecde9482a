//! The pieces of a heap, and a model of its allocator in the same state.

use crate::{
    allocator_model::{Allocator, BlockId, PoolKey, Requester, Restored, Rules},
    replay::{HeapState, Piece},
};

use super::{HeapRules, OomContext, Pin};

/// The segments of a heap with what fills them, and a model in that state.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) rules: Rules,
    pub(super) segments: Vec<Segment>,
    pub(super) pieces: Vec<Part>,
    /// It can reserve nothing more.
    pub(super) model: Allocator,
}

/// A segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) key: PoolKey,
    pub(super) size: u64,
    /// What of it is in use.
    pub(super) used: u64,
    pub(super) expandable: bool,
    /// Its pieces in the list of all, in the order of their addresses.
    pub(super) pieces: std::ops::Range<usize>,
}

/// A piece of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) size: u64,
    /// The block that fills it, in the recording and in the model; none for a hole.
    pub(super) block: Option<(Pin, BlockId)>,
}

impl Inventory {
    pub(super) fn of(heap: &HeapState, rules: &HeapRules) -> Self {
        let mut restored = Restored::new(rules.rules.clone(), 0);
        let (mut segments, mut pieces) = (Vec::new(), Vec::new());
        for (start, segment) in heap.segments.iter() {
            let key = rules.segment(segment.pool, segment.end - start);
            let expandable = segment.granule.is_some();
            restored.segment(key, start, expandable);
            let first = pieces.len();
            let mut used = 0;
            for (from, to, piece) in heap.pieces((start, segment.end)) {
                let id = restored.piece(from, to - from, piece != Piece::Hole);
                let block = match piece {
                    Piece::Hole => None,
                    Piece::Block(block) => {
                        used += to - from;
                        Some((Pin { address: from, bytes: to - from, owner: block.owner }, id))
                    }
                };
                pieces.push(Part { size: to - from, block });
            }
            let size = segment.end - start;
            segments.push(Segment { key, size, used, expandable, pieces: first..pieces.len() });
        }
        Self { rules: rules.rules.clone(), segments, pieces, model: restored.finish() }
    }

    /// The largest hole in the pool that serves such a request.
    pub(super) fn largest_hole(&self, requester: Requester, context: &OomContext) -> u64 {
        let key = self.key(requester, context.requested);
        let segments = self.segments.iter().filter(|segment| segment.key == key);
        let pieces = segments.flat_map(|segment| &self.pieces[segment.pieces.clone()]);
        pieces.filter(|part| part.block.is_none()).map(|part| part.size).max().unwrap_or_default()
    }

    /// The pool that serves such a request.
    pub(super) fn key(&self, requester: Requester, requested: u64) -> PoolKey {
        PoolKey { requester, class: self.rules.class(self.rules.rounded(requested)) }
    }

    /// A model in this state whose device has so much free.
    pub(super) fn with_free(&self, free: u64) -> Allocator {
        let mut model = self.model.clone();
        model.set_capacity(model.reserved().saturating_add(free));
        model
    }
}
