//! The segments of a heap and what is free in them.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use memtrace_format::PoolId;

use super::holes::Holes;

/// The most pieces that are walked over to find the one around an address.
const WALK: usize = 256;

/// The segments of a heap. Each is filled without a gap by holes and by the blocks that [`place`](Self::place) accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    by_start: BTreeMap<u64, Segment>,
    /// The keys of `by_start`: holes are not merged across them.
    borders: HashSet<u64>,
    holes: Holes,
    reserved: u64,
    split: bool,
}

/// A segment. Its start is where it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) end: u64,
    /// The pool it was reserved for; of an expandable segment, that of its first piece.
    pub(crate) pool: PoolId,
    /// Mapped piece by piece, and a neighbour mapped later continues it: the longest length of which all its pieces are
    /// multiples.
    pub(crate) granule: Option<u64>,
}

/// A range was to be taken away that lies in a place too tangled to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tangled;

impl Segments {
    /// The bytes of all segments.
    #[inline(always)]
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// What is free in them.
    #[inline(always)]
    pub(crate) fn holes(&self) -> &Holes {
        &self.holes
    }

    /// The size of the largest hole.
    #[inline]
    pub(crate) fn largest_hole(&mut self) -> u64 {
        self.holes.largest()
    }

    /// Every segment with its start, in the order of their addresses.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u64, Segment)> {
        self.by_start.iter().map(|(&start, &segment)| (start, segment))
    }

    /// Adds a segment that overlaps none, all of it free.
    pub(crate) fn add(&mut self, start: u64, end: u64, expandable: bool, pool: PoolId) {
        let mut whole = (start, Segment { end, pool, granule: expandable.then_some(end - start) });
        let left = self.by_start.range(..start).next_back().map(|(&start, &segment)| (start, segment));
        if let Some((left_start, left)) = left.filter(|(_, left)| left.end == start)
            && let Some(granule) = common(left.granule, whole.1.granule)
        {
            whole = (left_start, Segment { end, granule: Some(granule), ..left });
        }
        if let Some(right) = self.by_start.get(&end).copied()
            && let Some(granule) = common(right.granule, whole.1.granule)
        {
            self.by_start.remove(&end);
            self.borders.remove(&end);
            whole.1 = Segment { end: right.end, granule: Some(granule), ..whole.1 };
        }
        self.by_start.insert(whole.0, whole.1);
        self.borders.insert(whole.0);
        self.reserved += end - start;
        self.give_back(start, end);
    }

    /// Whether a block was placed inside a hole since this was last asked, rather than at its front.
    #[inline(always)]
    pub(crate) fn was_split(&mut self) -> bool {
        std::mem::take(&mut self.split)
    }

    /// Takes the range out of the hole that holds it. `false`: there is none.
    #[inline]
    pub(crate) fn place(&mut self, start: u64, end: u64) -> bool {
        self.holes.take_front(start, end - start) || self.place_inside(start, end)
    }

    #[cold]
    fn place_inside(&mut self, start: u64, end: u64) -> bool {
        // Looked for among the few segments first: a block outside all of them must not cost an index of the holes.
        if self.around(start).is_none_or(|(_, segment)| end > segment.end) {
            return false;
        }
        let Some((hole, hole_end)) = self.holes.around(start).filter(|(_, hole_end)| end <= *hole_end) else {
            return false;
        };
        self.split = true;
        self.holes.remove(hole);
        if hole < start {
            self.holes.insert(hole, start);
        }
        if end < hole_end {
            self.holes.insert(end, hole_end);
        }
        true
    }

    /// Makes the range of a placed block a hole again, merged with the holes beside it in the same segment.
    #[inline]
    pub(crate) fn give_back(&mut self, start: u64, end: u64) {
        let (mut first, mut last) = (start, end);
        if let Some(left) = self.holes.ending_at(start)
            && !self.borders.contains(&start)
        {
            self.holes.remove(left);
            first = left;
        }
        if let Some(right) = self.holes.starting_at(end)
            && !self.borders.contains(&end)
        {
            self.holes.remove(end);
            last = right;
        }
        self.holes.insert(first, last);
    }

    /// The parts of segments that lie in the range, in the order of their addresses.
    pub(crate) fn overlaps(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let first = self.around(start).map_or(start, |(first, _)| first);
        let touched = self.by_start.range(first..end);
        touched.map(|(&first, segment)| (first.max(start), segment.end.min(end))).collect()
    }

    /// The end of the segment that starts here.
    pub(crate) fn end_of(&self, start: u64) -> Option<u64> {
        self.by_start.get(&start).map(|segment| segment.end)
    }

    /// Takes a part of one segment away. `block_at` tells the end of the placed block at an address, `lose` is told of each
    /// placed block in the range: it is gone with its memory.
    pub(crate) fn withdraw(
        &mut self,
        start: u64,
        end: u64,
        block_at: impl Fn(u64) -> Option<u64>,
        mut lose: impl FnMut(u64),
    ) -> Result<(), Tangled> {
        let (segment_start, segment) = self.around(start).ok_or(Tangled)?;
        self.clear_border(segment_start, start, &block_at, &mut lose)?;
        let mut at = start;
        while at < end {
            let piece_end = match (self.holes.starting_at(at), block_at(at)) {
                (Some(hole_end), _) => {
                    self.holes.remove(at);
                    hole_end
                }
                (None, Some(block_end)) => {
                    lose(at);
                    block_end
                }
                (None, None) => return Err(Tangled),
            };
            if piece_end > end {
                self.holes.insert(end, piece_end);
            }
            at = piece_end;
        }
        self.by_start.remove(&segment_start);
        self.borders.remove(&segment_start);
        for (from, to) in [(segment_start, start), (end, segment.end)] {
            if from < to {
                let granule = common(segment.granule, Some(to - from));
                self.by_start.insert(from, Segment { end: to, granule, ..segment });
                self.borders.insert(from);
            }
        }
        self.reserved -= end - start;
        Ok(())
    }

    /// Makes sure that a piece of the segment starts at `border`.
    fn clear_border(
        &mut self,
        segment_start: u64,
        border: u64,
        block_at: &impl Fn(u64) -> Option<u64>,
        lose: &mut impl FnMut(u64),
    ) -> Result<(), Tangled> {
        if self.holes.starting_at(border).or_else(|| block_at(border)).is_some() {
            return Ok(());
        }
        if let Some((hole, hole_end)) = self.holes.around(border) {
            self.holes.remove(hole);
            self.holes.insert(hole, border);
            self.holes.insert(border, hole_end);
            return Ok(());
        }
        let mut at = segment_start;
        for _ in 0..WALK {
            let next = self.holes.starting_at(at).or_else(|| block_at(at)).ok_or(Tangled)?;
            if next > border {
                lose(at);
                self.holes.insert(at, border);
                self.holes.insert(border, next);
                return Ok(());
            }
            at = next;
        }
        Err(Tangled)
    }

    fn around(&self, address: u64) -> Option<(u64, Segment)> {
        let (&start, &segment) = self.by_start.range(..=address).next_back()?;
        (address < segment.end).then_some((start, segment))
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
