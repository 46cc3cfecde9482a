//! The table of events.

use std::io;

use hashbrown::HashMap;
use memtrace_analysis::walk::{Seen, Visitor};
use memtrace_analysis::{
    Nanos, Recorded, Text, Trace,
    events::EventLine,
    replay::{BlockOwner, HeldBlock, Replay, ScopeId},
};
use memtrace_format::{CounterValue, Event};

use super::{Cell, Kind, Rows};

pub(super) const COLUMNS: [(&str, Kind); 20] = [
    ("time_ns", Kind::Number),
    ("thread", Kind::Text),
    ("kind", Kind::Text),
    ("heap", Kind::Text),
    ("address", Kind::Number),
    ("bytes", Kind::Number),
    ("requested_bytes", Kind::Number),
    ("module", Kind::Text),
    ("scope", Kind::Text),
    ("name", Kind::Text),
    ("value", Kind::Value),
    ("from", Kind::Text),
    ("to", Kind::Text),
    ("reason", Kind::Text),
    ("on_device_ns", Kind::Number),
    ("frame", Kind::Text),
    ("device_free_bytes", Kind::Number),
    ("heap_allocated_bytes", Kind::Number),
    ("heap_active_bytes", Kind::Number),
    ("heap_reserved_bytes", Kind::Number),
];

/// Writes a row for each event.
pub(super) struct Events<'a, R: Rows> {
    trace: &'a Trace,
    rows: R,
    scopes: HashMap<ScopeId, Text>,
}

impl<'a, R: Rows> Events<'a, R> {
    pub(super) fn new(trace: &'a Trace, rows: R) -> Self {
        Self { trace, rows, scopes: HashMap::new() }
    }

    /// The owner of an event's block, from the replay: the event itself need not name it.
    fn owner(&mut self, replay: &Replay<'_>, block: Option<HeldBlock>) -> (Cell, Cell) {
        let Some(&BlockOwner { module, scope, .. }) =
            block.and_then(|block| replay.owners.owner(block.owner))
        else {
            return (Cell::Empty, Cell::Empty);
        };
        let definitions = self.trace.definitions();
        let module = (!module.is_none()).then(|| definitions.module_name(module));
        let known = (scope != ScopeId::NONE).then(|| {
            self.scopes.entry(scope).or_insert_with(|| replay.scopes.render(scope, definitions)).clone()
        });
        (Cell::of(module, Cell::Text), Cell::of(known, Cell::Text))
    }
}

impl<R: Rows> Visitor for Events<'_, R> {
    fn begin(&mut self, _replay: &Replay<'_>, _from: Nanos) -> io::Result<()> {
        self.rows.begin()
    }

    fn event(&mut self, replay: &Replay<'_>, seen: &Seen<'_>) -> io::Result<()> {
        let thread = self.trace.thread(seen.now.thread);
        let recorded = Recorded { time: seen.now.time, thread, event: *seen.event };
        let line = EventLine::new(&recorded, self.trace.definitions());
        let heap = seen.heap.map(|heap| &replay.heaps[heap].state);
        let (mut from, mut to, mut reason, mut on_device, mut free) = Default::default();
        let (mut block, mut requested, mut value) = (seen.freed, None, Cell::Empty);
        match seen.event {
            Event::BlockAlloc(alloc) => {
                block = heap.and_then(|heap| heap.block(alloc.address.0));
                requested = Some(alloc.requested.0);
            }
            Event::BlockFree(_) | Event::BlockFreeRequested(_) | Event::BlockFreeCompleted(_) => {
                requested = block.map(|block| block.requested);
            }
            Event::TransferBegin(begin) => {
                from = Some(begin.from);
                to = Some(begin.to);
                reason = Some(begin.reason.name());
            }
            Event::TransferEnd(end) => {
                on_device = end.on_device.and_then(|took| u64::try_from(took.as_nanos()).ok());
            }
            Event::OutOfMemory(failed) => free = failed.free.map(|free| free.0),
            Event::Mark { value: number, .. } | Event::HeapMark { value: number, .. } => {
                value = Cell::Number(*number);
            }
            Event::Dropped { count, .. } => value = Cell::Number(*count),
            Event::CounterSample { value: sampled, .. } => value = measured(*sampled),
            _ => {}
        }
        let (owner, scope) = self.owner(replay, block);
        let module = match line.module {
            Some(module) => Cell::Text(module),
            None => owner,
        };
        let bytes = line.bytes.map(|bytes| bytes.0).or(block.map(|block| block.size));
        let tier = |tier: memtrace_format::Tier| Cell::Text(Text::new(tier.to_string()));
        self.rows.row([
            Cell::Number(line.time_ns.0),
            Cell::Text(line.thread),
            Cell::Word(line.kind),
            Cell::of(line.heap, Cell::Text),
            Cell::of(line.address, |address| Cell::Address(address.0)),
            Cell::of(bytes, Cell::Number),
            Cell::of(requested.filter(|_| heap.is_none_or(|heap| !heap.requests_untold)), Cell::Number),
            module,
            scope,
            Cell::of(line.name, Cell::Text),
            value,
            Cell::of(from, tier),
            Cell::of(to, tier),
            Cell::of(reason, Cell::Word),
            Cell::of(on_device, Cell::Number),
            Cell::of(line.frame, Cell::Text),
            Cell::of(free, Cell::Number),
            Cell::of(heap, |heap| Cell::Number(heap.totals.allocated)),
            Cell::of(heap, |heap| Cell::Number(heap.totals.active)),
            Cell::of(heap.filter(|heap| heap.segmented), |heap| Cell::Number(heap.segments.reserved())),
        ])
    }

    fn end(self, _replay: &Replay<'_>) -> io::Result<()> {
        self.rows.finish()
    }
}

/// A value that was sampled.
pub(super) fn measured(value: CounterValue) -> Cell {
    match value {
        CounterValue::Integer(number) => Cell::Number(number),
        CounterValue::Float(number) => Cell::Float(number),
    }
}
