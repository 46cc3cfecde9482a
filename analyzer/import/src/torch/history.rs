//! The state before the first event, derived backwards from the end that the snapshot shows.
//!
//! A block was live before if it is in use at the end and no event handed it out, or if an event gives it back that none
//! handed out. What was reserved before is what is reserved at the end with the events on segments undone, the last first.

use hashbrown::HashMap;

use super::{
    event::{Action, Event, SegmentAction},
    pools::{PoolKind, PoolTag},
    reserved::{Piece, Reserved},
    rules::Rules,
    schema::{Dict, SnapshotError, SnapshotFault},
    segments::Segment,
};
use crate::pickle::{Arena, ObjectId};

/// What the events of one heap and the snapshot say together.
#[derive(Debug)]
pub(super) struct History {
    /// What was reserved at the beginning.
    pub(super) reserved: Reserved,
    /// What was in use at the beginning, by address.
    pub(super) baseline: Vec<BaselineBlock>,
    /// For blocks that are in use at the end, by address: the event that handed them out, and their size.
    pub(super) known: HashMap<u64, (u64, u64)>,
    /// How often events and snapshot contradict each other.
    pub(super) contradictions: u64,
    ends: Reserved,
}

/// A block that was in use at the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct BaselineBlock {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) requested: u64,
    pub(super) stream: u64,
    /// Given back, but a stream still used it.
    pub(super) pending: bool,
    pub(super) frames: Option<ObjectId>,
}

/// The events of a trace: a list of dicts.
pub(super) fn events(
    arena: &Arena,
    trace: Option<ObjectId>,
) -> impl Iterator<Item = Result<Event<'_>, SnapshotError>> {
    trace.into_iter().flat_map(move |trace| {
        arena.items(trace).map(move |item| match Dict::of(arena, item) {
            Some(dict) => Event::read(dict),
            None => Err(SnapshotError {
                offset: arena.offset(trace),
                fault: SnapshotFault::Kind("device_traces", "a list of lists of dicts"),
            }),
        })
    })
}

/// Whether nothing in a trace is about memory. One that cannot be read is about some.
pub(super) fn is_of_marks_alone(arena: &Arena, trace: Option<ObjectId>) -> bool {
    events(arena, trace)
        .all(|event| event.is_ok_and(|event| matches!(event.action, Action::Mark | Action::Annotate)))
}

impl History {
    pub(super) fn read(
        arena: &Arena,
        trace: Option<ObjectId>,
        segments: &[Segment],
        rules: &Rules,
    ) -> Result<Self, SnapshotError> {
        let mut history = Self {
            reserved: Reserved::default(),
            baseline: Vec::new(),
            known: HashMap::new(),
            contradictions: 0,
            ends: Reserved::default(),
        };
        for segment in segments {
            let end = segment.address.saturating_add(segment.size);
            let piece = Piece { end, pool: segment.pool, expandable: segment.expandable };
            history.ends.add(segment.address, piece);
        }
        let changes = history.walk_forwards(arena, trace, segments)?;
        history.walk_backwards(changes);
        history.baseline.sort_unstable_by_key(|block| block.address);
        history.size_baseline(rules);
        Ok(history)
    }

    /// The pool that the segment of an event serves: of one that is there at the end the snapshot says so, else its size does. What lies
    /// at its address at the end may be another segment.
    pub(super) fn segment_pool(&self, event: &Event<'_>) -> PoolTag {
        let around = self.ends.around(event.address);
        let is_it = |start: u64, piece: Piece| {
            piece.expandable || (start == event.address && piece.end - start == event.size)
        };
        let own = around.filter(|&(start, piece)| is_it(start, piece)).map(|(_, piece)| piece.pool);
        if let Some(pool) = own.filter(|pool| pool.stream == event.stream) {
            return pool;
        }
        let whole = around.is_some_and(|(_, piece)| piece.pool.kind == PoolKind::Whole);
        let kind = if whole { PoolKind::Whole } else { Rules::pool_of_segment(event.size) };
        PoolTag { id: event.pool_id().unwrap_or_default(), stream: event.stream, kind }
    }

    /// Finds what was in use at the beginning, and which events handed out what is in use at the end. Returns the changes of
    /// segments.
    fn walk_forwards(
        &mut self,
        arena: &Arena,
        trace: Option<ObjectId>,
        segments: &[Segment],
    ) -> Result<Vec<(SegmentAction, u64, Piece)>, SnapshotError> {
        let mut live: HashMap<u64, u64> = HashMap::new();
        // Blocks of the baseline whose free is requested and not completed, by address.
        let mut pending: HashMap<u64, usize> = HashMap::new();
        let mut requests = false;
        let mut changes = Vec::new();
        for (index, event) in (0..).zip(events(arena, trace)) {
            let event = event?;
            let address = event.address;
            match event.action {
                Action::Alloc => _ = live.insert(address, index),
                Action::FreeRequested => {
                    requests = true;
                    if !live.contains_key(&address) && !pending.contains_key(&address) {
                        pending.insert(address, self.baseline.len());
                        self.baseline.push(BaselineBlock::of_free(&event, false));
                    }
                }
                Action::FreeCompleted => {
                    if live.remove(&address).is_none() && pending.remove(&address).is_none() {
                        self.baseline.push(BaselineBlock::of_free(&event, requests));
                    }
                }
                Action::Segment(action) => {
                    let end = address.saturating_add(event.size);
                    let pool = self.segment_pool(&event);
                    changes.push((action, address, Piece { end, pool, expandable: action.expandable() }));
                }
                Action::OutOfMemory | Action::Annotate | Action::Mark => {}
            }
        }
        for segment in segments {
            for block in &segment.blocks {
                if let Some(&index) = live.get(&block.address) {
                    self.known.insert(block.address, (index, block.size));
                } else if let Some(&place) = pending.get(&block.address) {
                    let old = &mut self.baseline[place];
                    (old.size, old.frames) = (block.size, block.frames);
                } else {
                    self.baseline.push(BaselineBlock {
                        address: block.address,
                        size: block.size,
                        requested: block.requested,
                        stream: segment.pool.stream,
                        pending: block.pending,
                        frames: block.frames,
                    });
                }
            }
        }
        if !segments.is_empty() {
            self.contradictions += (live.len() - self.known.len()) as u64;
        }
        Ok(changes)
    }

    /// Undoes changes of segments.
    fn walk_backwards(&mut self, changes: Vec<(SegmentAction, u64, Piece)>) {
        self.reserved = self.ends.clone();
        for (action, start, piece) in changes.into_iter().rev() {
            if !action.reserves() {
                self.reserved.add(start, piece);
            } else if !self.reserved.remove(start, piece.end) {
                self.contradictions += 1;
            }
        }
    }

    /// Deduces the sizes of blocks that are in use at the beginning only.
    fn size_baseline(&mut self, rules: &Rules) {
        let mut next = u64::MAX;
        for block in self.baseline.iter_mut().rev() {
            if block.size == 0 {
                let around = self.reserved.around(block.address).map(|(_, piece)| piece);
                let kind =
                    around.map_or_else(|| rules.pool_of_request(block.requested), |piece| piece.pool.kind);
                let limit = next.min(block.address.saturating_add(rules.enough(block.requested, kind)));
                // A hole in the large pool is larger than what splitting leaves over: a smaller gap belongs to the block.
                let gap = self.reserved.reach(block.address, limit).map_or(0, |end| end - block.address);
                block.size =
                    rules.block(block.requested, gap, kind, around.is_some_and(|piece| piece.expandable));
            }
            next = block.address;
        }
    }
}

impl BaselineBlock {
    /// A block that an event gives back. Its size is not known yet.
    fn of_free(event: &Event<'_>, pending: bool) -> Self {
        Self {
            address: event.address,
            size: 0,
            requested: event.size,
            stream: event.stream,
            pending,
            frames: None,
        }
    }
}
