//! Builds a snapshot of the heaps from the state of a replay.

use hashbrown::{HashMap, hash_map::Entry};
use memtrace_format::{Address, Bytes, DeviceId};

use super::{
    heap::{Told, figures},
    names::Names,
};
use crate::{
    Nanos, Text,
    model::HeapKey,
    replay::{self, Level, OwnerId, Piece, Replay},
    snapshot::{BlockState, HeapSnapshot, Hole, LiveBlock, LiveHeap, LiveSegment, Owner, OwnerIndex},
};

/// What is live after the events that were replayed.
pub(crate) fn snapshot(replay: &Replay<'_>, time: Nanos) -> HeapSnapshot {
    let mut names = Names::of(replay);
    snapshot_of(&replay.heaps, time, &mut names)
}

/// What is live in some of the heaps.
pub(super) fn snapshot_of(heaps: &[replay::ReplayHeap], time: Nanos, names: &mut Names<'_>) -> HeapSnapshot {
    let mut owners = OwnerTable { names, indices: HashMap::new(), owners: Vec::new() };
    let heaps = heaps.iter().map(|heap| live_heap(heap, &mut owners)).collect();
    HeapSnapshot { time_ns: time, heaps, owners: owners.owners }
}

fn live_heap(heap: &replay::ReplayHeap, owners: &mut OwnerTable<'_, '_>) -> LiveHeap {
    let state = &heap.state;
    let holes: Vec<Hole> = state
        .segments
        .iter()
        .flat_map(|(start, segment)| state.pieces((start, segment.end)))
        .filter(|(.., piece)| *piece == Piece::Hole)
        .map(|(start, end, _)| Hole { address: Address(start), bytes: Bytes(end - start) })
        .collect();
    let first_event = heap.first_event;
    let mut blocks: Vec<LiveBlock> = state
        .blocks()
        .map(|(address, block)| LiveBlock {
            address: Address(address),
            bytes: Bytes(block.size),
            requested_bytes: (!state.requests_untold).then_some(Bytes(block.requested)),
            state: if block.is_allocated() { BlockState::Allocated } else { BlockState::Pending },
            is_placed: block.is_placed(),
            owner: owners.index(block.owner),
            born_ns: block.born,
            born_event: block.event.checked_sub(first_event),
        })
        .collect();
    blocks.sort_unstable_by_key(|block| block.address);
    let segments = state.segmented.then(|| segments(heap, &blocks, &holes, owners.names));
    let definitions = owners.names.definitions;
    let definition = match heap.key {
        HeapKey::Heap(id) => definitions.heap(id),
        HeapKey::LostPool(_) => None,
    };
    let device = definition.map(|heap| DeviceId(heap.device)).and_then(|id| definitions.device(id));
    LiveHeap {
        name: owners.names.heap(heap.key),
        device: device.map(|device| device.ordinal),
        by: state.by,
        block_sizes: super::heap::block_sizes(state.by),
        figures: figures(&Level::of(state), Told::of(state)),
        events: heap.events - first_event,
        segments,
        blocks,
        holes,
    }
}

fn segments(
    heap: &replay::ReplayHeap,
    blocks: &[LiveBlock],
    holes: &[Hole],
    names: &Names<'_>,
) -> Vec<LiveSegment> {
    let (mut block, mut hole) = (0, 0);
    let segment = |(start, segment): (u64, replay::ReservedSegment)| {
        let pool = names.definitions.pool(segment.pool);
        let first_block = block + blocks[block..].partition_point(|block| block.address.0 < start);
        block = first_block + blocks[first_block..].partition_point(|block| block.address.0 < segment.end);
        let first_hole = hole + holes[hole..].partition_point(|hole| hole.address.0 < start);
        hole = first_hole + holes[first_hole..].partition_point(|hole| hole.address.0 < segment.end);
        LiveSegment {
            address: Address(start),
            bytes: Bytes(segment.end - start),
            pool: pool.map(|pool| Text::new(pool.name.as_str())),
            stream: pool.map(|pool| pool.stream),
            granule_bytes: segment.granule.map(Bytes),
            free_bytes: Bytes(holes[first_hole..hole].iter().map(|hole| hole.bytes.0).sum()),
            blocks: first_block..block,
            holes: first_hole..hole,
        }
    };
    heap.state.segments.iter().map(segment).collect()
}

/// The owners that are met, each named once.
struct OwnerTable<'n, 'a> {
    names: &'n mut Names<'a>,
    indices: HashMap<OwnerId, OwnerIndex>,
    owners: Vec<Owner>,
}

impl OwnerTable<'_, '_> {
    fn index(&mut self, id: OwnerId) -> OwnerIndex {
        let entry = match self.indices.entry(id) {
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(entry) => entry,
        };
        let owner = self.names.owner(id).copied();
        self.owners.push(Owner {
            module: self.names.module(owner.map(|owner| owner.module).unwrap_or_default()),
            scope: self.names.scope(owner.map(|owner| owner.scope).unwrap_or_default()),
            thread: self.names.thread(owner.map_or(usize::MAX, |owner| owner.thread as usize)),
            stack: owner.map(|owner| owner.stack).unwrap_or_default(),
        });
        // As many as there are owners, and those are counted in 32 bits.
        *entry.insert(OwnerIndex(u32::try_from(self.owners.len() - 1).unwrap_or(u32::MAX)))
    }
}
