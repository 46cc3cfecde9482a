//! The segments of a heap as they are at the end, with what fills them.

use std::io::{self, Write};

use memtrace_analysis::replay::{HeldBlock, Piece, Replay, ReplayHeap};
use memtrace_format::PoolId;

use super::{
    Torch,
    pickle::{Item, Remembered},
};

const INACTIVE: &str = "inactive";
const ALLOCATED: &str = "active_allocated";
const PENDING: &str = "active_pending_free";

/// A segment, and the sums over its blocks.
struct Segment {
    start: u64,
    end: u64,
    pool: PoolId,
    expandable: bool,
}

impl<W: Write> Torch<'_, W> {
    /// Adds the segments of a heap to a list. Blocks outside of all segments are segments of their own.
    pub(super) fn segments(
        &mut self,
        replay: &Replay<'_>,
        heap: &ReplayHeap,
        device: u64,
        list: Remembered,
    ) -> io::Result<()> {
        let mut reserved = Vec::new();
        for (start, segment) in heap.state.segments.iter() {
            reserved.push((start, segment.end));
            let pieces: Vec<_> = heap.state.pieces((start, segment.end)).collect();
            let (end, pool, expandable) = (segment.end, segment.pool, segment.granule.is_some());
            self.segment(replay, heap, (device, list), &Segment { start, end, pool, expandable }, &pieces)?;
        }
        let mut loose: Vec<_> = heap.state.blocks().filter(|(_, block)| !block.is_placed()).collect();
        loose.sort_unstable_by_key(|&(address, _)| address);
        for (start, block) in loose {
            let behind = reserved.partition_point(|&(segment, _)| segment <= start);
            let inside = reserved[..behind].last().is_some_and(|&(_, end)| start < end);
            let end = start.saturating_add(block.size);
            if inside || block.size == 0 {
                continue;
            }
            let pool = self.pool_of_loose(heap);
            let segment = Segment { start, end, pool, expandable: false };
            self.segment(replay, heap, (device, list), &segment, &[(start, end, Piece::Block(block))])?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        replay: &Replay<'_>,
        heap: &ReplayHeap,
        (device, list): (u64, Remembered),
        segment: &Segment,
        pieces: &[(u64, u64, Piece)],
    ) -> io::Result<()> {
        let blocks = self.pickle.list()?;
        let [mut allocated, mut active, mut requested] = [0; 3];
        for (start, end, piece) in pieces {
            let (state, asked, frames) = match piece {
                Piece::Hole => (INACTIVE, 0, self.no_frames()?),
                Piece::Block(block) => {
                    active += block.size;
                    requested += block.requested;
                    let frames = self.frames_of(replay, block)?;
                    if block.is_allocated() {
                        allocated += block.size;
                        (ALLOCATED, block.requested, frames)
                    } else {
                        (PENDING, block.requested, frames)
                    }
                }
            };
            self.pickle.add(
                blocks,
                &[
                    ("address", Item::Number(*start)),
                    ("size", Item::Number(end - start)),
                    ("requested_size", Item::Number(asked)),
                    ("state", Item::Text(state)),
                    ("frames", Item::Remembered(frames)),
                ],
            )?;
        }
        let frames = self.frames_of_segment(heap.key, segment.start)?;
        let pool = self.pool(segment.pool);
        self.pickle.add(
            list,
            &[
                ("device", Item::Number(device)),
                ("address", Item::Number(segment.start)),
                ("total_size", Item::Number(segment.end - segment.start)),
                ("allocated_size", Item::Number(allocated)),
                ("active_size", Item::Number(active)),
                ("requested_size", Item::Number(requested)),
                ("stream", Item::Number(pool.stream)),
                ("segment_type", Item::Text(pool.kind)),
                ("segment_pool_id", Item::Pair(pool.id.0, pool.id.1)),
                ("is_expandable", Item::Bool(segment.expandable)),
                ("frames", Item::Remembered(frames)),
                ("blocks", Item::Remembered(blocks)),
            ],
        )
    }

    /// Returns the owners of a block, as frames.
    fn frames_of(&mut self, replay: &Replay<'_>, block: &HeldBlock) -> io::Result<Remembered> {
        let owner = replay.owners.owner(block.owner);
        let (stack, module) = owner.map(|owner| (owner.stack, owner.module)).unwrap_or_default();
        self.frames.list(&mut self.pickle, stack, module)
    }
}
