//! What a heap holds, as bytes and back: so that a replay can start where another one was.

use std::io::{self, Read, Write};

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
    rows: usize,
}

/// A row is a segment, a piece of the segment before it, the end of its pieces, or a loose block.
const COLUMNS: usize = 6;
const ROW: usize = COLUMNS * 8;

/// Flags of a piece.
const HOLE: u64 = 1;
const PENDING: u64 = 2;
const END: u64 = 4;
/// A flag of a segment.
const EXPANDABLE: u64 = 1;

impl HeapOutline {
    /// The most bytes that [`write`](Self::write) makes of the heap.
    pub(super) fn most_bytes(state: &HeapState) -> u64 {
        (state.pieces_to_walk() + 2 * state.segments.iter().len()) as u64 * ROW as u64
    }

    /// Writes what the heap holds.
    pub(super) fn write(heap: &super::Heap, out: &mut impl Write) -> io::Result<Self> {
        let state = &heap.state;
        let mut rows = 0;
        let mut put = |row| {
            rows += 1;
            put(out, row)
        };
        for (start, segment) in state.segments.iter() {
            let flags = if segment.granule.is_some() { EXPANDABLE } else { 0 };
            let (pool, granule) = (u64::from(segment.pool.0), segment.granule.unwrap_or(0));
            put([start, segment.end, pool, granule, 0, flags])?;
            for (from, to, piece) in state.pieces((start, segment.end)) {
                put(match piece {
                    Piece::Hole => [from, to - from, 0, 0, 0, HOLE],
                    Piece::Block(block) => row(from, &block),
                })?;
            }
            put([0, 0, 0, 0, 0, END])?;
        }
        let mut loose = 0;
        for (address, block) in state.blocks().filter(|(_, block)| !block.placed) {
            loose += 1;
            put(row(address, &block))?;
        }
        Ok(Self {
            key: heap.key,
            events: heap.watch.events,
            first_event: heap.watch.first_event,
            segmented: state.segmented,
            by: state.by,
            totals: state.totals,
            segments: state.segments.iter().len(),
            loose,
            rows,
        })
    }

    /// The heap as it was, from what [`write`](Self::write) made. `None`: it is not that.
    pub(super) fn restore(&self, rows: &mut impl Read) -> Option<HeapState> {
        let mut state = HeapState::with_room(self.by, self.rows);
        (state.segmented, state.totals) = (self.segmented, self.totals);
        for _ in 0..self.segments {
            let [start, end, pool, granule, _, flags] = next(rows)?;
            let granule = (flags & EXPANDABLE != 0).then_some(granule);
            let segment = Segment { end, pool: PoolId(u16::try_from(pool).ok()?), granule };
            state.restore_segment(start, segment);
            loop {
                let row = next(rows)?;
                let piece = match row[5] {
                    flags if flags & END != 0 => break,
                    flags if flags & HOLE != 0 => Piece::Hole,
                    _ => Piece::Block(block(row, true)),
                };
                state.restore_piece(start, row[0], row[1], piece);
            }
        }
        for _ in 0..self.loose {
            let row = next(rows)?;
            state.restore_loose(row[0], block(row, false));
        }
        Some(state)
    }
}

fn next(rows: &mut impl Read) -> Option<[u64; COLUMNS]> {
    let mut row = [0; ROW];
    rows.read_exact(&mut row).ok()?;
    let (numbers, _) = row.as_chunks::<8>();
    Some(std::array::from_fn(|column| u64::from_le_bytes(numbers[column])))
}

fn put(out: &mut impl Write, row: [u64; COLUMNS]) -> io::Result<()> {
    let mut bytes = [0; ROW];
    for (place, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(row) {
        *place = number.to_le_bytes();
    }
    out.write_all(&bytes)
}

fn row(address: u64, block: &Block) -> [u64; COLUMNS] {
    let pending = if block.pending { PENDING } else { 0 };
    let last = u64::from(block.owner.0) << 32 | pending;
    [address, block.size, block.requested, block.born.0, block.event, last]
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
