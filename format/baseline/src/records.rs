//! A fold as records: those that brought the state about, less all that cancelled out.

use std::collections::BTreeMap;

use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, CounterId, Event, Folded, HeapId, ModuleId, NameId, PeakPassed,
    PoolId, Segment, StackId, Ticks,
};

use crate::{
    fold::{Block, Fold, Held, Sample, SegmentKind, Stamp},
    nesting::{Nesting, OpenScope},
};

/// Where what has cancelled out is put while it is needed: no program has memory there.
const NOWHERE: u64 = 1 << 63;

impl Fold {
    /// Hands the events of the baseline to `write`, in their order, each with its time. `folded` says how far each thread is
    /// folded. The event that ends the baseline is the writer's to add.
    pub fn baseline(&self, folded: &[Folded], mut write: impl FnMut(Ticks, Event)) {
        let mut thread = None;
        let mut written = BTreeMap::new();
        for (stamp, what) in self.remembered() {
            let fillers = self.fillers(&what, &written);
            let mut write = |event| {
                self.count(&event, &mut written);
                write(stamp.time, event);
            };
            if thread.replace(stamp.thread) != Some(stamp.thread) {
                write(Event::OnThread(stamp.thread));
            }
            match what {
                Remembered::Event(event) => write(event),
                Remembered::Block(block) => self.write_block(block, write),
                Remembered::Heap(pool) => write(Event::BlockFreeCompleted(nowhere(pool))),
                Remembered::Segmented(pool) => {
                    let Filler { segment, .. } = Filler::new(pool, Held { active: 0, reserved: 1 });
                    write(Event::SegmentAlloc(segment));
                    write(Event::SegmentFree(segment));
                }
                Remembered::Sample(counter, sample) => {
                    fillers.iter().for_each(|filler| filler.come(&mut write));
                    write(Event::CounterSample { counter, value: sample.value });
                    fillers.iter().for_each(|filler| filler.go(&mut write));
                }
            }
        }
        for (&heap, state) in &self.heaps {
            for (reserved, level) in [(false, state.allocated), (true, state.reserved)] {
                let peak = PeakPassed { heap, reserved, bytes: Bytes(level.peak) };
                write(level.peak_time, Event::PeakPassed(peak));
            }
        }
        for &folded in folded {
            write(self.latest(), Event::Folded(folded));
        }
    }

    /// All that is remembered, in the order in which it happened.
    fn remembered(&self) -> Vec<(Stamp, Remembered<'_>)> {
        let mut all = Vec::new();
        for heap in self.heaps.values() {
            let Some((first, pool)) = heap.first else { continue };
            all.push((first, Remembered::Heap(pool)));
            all.extend(heap.segmented.map(|first| (first, Remembered::Segmented(pool))));
        }
        let mut add = |stamp: Stamp, event| all.push((stamp, Remembered::Event(event)));
        for (&module, state) in &self.modules {
            add(state.first, Event::ModuleDefined(module));
            if let Some(released) = state.released {
                add(released, Event::ModuleReleased(module));
            }
            for transfer in &state.transfers {
                add(transfer.began.0, Event::TransferBegin(transfer.began.1));
                add(transfer.ended.0, Event::TransferEnd(transfer.ended.1));
            }
        }
        for nesting in self.threads.values() {
            for forward in nesting.forwards() {
                if let Some(began) = forward.began {
                    add(began, Event::ForwardBegin(forward.module));
                }
                add(forward.ended, Event::ForwardEnd(forward.module));
            }
            for open in &nesting.scopes {
                add(open.since, Event::ScopeBegin { name: open.name, phase: open.phase });
            }
            for open in &nesting.modules {
                let forward = Event::ForwardBegin(open.module);
                add(open.since, open.transfer.map_or(forward, Event::TransferBegin));
            }
        }
        for heap in self.heaps.values() {
            for &(stamp, segment, kind) in heap.segments.values() {
                add(
                    stamp,
                    match kind {
                        SegmentKind::Allocated => Event::SegmentAlloc(segment),
                        SegmentKind::Mapped => Event::SegmentMap(segment),
                    },
                );
            }
            for (stamp, free) in heap.blocks.values().filter_map(|block| block.requested_back) {
                add(stamp, Event::BlockFreeRequested(free));
            }
        }
        let samples = self.counters.iter();
        all.extend(samples.map(|(&(counter, _), sample)| (sample.at, Remembered::Sample(counter, sample))));
        let blocks = self.heaps.values().flat_map(|heap| heap.blocks.values());
        all.extend(blocks.map(|block| (block.since, Remembered::Block(block))));
        all.sort_by_key(|(stamp, _)| stamp.order);
        all
    }

    /// Counts what of the heaps is written.
    fn count(&self, event: &Event, written: &mut BTreeMap<HeapId, Held>) {
        let (pool, active, reserved) = match event {
            Event::BlockAlloc(alloc) => (alloc.pool, alloc.size.0 as i64, 0),
            Event::BlockFree(free) => (free.pool, -(free.size.0 as i64), 0),
            Event::SegmentAlloc(s) | Event::SegmentMap(s) => (s.pool, 0, s.size.0 as i64),
            Event::SegmentFree(s) => (s.pool, 0, -(s.size.0 as i64)),
            _ => return,
        };
        let held = written.entry(self.heap_of(pool)).or_default();
        held.active = held.active.saturating_add_signed(active);
        held.reserved = held.reserved.saturating_add_signed(reserved);
    }

    /// What the heaps held at a sample, and has cancelled out since: figures at the sample are taken with it.
    fn fillers(&self, what: &Remembered<'_>, written: &BTreeMap<HeapId, Held>) -> Vec<Filler> {
        let Remembered::Sample(_, sample) = what else { return Vec::new() };
        let missing = sample.held.iter().filter_map(|(id, held)| {
            let (_, pool) = self.heaps.get(id)?.first?;
            let there = written.get(id).copied().unwrap_or_default();
            let active = held.active.saturating_sub(there.active);
            let reserved = held.reserved.saturating_sub(there.reserved);
            (active > 0 || reserved > 0).then(|| Filler::new(pool, Held { active, reserved }))
        });
        missing.collect()
    }

    /// A block between the scopes that it was handed out in and that are closed by now.
    fn write_block(&self, block: &Block, mut write: impl FnMut(Event)) {
        let open = self.threads.get(&block.since.thread);
        let closed = self.closed_scopes(block, open);
        for &name in &closed {
            write(Event::ScopeBegin { name, phase: false });
        }
        write(Event::BlockAlloc(block.alloc));
        for &name in closed.iter().rev() {
            write(Event::ScopeEnd { name });
        }
    }

    /// The scopes of a block's path that are not open any more, outermost first. Those that still are come before them.
    fn closed_scopes(&self, block: &Block, nesting: Option<&Nesting>) -> Vec<NameId> {
        let chain = self.paths.chain(block.path);
        let open: &[OpenScope] = nesting.map_or(&[], |nesting| &nesting.scopes);
        let still_open = chain
            .iter()
            .zip(open)
            .take_while(|((path, _), open)| open.path == *path && open.since.order < block.since.order)
            .count();
        chain[still_open..].iter().map(|&(_, name)| name).collect()
    }
}

enum Remembered<'a> {
    Event(Event),
    Block(&'a Block),
    /// A heap was heard of, by a pool of it: something comes back that nobody knows.
    Heap(PoolId),
    /// A heap has segments.
    Segmented(PoolId),
    Sample(CounterId, &'a Sample),
}

/// A segment and a block that stand for all that a heap held at an instant and that has cancelled out since.
struct Filler {
    segment: Segment,
    active: Bytes,
}

impl Filler {
    fn new(pool: PoolId, held: Held) -> Self {
        let (address, size) = (Address(NOWHERE), Bytes(held.reserved));
        Self { segment: Segment { pool, address, size, stack: StackId::NONE }, active: Bytes(held.active) }
    }

    fn come(&self, write: &mut impl FnMut(Event)) {
        if self.segment.size.0 > 0 {
            write(Event::SegmentAlloc(self.segment));
        }
        if self.active.0 > 0 {
            write(Event::BlockAlloc(BlockAlloc {
                pool: self.segment.pool,
                address: Address(NOWHERE),
                size: self.active,
                requested: self.active,
                module: ModuleId::NONE,
                stack: StackId::NONE,
            }));
        }
    }

    fn go(&self, write: &mut impl FnMut(Event)) {
        if self.active.0 > 0 {
            write(Event::BlockFree(BlockFree { size: self.active, ..nowhere(self.segment.pool) }));
        }
        if self.segment.size.0 > 0 {
            write(Event::SegmentFree(self.segment));
        }
    }
}

/// A block that is not there.
fn nowhere(pool: PoolId) -> BlockFree {
    BlockFree { pool, address: Address(NOWHERE), size: Bytes(0) }
}
