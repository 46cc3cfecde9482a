//! A fold as records: those that brought the state about, less all that cancelled out.

use memtrace_format::{Event, Folded, NameId, PeakPassed, Ticks};

use super::{
    fold::{Block, Fold, SegmentKind, Stamp},
    nesting::{Nesting, OpenScope},
};

impl Fold {
    /// Hands the events of the baseline to `write`, in their order, each with its time. `folded` says how far each thread is
    /// folded. The event that ends the baseline is the writer's to add.
    pub fn baseline(&self, folded: &[Folded], mut write: impl FnMut(Ticks, Event)) {
        let mut thread = None;
        for (stamp, what) in self.remembered() {
            let mut write = |event| write(stamp.time, event);
            if thread.replace(stamp.thread) != Some(stamp.thread) {
                write(Event::OnThread(stamp.thread));
            }
            match what {
                Remembered::Event(event) => write(event),
                Remembered::Block(block) => self.write_block(block, write),
            }
        }
        for (&heap, state) in &self.heaps {
            for (reserved, level) in [(false, state.allocated), (true, state.reserved)] {
                let peak = PeakPassed { heap, reserved, bytes: memtrace_format::Bytes(level.peak) };
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
        let mut add = |stamp: Stamp, event| all.push((stamp, Remembered::Event(event)));
        for (&module, state) in &self.modules {
            if let Some(defined) = state.defined {
                add(defined, Event::ModuleDefined(module));
            }
            if let Some(((began, begin), (ended, end))) = state.last_transfer {
                add(began, Event::TransferBegin(begin));
                add(ended, Event::TransferEnd(end));
            }
        }
        for (&counter, &(stamp, value)) in &self.counters {
            add(stamp, Event::CounterSample { counter, value });
        }
        for nesting in self.threads.values() {
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
        let blocks = self.heaps.values().flat_map(|heap| heap.blocks.values());
        all.extend(blocks.map(|block| (block.since, Remembered::Block(block))));
        all.sort_unstable_by_key(|(stamp, _)| stamp.order);
        all
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
}
