//! The segments of a heap.

use std::collections::BTreeMap;

use memtrace_format::PoolId;

use super::{
    HeldBlock,
    pieces::{PieceId, Pieces},
};

/// The segments of a heap. Each is filled without a gap by holes and by the blocks that were placed in them.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    by_start: BTreeMap<u64, Enclosed>,
    reserved: u64,
}

/// A segment. Its start is where it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedSegment {
    /// The address behind its last byte.
    pub end: u64,
    /// The pool it was reserved for; of an expandable segment, that of its first piece.
    pub pool: PoolId,
    /// Mapped piece by piece, and a neighbour mapped later continues it: the longest length of which all its pieces are
    /// multiples.
    pub granule: Option<u64>,
}

/// A segment with the border that encloses its pieces.
#[derive(Clone, Copy, Debug)]
struct Enclosed {
    segment: ReservedSegment,
    border: PieceId,
}

/// A range was to be taken away that lies in a place too tangled to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tangled;

impl Segments {
    /// The bytes of all segments.
    #[inline(always)]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Every segment with its start, in the order of their addresses.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, ReservedSegment)> {
        self.by_start.iter().map(|(&start, enclosed)| (start, enclosed.segment))
    }

    /// Whether the range lies in one segment.
    pub(super) fn hold(&self, start: u64, end: u64) -> bool {
        self.around(start).is_some_and(|(_, around)| end <= around.segment.end)
    }

    /// Adds a segment that overlaps none, all of it free.
    pub(super) fn add(
        &mut self,
        pieces: &mut Pieces,
        (start, end): (u64, u64),
        expandable: bool,
        pool: PoolId,
    ) {
        self.reserved += end - start;
        let granule = expandable.then_some(end - start);
        let left = self.by_start.range(..start).next_back().filter(|(_, left)| left.segment.end == start);
        let continued = left.and_then(|(&left_start, &left)| {
            let granule = Some(common(left.segment.granule, granule)?);
            Some((left_start, Enclosed { segment: ReservedSegment { end, granule, ..left.segment }, ..left }))
        });
        let (whole_start, mut whole) = continued.unwrap_or_else(|| {
            (start, Enclosed { segment: ReservedSegment { end, pool, granule }, border: pieces.add_border() })
        });
        pieces.append(whole.border, start, end);
        if let Some(right) = self.by_start.get(&end).copied()
            && let Some(granule) = common(right.segment.granule, whole.segment.granule)
        {
            self.by_start.remove(&end);
            pieces.join(whole.border, right.border);
            whole.segment =
                ReservedSegment { end: right.segment.end, granule: Some(granule), ..whole.segment };
        }
        self.by_start.insert(whole_start, whole);
    }

    /// Adds a segment with nothing in it yet.
    pub(super) fn restore(&mut self, pieces: &mut Pieces, start: u64, segment: ReservedSegment) {
        self.reserved += segment.end - start;
        self.by_start.insert(start, Enclosed { segment, border: pieces.add_border() });
    }

    /// The border of the segment that starts here.
    pub(super) fn border(&self, start: u64) -> Option<PieceId> {
        self.by_start.get(&start).map(|found| found.border)
    }

    /// The parts of segments that lie in the range, in the order of their addresses.
    pub(super) fn overlaps(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let first = self.around(start).map_or(start, |(first, _)| first);
        let touched = self.by_start.range(first..end);
        touched.map(|(&first, touched)| (first.max(start), touched.segment.end.min(end))).collect()
    }

    /// The end of the segment that starts here.
    pub(super) fn end_of(&self, start: u64) -> Option<u64> {
        self.by_start.get(&start).map(|found| found.segment.end)
    }

    /// Takes a part of one segment away. The placed blocks in it are `lost`: they are gone with their memory.
    pub(super) fn withdraw(
        &mut self,
        pieces: &mut Pieces,
        (start, end): (u64, u64),
        lost: &mut Vec<(u64, HeldBlock)>,
    ) -> Result<(), Tangled> {
        let (whole_start, Enclosed { segment, border }) = self.around(start).ok_or(Tangled)?;
        pieces.changing(border);
        let Some(first) = pieces.cut(border, start, lost) else {
            pieces.changed(border);
            return Err(Tangled);
        };
        let before = pieces.withdraw(first, end, lost);
        self.reserved -= end - start;
        self.by_start.remove(&whole_start);
        let (left, right) = (whole_start < start, end < segment.end);
        if right {
            let border = if left { pieces.split(border, before) } else { border };
            let granule = common(segment.granule, Some(segment.end - end));
            pieces.changed(border);
            self.by_start.insert(end, Enclosed { segment: ReservedSegment { granule, ..segment }, border });
        }
        if left {
            let granule = common(segment.granule, Some(start - whole_start));
            let segment = ReservedSegment { end: start, granule, ..segment };
            pieces.changed(border);
            self.by_start.insert(whole_start, Enclosed { segment, border });
        }
        if !left && !right {
            pieces.remove_border(border);
        }
        Ok(())
    }

    fn around(&self, address: u64) -> Option<(u64, Enclosed)> {
        let (&start, &around) = self.by_start.range(..=address).next_back()?;
        (address < around.segment.end).then_some((start, around))
    }
}

/// The greatest common divisor of two granules; none if there are not two.
fn common(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    let (mut a, mut b) = (a?, b?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(a)
}
