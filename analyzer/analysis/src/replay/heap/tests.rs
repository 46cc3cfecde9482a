//! A heap that is told anything.

use std::collections::BTreeMap;

use memtrace_format::{Address, Bytes, ModuleId, PoolId, StackId};
use proptest::prelude::*;

use super::*;

/// Anything a file can say, in few places, so that it contradicts itself often.
#[derive(Clone, Copy, Debug)]
enum Said {
    Alloc(u64, u64),
    Free(u64),
    FreeRequested(u64),
    Reserve(u64, u64, bool),
    Release(u64, u64),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => (0u64..64, 0u64..9).prop_map(|(at, size)| Said::Alloc(at, size)),
        4 => (0u64..64).prop_map(Said::Free),
        1 => (0u64..64).prop_map(Said::FreeRequested),
        2 => (0u64..64, 1u64..24, any::<bool>()).prop_map(|(at, size, map)| Said::Reserve(at, size, map)),
        1 => (0u64..64, 0u64..24).prop_map(|(at, size)| Said::Release(at, size)),
    ]
}

fn segment(at: u64, size: u64) -> Segment {
    Segment { pool: PoolId(1), address: Address(at), size: Bytes(size), stack: StackId::NONE }
}

/// What must be so of every heap, found by looking at all of it.
fn assert_whole(heap: &mut HeapState, model: &BTreeMap<u64, HeldBlock>) {
    let blocks: BTreeMap<u64, HeldBlock> = heap.blocks().collect();
    assert_eq!(heap.blocks().count(), model.len());
    for (at, block) in model {
        let found = blocks[at];
        assert_eq!(HeldBlock { placed: block.placed, ..found }, *block);
        assert!(!found.placed || block.size > 0);
    }
    let mut holes = Vec::new();
    let (mut reserved, mut placed) = (0, 0);
    for (start, segment) in heap.segments.iter() {
        reserved += segment.end - start;
        let (mut at, mut hole_before) = (start, false);
        for (from, to, piece) in heap.pieces((start, segment.end)) {
            assert!(from == at && to > from && to <= segment.end);
            at = to;
            match piece {
                Piece::Hole => holes.push(to - from),
                Piece::Block(block) => {
                    assert_eq!((blocks.get(&from), block.placed), (Some(&block), true));
                    placed += 1;
                }
            }
            assert!(!(hole_before && piece == Piece::Hole), "two holes side by side");
            hole_before = piece == Piece::Hole;
        }
        assert_eq!(at, segment.end);
    }
    assert_eq!(blocks.values().filter(|block| block.placed).count(), placed);
    assert_eq!(heap.segments.reserved(), reserved);
    assert_eq!((heap.hole_bytes(), heap.holes()), (holes.iter().sum(), holes.len() as u64));
    assert_eq!(heap.largest_hole(), holes.iter().copied().max().unwrap_or(0));
    let sum = |size: fn(&HeldBlock) -> u64| model.values().map(size).sum::<u64>();
    assert_eq!(heap.totals.active, sum(|block| block.size));
    assert_eq!(heap.totals.allocated, sum(|block| if block.pending { 0 } else { block.size }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_file_says_a_heap_is_whole(history in prop::collection::vec(said(), 1..120)) {
        let mut heap = HeapState::new(PeakBy::Allocated);
        let mut model: BTreeMap<u64, HeldBlock> = BTreeMap::new();
        for (event, said) in (0..).zip(history) {
            let mut lost = Vec::new();
            match said {
                Said::Alloc(at, size) => {
                    let alloc = BlockAlloc {
                        pool: PoolId(1),
                        address: Address(at),
                        size: Bytes(size),
                        requested: Bytes(size / 2),
                        module: ModuleId::NONE,
                        stack: StackId::NONE,
                    };
                    let born = Nanos(event);
                    heap.alloc(&alloc, OwnerId::default(), born, event);
                    let (owner, requested) = (OwnerId::default(), size / 2);
                    model.insert(at, HeldBlock { size, requested, born, event, owner, pending: false, placed: false });
                }
                Said::Free(at) => {
                    let free = BlockFree { pool: PoolId(1), address: Address(at), size: Bytes(0) };
                    let known = model.remove(&at).is_some();
                    prop_assert_eq!(heap.free(&free) != Change::Unknown, known);
                }
                Said::FreeRequested(at) => {
                    let free = BlockFree { pool: PoolId(1), address: Address(at), size: Bytes(0) };
                    heap.request_free(&free);
                    model.entry(at).and_modify(|block| block.pending = true);
                }
                Said::Reserve(at, size, expandable) => {
                    let before: BTreeMap<u64, HeldBlock> = heap.blocks().collect();
                    heap.reserve(&segment(at, size), expandable, &mut lost);
                    forget(&mut model, &before, &heap, (at, at + size));
                }
                Said::Release(at, size) => {
                    let before: BTreeMap<u64, HeldBlock> = heap.blocks().collect();
                    let end = if size == 0 { u64::MAX } else { at + size };
                    heap.release(&segment(at, size), &mut lost);
                    forget(&mut model, &before, &heap, (at, end));
                }
            }
            assert_whole(&mut heap, &model);
        }
    }
}

/// Only placed blocks that overlap the range may be gone.
fn forget(
    model: &mut BTreeMap<u64, HeldBlock>,
    before: &BTreeMap<u64, HeldBlock>,
    heap: &HeapState,
    (from, to): (u64, u64),
) {
    let now: BTreeMap<u64, HeldBlock> = heap.blocks().collect();
    model.retain(|at, block| {
        let gone = !now.contains_key(at);
        assert!(!gone || (before[at].placed && *at < to && from < at + block.size));
        !gone
    });
}
