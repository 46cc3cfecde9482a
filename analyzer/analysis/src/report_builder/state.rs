//! Builds the contents of the heaps at the current state.

use super::{
    NO_SEGMENTS, SCHEMA_VERSION,
    breakdown::breakdown,
    deferred::layout_of,
    fragmentation::fragmentation,
    heap::{SHARES, Told, device_of, figures, largest_blocks},
    names::Names,
};
use crate::{
    Nanos,
    collectors::FragmentationSnapshot,
    replay::{Level, Replay, ReplayHeap},
    report::{HeapContents, State},
};

/// What every heap holds.
pub(crate) fn state(mut replay: Replay<'_>, time: Nanos) -> State {
    let mut heaps = std::mem::take(&mut replay.heaps);
    let mut names = Names::new(replay.log, &replay.owners, &replay.scopes);
    State {
        schema_version: SCHEMA_VERSION,
        time_ns: time,
        heaps: heaps.iter_mut().map(|heap| heap_state(heap, time, &mut names)).collect(),
    }
}

fn heap_state(heap: &mut ReplayHeap, time: Nanos, names: &mut Names<'_>) -> HeapContents {
    let snapshot = FragmentationSnapshot::of(time, &mut heap.state);
    let (by, told) = (heap.state.by, Told::of(&heap.state));
    let segmented = told.segments;
    let live = || heap.state.blocks().filter(|(_, block)| heap.state.counts(block));
    let (device, kind) = device_of(heap.key, names);
    let fragmentation = segmented.then(|| {
        let mut at = fragmentation(&snapshot, told);
        at.layout = layout_of(heap, time, names);
        at
    });
    let (blocks, blocks_total) = largest_blocks(live(), told, time, names);
    HeapContents {
        name: names.heap(heap.key),
        device,
        device_why: device.is_none().then_some("the engine named no device"),
        kind,
        events: heap.events - heap.first_event,
        by,
        figures: figures(&Level::of(&heap.state), told),
        breakdown: breakdown(live().map(|(_, block)| block), by, time, SHARES, names),
        blocks_total,
        blocks,
        fragmentation,
        fragmentation_why: (!segmented).then_some(NO_SEGMENTS),
    }
}
