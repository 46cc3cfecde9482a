//! Pins: the blocks that keep reserved memory from being returned to the driver.
//!
//! A plain segment goes back when all its blocks are gone; of an expandable one each granule does. Call these *pages*: a page
//! is freed by releasing every block that touches it. Which blocks to release first, to free the most for the least?
//!
//! Pages lie side by side and so do blocks, so the blocks of a page are neighbours, and of any set of blocks the pages that
//! it frees are those freed by its runs of neighbours, added up. The set with the most bytes freed for each byte released is
//! therefore a single run from the first block of one page to the last block of another, and one sweep finds the best for
//! a given price; raising the price to what that run achieves, until no run does better, gives the best of all
//! (Dinkelbach 1967). Taking that run out and asking again gives the next, and so on: the order of falling density
//! of what a closure problem calls its principal partition. What that order proves: **whoever releases no more bytes than
//! the first `n` pins together cannot free more bytes than they do.** (Were more freed for less, some run of it would be denser
//! than the last pin, and have been taken before.) Segments share no blocks, so the orders of all segments merge into one.

use std::{cmp::Reverse, collections::BinaryHeap};

use memtrace_format::Bytes;

use super::{LiveBlock, LiveHeap, LiveSegment};

/// Pages of PyTorch's expandable segments: of its large pools, and of its small ones.
const USUAL_PAGES: [u64; 2] = [20 << 20, 2 << 20];

/// Some blocks, and what would go back to the driver without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPin {
    /// The index of the segment.
    pub segment: usize,
    /// The indices of the blocks, all of the heap's.
    pub blocks: Vec<usize>,
    /// The bytes of these blocks.
    pub released_bytes: Bytes,
    /// The bytes that would go back.
    pub freed_bytes: Bytes,
}

impl LiveSegment {
    /// The length of what can be given back by itself: the whole segment, or a page of an expandable one. Pages of an
    /// expandable segment are those that PyTorch maps, if all that was ever mapped are multiples of them.
    pub fn page_bytes(&self) -> Bytes {
        let Some(granule) = self.granule_bytes else { return self.bytes };
        let usual = USUAL_PAGES.into_iter().find(|page| granule.0.is_multiple_of(*page));
        usual.map_or(granule, Bytes)
    }
}

impl LiveHeap {
    /// What no block keeps, and could go back to the driver as it is.
    pub fn unpinned_bytes(&self) -> Bytes {
        let segments = self.segments.iter().flatten();
        Bytes(segments.map(|segment| Pages::of(segment, &self.blocks).unpinned).sum())
    }

    /// The blocks to release first, to free the most: those first whose release frees the most bytes for each of theirs, no more
    /// than `limit` times, and only while more is freed than released. Whoever releases no more bytes than the first `n` of them
    /// together cannot free more.
    pub fn pins(&self, limit: usize) -> Vec<SegmentPin> {
        let segments = self.segments.as_deref().unwrap_or_default();
        let mut pages: Vec<Pages> = segments.iter().map(|segment| Pages::of(segment, &self.blocks)).collect();
        let best = |pages: &Pages, segment| pages.densest().map(|run| (run, Reverse(segment)));
        let mut next: BinaryHeap<(Run, Reverse<usize>)> =
            pages.iter().enumerate().filter_map(|(segment, pages)| best(pages, segment)).collect();
        let mut pins = Vec::new();
        while pins.len() < limit
            && let Some((run, Reverse(segment))) = next.pop()
        {
            let blocks = pages[segment].take(&run);
            pins.push(SegmentPin {
                segment,
                blocks,
                released_bytes: Bytes(run.released),
                freed_bytes: Bytes(run.freed),
            });
            next.extend(best(&pages[segment], segment));
        }
        pins
    }
}

/// The pages of a segment, by the blocks that keep them.
#[derive(Debug)]
struct Pages {
    /// The index of the first block among the heap's.
    first_block: usize,
    /// The bytes of each block that would still have to be released. (A block that fills no place counts nothing.)
    weights: Vec<u64>,
    /// Neighbouring pages that the same blocks keep, in order.
    groups: Vec<Group>,
    /// The bytes of pages that no block keeps.
    unpinned: u64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    /// The first and the last block, counted from the segment's first.
    first: usize,
    last: usize,
    bytes: u64,
}

/// A run of neighbouring groups. The better one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    groups: (usize, usize),
    freed: u64,
    released: u64,
}

impl Pages {
    fn of(segment: &LiveSegment, blocks: &[LiveBlock]) -> Self {
        let blocks_here = &blocks[segment.blocks.clone()];
        let weights =
            blocks_here.iter().map(|block| if block.is_placed { block.bytes.0 } else { 0 }).collect();
        let mut pages = Self { first_block: segment.blocks.start, weights, groups: Vec::new(), unpinned: 0 };
        let (start, page) = (segment.address.0, segment.page_bytes().0.max(1));
        let number = |offset: u64| offset / page;
        let mut kept = 0;
        let mut last_page = None;
        for (index, block) in blocks_here.iter().enumerate().filter(|(_, block)| block.is_placed) {
            let offset = block.address.0 - start;
            let (from, to) = (number(offset), number(offset + (block.bytes.0 - 1)));
            let shared = last_page == Some(from);
            if let Some(group) = pages.groups.last_mut().filter(|_| shared) {
                group.last = index;
            }
            // Of the pages that this block touches first: the ones between its ends are its own.
            let own = from + u64::from(shared)..to;
            let mut keep = |from: u64, to: u64| {
                // The last page may be cut short by the end of the segment.
                let bytes = (to.saturating_mul(page)).min(segment.bytes.0) - from * page;
                pages.groups.push(Group { first: index, last: index, bytes });
                kept += bytes;
            };
            if own.start < own.end {
                keep(own.start, own.end);
            }
            if !(shared && from == to) {
                keep(to, to + 1);
            }
            last_page = Some(to);
        }
        pages.unpinned = segment.bytes.0 - kept;
        pages
    }

    /// The run that frees the most bytes for each that it releases; of several the smallest. None if none frees more than
    /// it releases.
    fn densest(&self) -> Option<Run> {
        let mut price = (1, 1);
        loop {
            let (gain, run) = self.most_gainful(price)?;
            if gain == 0 {
                return (run.freed > run.released).then_some(run);
            }
            price = (i128::from(run.freed), i128::from(run.released));
        }
    }

    /// The run with the largest gain over what its bytes cost at this price (`price.0 / price.1` for each), and of several the
    /// one that releases the least; none if all lose.
    fn most_gainful(&self, price: (i128, i128)) -> Option<(i128, Run)> {
        // What a run from group a to group b gains is value(b's end) - value(a's beginning).
        let value = |freed: u64, released: u64| {
            i128::from(freed).saturating_mul(price.1) - i128::from(released).saturating_mul(price.0)
        };
        let sums = self.weights.iter().scan(0, |sum: &mut u64, weight| {
            *sum += weight;
            Some(*sum)
        });
        let released: Vec<u64> = std::iter::once(0).chain(sums).collect();
        let mut freed = 0;
        // The beginning that costs least so far: its value, its group, and the sums there.
        let mut cheapest: Option<(i128, usize, u64, u64)> = None;
        let mut best: Option<(i128, Run)> = None;
        for (index, group) in self.groups.iter().enumerate() {
            let begin = value(freed, released[group.first]);
            // Of equal ones the later: its run is shorter.
            if cheapest.is_none_or(|(least, ..)| begin <= least) {
                cheapest = Some((begin, index, freed, released[group.first]));
            }
            freed += group.bytes;
            let Some((least, from, freed_before, released_before)) = cheapest else { continue };
            let run = Run {
                groups: (from, index),
                freed: freed - freed_before,
                released: released[group.last + 1] - released_before,
            };
            let gain = value(freed, released[group.last + 1]) - least;
            let is_better = best
                .is_none_or(|(most, other)| gain > most || (gain == most && run.released < other.released));
            if gain >= 0 && run.released > 0 && is_better {
                best = Some((gain, run));
            }
        }
        best
    }

    /// Releases the blocks of the run: from now on they cost nothing, and its pages bring nothing.
    fn take(&mut self, run: &Run) -> Vec<usize> {
        let groups = &mut self.groups[run.groups.0..=run.groups.1];
        let (first, last) = (groups[0].first, groups[groups.len() - 1].last);
        groups.iter_mut().for_each(|group| group.bytes = 0);
        let released = (first..=last).filter(|&block| self.weights[block] > 0);
        let blocks = released.map(|block| self.first_block + block).collect();
        self.weights[first..=last].fill(0);
        blocks
    }
}

impl Ord for Run {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let share = |a: u64, b: u64| u128::from(a) * u128::from(b);
        share(self.freed, other.released)
            .cmp(&share(other.freed, self.released))
            .then(other.released.cmp(&self.released))
            .then(other.groups.cmp(&self.groups))
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use memtrace_format::Address;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Nanos, Text,
        report::{BlockSizes, Figures, PeakBy},
        snapshot::{BlockState, OwnerIndex},
    };

    /// Segments of so many pages each, of this length (none: they are plain), and blocks `(start, end)` in them.
    fn heap(segments: &[(u64, u64, Option<u64>)], ranges: &[(u64, u64)]) -> LiveHeap {
        let block = |&(start, end): &(u64, u64)| LiveBlock {
            address: Address(start),
            bytes: Bytes(end - start),
            requested_bytes: Some(Bytes(end - start)),
            state: BlockState::Allocated,
            is_placed: true,
            owner: OwnerIndex(0),
            born_ns: Nanos(0),
            born_event: None,
        };
        let blocks: Vec<_> = ranges.iter().map(block).collect();
        let segment = |&(start, end, page): &(u64, u64, Option<u64>)| LiveSegment {
            address: Address(start),
            bytes: Bytes(end - start),
            pool: None,
            stream: None,
            granule_bytes: page.map(Bytes),
            free_bytes: Bytes(0),
            blocks: ranges.partition_point(|range| range.0 < start)
                ..ranges.partition_point(|range| range.0 < end),
            holes: 0..0,
        };
        LiveHeap {
            name: Text::new("heap"),
            device: None,
            by: PeakBy::Allocated,
            block_sizes: BlockSizes::Recorded,
            figures: Figures::default(),
            events: 0,
            segments: Some(segments.iter().map(segment).collect()),
            blocks,
            holes: Vec::new(),
        }
    }

    fn summed_up(pins: &[SegmentPin]) -> Vec<(Vec<usize>, u64, u64)> {
        pins.iter().map(|pin| (pin.blocks.clone(), pin.released_bytes.0, pin.freed_bytes.0)).collect()
    }

    #[test]
    fn plain_segments_come_in_the_order_of_what_they_bring() {
        let segments = [(0, 100, None), (100, 200, None), (200, 300, None), (300, 400, None)];
        let heap = heap(&segments, &[(10, 20), (30, 35), (100, 200), (250, 260)]);
        assert_eq!(summed_up(&heap.pins(9)), [(vec![3], 10, 100), (vec![0, 1], 15, 100)]);
        assert_eq!(summed_up(&heap.pins(1)).len(), 1);
        assert_eq!(heap.unpinned_bytes(), Bytes(100));
    }

    #[test]
    fn pages_of_an_expandable_segment_go_back_one_by_one() {
        // Pages of 10: the first block keeps page 0, the second pages 2 and 3, the third page 3.
        let heap = heap(&[(0, 60, Some(10))], &[(2, 4), (29, 31), (35, 36)]);
        assert_eq!(summed_up(&heap.pins(9)), [(vec![1, 2], 3, 20), (vec![0], 2, 10)]);
        assert_eq!(heap.unpinned_bytes(), Bytes(30));
    }

    #[test]
    fn pages_are_those_that_are_mapped_in_practice() {
        let page = |granule| heap(&[(0, 400 << 20, granule)], &[]).segments.unwrap()[0].page_bytes().0;
        assert_eq!(page(None), 400 << 20);
        assert_eq!([60 << 20, 6 << 20, 4096].map(|granule| page(Some(granule))), [20 << 20, 2 << 20, 4096]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn no_set_of_blocks_does_better(
            segments in prop::collection::vec((1u64..30, prop::option::of(1u64..9)), 1..4),
            lengths in prop::collection::vec((0u64..8, 1u64..12), 1..10),
        ) {
            let mut end = 0;
            let segments: Vec<_> = segments.iter().map(|&(length, page)| {
                // Expandable segments are whole pages.
                let length = page.map_or(length, |page| length.next_multiple_of(page));
                end += length;
                (end - length, end, page)
            }).collect();
            let mut at = 0;
            let mut ranges = Vec::new();
            for (gap, length) in lengths {
                let Some(&(_, end, _)) = segments.iter().find(|(_, end, _)| at + gap < *end) else { break };
                let block = (at + gap, (at + gap + length).min(end));
                ranges.push(block);
                at = block.1;
            }
            let heap = heap(&segments, &ranges);
            let pages: Vec<(u64, u64)> = segments.iter().flat_map(|&(start, end, page)| {
                let page = page.unwrap_or(end - start);
                (0..(end - start) / page).map(move |number| (start + number * page, start + (number + 1) * page))
            }).collect();
            // What a set of blocks, as bits, releases and frees.
            let outcome = |set: u32| {
                let chosen = |block: usize| set & 1 << block != 0;
                let released: u64 = ranges.iter().enumerate().filter(|(index, _)| chosen(*index)).map(|(_, (from, to))| to - from).sum();
                let freed: u64 = pages.iter().filter(|(from, to)| {
                    let mut touching = ranges.iter().enumerate().filter(|(_, range)| range.0 < *to && *from < range.1).peekable();
                    touching.peek().is_some() && touching.all(|(index, _)| chosen(index))
                }).map(|(from, to)| to - from).sum();
                (released, freed)
            };
            let all: Vec<(u64, u64)> = (0..1u32 << ranges.len()).map(outcome).collect();
            let pins = heap.pins(usize::MAX);
            let mut set = 0;
            let mut sums = (0, 0);
            let mut density = f64::INFINITY;
            for pin in &pins {
                set |= pin.blocks.iter().map(|&block| 1 << block).sum::<u32>();
                sums = (sums.0 + pin.released_bytes.0, sums.1 + pin.freed_bytes.0);
                prop_assert_eq!(outcome(set), sums);
                let most = all.iter().filter(|(released, _)| *released <= sums.0).map(|(_, freed)| *freed).max();
                prop_assert_eq!(most, Some(sums.1));
                let dense = pin.freed_bytes.0 as f64 / pin.released_bytes.0 as f64;
                prop_assert!(dense <= density && dense > 1.0);
                density = dense;
            }
            // In the end nothing is left that would free more than it releases.
            let most = all.iter().map(|&(released, freed)| freed as i64 - released as i64).max();
            prop_assert_eq!(most, Some(sums.1 as i64 - sums.0 as i64));
            let kept: u64 = outcome(u32::MAX).1;
            prop_assert_eq!(heap.unpinned_bytes().0, end - kept);
        }
    }
}
