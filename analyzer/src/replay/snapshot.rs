//! What a heap holds, as bytes and back: so that a replay can start where another one was.

use memtrace_format::{HeapId, PoolId};

use super::{Block, HeapKey, HeapState, OwnerId, Piece, heap::Totals, segments::Segment};
use crate::{Nanos, report::PeakBy};

/// A heap without what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapOutline {
    pub(crate) key: HeapKey,
    pub(crate) events: u64,
    pub(crate) first_event: u64,
    segmented: bool,
    by: PeakBy,
    totals: Totals,
    segments: usize,
    /// The blocks that are not placed in one.
    loose: usize,
}

/// A row is a segment, a piece of the segment before it, or a loose block.
const COLUMNS: usize = 6;
const ROW: usize = COLUMNS * 8;

const HOLE: u64 = 1;
const PENDING: u64 = 2;
const EXPANDABLE: u64 = 1;

impl HeapOutline {
    pub(super) fn of(heap: &super::Heap) -> Self {
        let state = &heap.state;
        Self {
            key: heap.key,
            events: heap.watch.events,
            first_event: heap.watch.first_event,
            segmented: state.segmented,
            by: state.by,
            totals: state.totals,
            segments: state.segments.iter().len(),
            loose: state.blocks().filter(|(_, block)| !block.placed).count(),
        }
    }

    /// The heap as it was, from the rows that [`write`] made. `None`: they are not those.
    pub(super) fn restore(&self, rows: &mut Rows<'_>) -> Option<HeapState> {
        let mut state = HeapState::with_room(self.by, rows.0.len() / ROW);
        (state.segmented, state.totals) = (self.segmented, self.totals);
        for _ in 0..self.segments {
            let [start, end, pool, flags, granule, pieces] = rows.next()?;
            let granule = (flags & EXPANDABLE != 0).then_some(granule);
            let segment = Segment { end, pool: PoolId(u16::try_from(pool).ok()?), granule };
            state.restore_segment(start, segment);
            for _ in 0..pieces {
                let row = rows.next()?;
                let piece = if row[5] & HOLE != 0 { Piece::Hole } else { Piece::Block(block(row, true)) };
                state.restore_piece(start, row[0], row[1], piece);
            }
        }
        for _ in 0..self.loose {
            let row = rows.next()?;
            state.restore_loose(row[0], block(row, false));
        }
        Some(state)
    }
}

/// Writes what the heap holds to the end of `bytes`.
pub(super) fn write(state: &HeapState, bytes: &mut Vec<u8>) {
    for (start, segment) in state.segments.iter() {
        let flags = if segment.granule.is_some() { EXPANDABLE } else { 0 };
        let pool = u64::from(segment.pool.0);
        let granule = segment.granule.unwrap_or(0);
        let place = bytes.len();
        put(bytes, [start, segment.end, pool, flags, granule, 0]);
        let mut pieces = 0u64;
        for (from, to, piece) in state.pieces((start, segment.end)) {
            pieces += 1;
            match piece {
                Piece::Hole => put(bytes, [from, to - from, 0, 0, 0, HOLE]),
                Piece::Block(block) => put_block(bytes, from, &block),
            }
        }
        bytes[place + ROW - 8..place + ROW].copy_from_slice(&pieces.to_le_bytes());
    }
    for (address, block) in state.blocks().filter(|(_, block)| !block.placed) {
        put_block(bytes, address, &block);
    }
}

/// The rows that are still to be read.
pub(super) struct Rows<'a>(pub(super) &'a [u8]);

impl Rows<'_> {
    fn next(&mut self) -> Option<[u64; COLUMNS]> {
        let (row, rest) = self.0.split_first_chunk::<ROW>()?;
        self.0 = rest;
        let (numbers, _) = row.as_chunks::<8>();
        Some(std::array::from_fn(|column| u64::from_le_bytes(numbers[column])))
    }
}

fn put(bytes: &mut Vec<u8>, row: [u64; COLUMNS]) {
    for number in row {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn put_block(bytes: &mut Vec<u8>, address: u64, block: &Block) {
    let pending = if block.pending { PENDING } else { 0 };
    let last = u64::from(block.owner.0) << 32 | pending;
    put(bytes, [address, block.size, block.requested, block.born.0, block.event, last]);
}

fn block([_, size, requested, born, event, last]: [u64; COLUMNS], placed: bool) -> Block {
    let owner = OwnerId((last >> 32) as u32);
    Block { size, requested, born: Nanos(born), event, owner, pending: last & PENDING != 0, placed }
}

impl HeapKey {
    /// The heap, if its definition is not lost.
    pub(crate) fn heap(self) -> Option<HeapId> {
        match self {
            Self::Heap(id) => Some(id),
            Self::LostPool(_) => None,
        }
    }
}
