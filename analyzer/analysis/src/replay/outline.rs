//! The contents of a heap as bytes and back, for checkpoints.

use std::io::{self, Write};

use integer_encoding::{VarInt, VarIntWriter};
use memtrace_format::PoolId;

use super::{HeapKey, HeapState, HeldBlock, OwnerId, Piece, heap::Totals, segments::ReservedSegment};
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

/// A row is a segment, a piece of the segment before it, the end of its pieces, or a loose block. It is written as what it differs
/// by from the row before: neighbours are much alike.
type Row = [u64; 6];

/// Flags of a piece.
const HOLE: u64 = 1;
const PENDING: u64 = 2;
const END: u64 = 4;
/// A flag of a segment.
const EXPANDABLE: u64 = 1;

impl HeapOutline {
    /// Writes what the heap holds.
    pub(super) fn write(heap: &super::ReplayHeap, out: &mut impl Write) -> io::Result<Self> {
        let state = &heap.state;
        let mut rows = 0;
        let mut last = Row::default();
        let mut put = |row| {
            rows += 1;
            put(out, &mut last, row)
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
            events: heap.events,
            first_event: heap.first_event,
            segmented: state.segmented,
            by: state.by,
            totals: state.totals,
            segments: state.segments.iter().len(),
            loose,
            rows,
        })
    }

    /// The heap as it was, from what [`write`](Self::write) made. `None`: it is not that.
    pub(super) fn restore(&self, written: &mut &[u8]) -> Option<HeapState> {
        let mut last = Row::default();
        let mut next = || next(written, &mut last);
        let mut state = HeapState::with_room(self.by, self.rows);
        (state.segmented, state.totals) = (self.segmented, self.totals);
        for _ in 0..self.segments {
            let [start, end, pool, granule, _, flags] = next()?;
            let granule = (flags & EXPANDABLE != 0).then_some(granule);
            let segment = ReservedSegment { end, pool: PoolId(u16::try_from(pool).ok()?), granule };
            state.restore_segment(start, segment);
            loop {
                let row = next()?;
                let piece = match row[5] {
                    flags if flags & END != 0 => break,
                    flags if flags & HOLE != 0 => Piece::Hole,
                    _ => Piece::Block(block(row, true)),
                };
                state.restore_piece(start, row[0], row[1], piece);
            }
        }
        for _ in 0..self.loose {
            let row = next()?;
            state.restore_loose(row[0], block(row, false));
        }
        Some(state)
    }
}

fn next(written: &mut &[u8], last: &mut Row) -> Option<Row> {
    for number in last.iter_mut() {
        let (step, bytes) = i64::decode_var(written)?;
        *written = &written[bytes..];
        *number = number.wrapping_add_signed(step);
    }
    Some(*last)
}

fn put(out: &mut impl Write, last: &mut Row, row: Row) -> io::Result<()> {
    for (number, last) in row.into_iter().zip(std::mem::replace(last, row)) {
        out.write_varint(number.wrapping_sub(last) as i64)?;
    }
    Ok(())
}

fn row(address: u64, block: &HeldBlock) -> Row {
    let pending = if block.pending { PENDING } else { 0 };
    let last = u64::from(block.owner.0) << 32 | pending;
    [address, block.size, block.requested, block.born.0, block.event, last]
}

fn block([_, size, requested, born, event, last]: Row, placed: bool) -> HeldBlock {
    let owner = OwnerId((last >> 32) as u32);
    HeldBlock { size, requested, born: Nanos(born), event, owner, pending: last & PENDING != 0, placed }
}
