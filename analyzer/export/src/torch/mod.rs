//! A PyTorch memory snapshot, as `torch.cuda.memory._dump_snapshot` writes one: for `torch.cuda._memory_viz`, the viewer of
//! PyTorch, and whatever else reads them.
//!
//! Snapshots know devices and page-locked memory; other heaps are left out. A heap whose engine reports no segments has one a block:
//! such an allocator asks the driver for each.

mod frames;
mod pickle;
mod segments;
mod settings;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use hashbrown::HashMap;
use memtrace_analysis::{
    EventContext, HeapKey, Nanos, Trace,
    replay::Replay,
    walk::{Seen, Visitor},
};
use memtrace_format::{DeviceId, Event, MemoryKind, ModuleId, NameId, PoolId, Segment, StackId};

use self::{
    frames::Frames,
    pickle::{Item, Pickle, Remembered},
    settings::Settings,
};

/// The most devices: a snapshot has a list for each from the first on.
const DEVICES: u32 = 1024;

/// The actions of events that readers take for more than a mark.
const ACTIONS: [&str; 8] = [
    "alloc",
    "free_requested",
    "free_completed",
    "segment_alloc",
    "segment_free",
    "segment_map",
    "segment_unmap",
    "oom",
];

/// The list that the events of a heap are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Device(u32),
    Host,
}

/// A pool, as snapshots tell pools apart.
struct Pool {
    stream: u64,
    kind: &'static str,
    id: (u64, u64),
}

/// Writes a trace as a snapshot.
#[derive(Debug)]
pub(super) struct Torch<'a, W> {
    trace: &'a Trace,
    pickle: Pickle<W>,
    frames: Frames<'a>,
    settings: Settings,
    traces: BTreeMap<Place, Remembered>,
    annotations: Remembered,
    places: HashMap<HeapKey, Option<Place>>,
    /// The request behind each reserved segment, by its start address.
    reserved_by: HashMap<HeapKey, BTreeMap<u64, StackId>>,
}

impl<'a, W: Write> Torch<'a, W> {
    pub(super) fn new(trace: &'a Trace, out: W) -> io::Result<Self> {
        let mut pickle = Pickle::begin(out)?;
        let annotations = pickle.list()?;
        let (traces, places, reserved_by) = Default::default();
        let settings = Settings::default();
        let frames = Frames::new(trace.definitions());
        Ok(Self { trace, pickle, frames, settings, traces, annotations, places, reserved_by })
    }

    /// Returns the list for a heap's events; none if they are left out.
    fn place(&mut self, key: HeapKey) -> Option<Place> {
        let definitions = self.trace.definitions();
        *self.places.entry(key).or_insert_with(|| {
            let heap = definitions.heap(key.heap()?)?;
            match heap.memory_kind()? {
                MemoryKind::Device => {
                    let ordinal = definitions.device(DeviceId(heap.device))?.ordinal;
                    (ordinal < DEVICES).then_some(Place::Device(ordinal))
                }
                MemoryKind::Pinned => Some(Place::Host),
                _ => None,
            }
        })
    }

    fn trace_of(&mut self, place: Place) -> io::Result<Remembered> {
        if let Some(&list) = self.traces.get(&place) {
            return Ok(list);
        }
        let list = self.pickle.list()?;
        self.traces.insert(place, list);
        Ok(list)
    }

    /// PyTorch's pools are `small` and `large`, those of a memory pool say so, and no other serves small requests alone.
    fn pool(&self, id: PoolId) -> Pool {
        let definition = self.trace.definitions().pool(id);
        let name = definition.map_or("", |pool| pool.name.as_str());
        let (kind, of) = name.split_once(" of pool ").unwrap_or((name, ""));
        let numbers = of.strip_prefix('(').and_then(|of| of.strip_suffix(')')?.split_once(", "));
        Pool {
            stream: definition.map_or(0, |pool| pool.stream),
            kind: if kind == "small" { "small" } else { "large" },
            id: numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).unwrap_or_default(),
        }
    }

    /// The pool of blocks that are in no segment: all of a heap without segments are of one as well as of another.
    fn pool_of_loose(&self, heap: &memtrace_analysis::replay::ReplayHeap) -> PoolId {
        let pools = heap.key.heap().map(|id| self.trace.definitions().pools_of(id)).unwrap_or_default();
        pools.first().map_or(PoolId::NONE, |&(id, _)| id)
    }

    fn no_frames(&mut self) -> io::Result<Remembered> {
        self.frames.list(&mut self.pickle, StackId::NONE, ModuleId::NONE)
    }

    fn frames_of_segment(&mut self, key: HeapKey, start: u64) -> io::Result<Remembered> {
        let stacks = self.reserved_by.get(&key);
        let stack = stacks.and_then(|stacks| stacks.get(&start)).copied().unwrap_or_default();
        self.frames.list(&mut self.pickle, stack, ModuleId::NONE)
    }

    /// Remembers who asked for what is reserved.
    fn note(&mut self, event: &Event) {
        let mut change = |segment: &Segment, reserves: bool| {
            let stacks = self.reserved_by.entry(self.trace.definitions().heap_key(segment.pool)).or_default();
            let end = segment.address.0.saturating_add(segment.size.0.max(1));
            stacks.extract_if(segment.address.0..end, |_, _| true).for_each(drop);
            if reserves {
                stacks.insert(segment.address.0, segment.stack);
            }
        };
        match event {
            Event::SegmentAlloc(segment) | Event::SegmentMap(segment) => change(segment, true),
            Event::SegmentFree(segment) | Event::SegmentUnmap(segment) => change(segment, false),
            _ => {}
        }
    }

    /// Returns the time, if the trace knows it: a snapshot of PyTorch 2.0 has no times, and neither has a trace made of it.
    fn time(&self, time: Nanos) -> Option<(&'static str, Item<'static>)> {
        let start = self.trace.header().start.realtime_ns;
        let known = start > 0 || !self.trace.is_imported();
        known.then(|| ("time_us", Item::Number(start.saturating_add(time.0) / 1_000)))
    }

    /// An event of a device: what, where, how much, of which pool, and who asked for it.
    fn traced(
        &mut self,
        time: Nanos,
        what: (&str, PoolId),
        more: &[(&'static str, Item<'_>)],
    ) -> io::Result<()> {
        let (action, pool) = what;
        let Some(place) = self.place(self.trace.definitions().heap_key(pool)) else { return Ok(()) };
        let list = self.trace_of(place)?;
        let pool = self.pool(pool);
        let mut entries = vec![("action", Item::Text(action)), ("stream", Item::Number(pool.stream))];
        entries.extend(self.time(time));
        if pool.id != (0, 0) {
            entries.push(("pool_id", Item::Pair(pool.id.0, pool.id.1)));
        }
        entries.extend_from_slice(more);
        self.pickle.add(list, &entries)
    }

    fn block(
        &mut self,
        time: Nanos,
        what: (&str, PoolId),
        (address, size): (u64, u64),
        (stack, module): (StackId, ModuleId),
    ) -> io::Result<()> {
        // What is written beside an event must not come in the midst of it.
        let frames = self.frames.list(&mut self.pickle, stack, module)?;
        let more = [
            ("addr", Item::Number(address)),
            ("size", Item::Number(size)),
            ("frames", Item::Remembered(frames)),
        ];
        self.traced(time, what, &more)
    }

    /// A block is given back; of a heap without segments, to the driver.
    fn freed(&mut self, replay: &Replay<'_>, seen: &Seen<'_>, action: &str) -> io::Result<()> {
        let (Event::BlockFree(free) | Event::BlockFreeRequested(free) | Event::BlockFreeCompleted(free)) =
            seen.event
        else {
            return Ok(());
        };
        let owner = seen.freed.and_then(|block| replay.owners.owner(block.owner));
        let whose = owner.map(|owner| (StackId::NONE, owner.module)).unwrap_or_default();
        let (address, time) = (free.address.0, seen.now.time);
        let requested = seen.freed.map_or(free.size.0, |block| block.requested);
        self.block(time, (action, free.pool), (address, requested), whose)?;
        let ends = !matches!(seen.event, Event::BlockFreeRequested(_));
        let block = seen.freed.filter(|_| ends && !is_segmented(replay, seen));
        block.map_or(Ok(()), |block| {
            self.block(time, ("segment_free", free.pool), (address, block.size), Default::default())
        })
    }

    fn mark(&mut self, time: Nanos, pool: PoolId, name: NameId, value: u64) -> io::Result<()> {
        let name = self.trace.definitions().name(name);
        let name = name.recorded();
        let (action, metadata) = name.split_once(": ").unwrap_or((name, ""));
        let (action, metadata) =
            if ACTIONS.contains(&action) { ("user_defined", name) } else { (action, metadata) };
        let frames = self.no_frames()?;
        let more = [
            ("addr", Item::Number(0)),
            ("size", Item::Number(value)),
            ("user_metadata", Item::Text(metadata)),
            ("frames", Item::Remembered(frames)),
        ];
        self.traced(time, (action, pool), &more)
    }

    /// An end of a scope.
    fn annotation(&mut self, now: EventContext, name: NameId, begins: bool) -> io::Result<()> {
        let text = self.trace.definitions().name(name);
        let device = self.device_of(now.thread);
        let mut entries = vec![
            ("stage", Item::Text(if begins { "START" } else { "END" })),
            ("name", Item::Text(text.recorded())),
            ("device", Item::Number(device.into())),
        ];
        entries.extend(self.time(now.time));
        self.pickle.add(self.annotations, &entries)
    }

    /// The device that a thread's scopes are of: an imported thread is called after its heap; for others, the first.
    fn device_of(&mut self, thread: usize) -> u32 {
        let definitions = self.trace.definitions();
        let name = definitions.thread_name(self.trace.thread(thread));
        let name = name.recorded();
        let heap = definitions.heap_named(name.strip_suffix(" annotations").unwrap_or(name));
        match heap.and_then(|heap| self.place(HeapKey::Heap(heap))) {
            Some(Place::Device(ordinal)) => ordinal,
            _ => 0,
        }
    }
}

fn is_segmented(replay: &Replay<'_>, seen: &Seen<'_>) -> bool {
    seen.heap.is_none_or(|heap| replay.heaps[heap].state.segmented)
}

impl<W: Write> Visitor for Torch<'_, W> {
    fn before(&mut self, event: &Event) {
        self.note(event);
        if let Event::Mark { name, .. } = event {
            self.settings.add(self.trace.definitions().name(*name).recorded());
        }
    }

    fn begin(&mut self, replay: &Replay<'_>, from: Nanos) -> io::Result<()> {
        for thread in 0..self.trace.threads().len() {
            let now = EventContext { time: from, thread };
            // What had begun before an imported recording has no beginning there either.
            if self.trace.is_imported() && self.trace.kept_from() == Some(from) {
                break;
            }
            replay
                .thread(thread)
                .scopes()
                .iter()
                .try_for_each(|open| self.annotation(now, open.name, true))?;
        }
        Ok(())
    }

    fn event(&mut self, replay: &Replay<'_>, seen: &Seen<'_>) -> io::Result<()> {
        let time = seen.now.time;
        let mut segment = |action, segment: &Segment| {
            let range = (segment.address.0, segment.size.0);
            self.block(time, (action, segment.pool), range, (segment.stack, ModuleId::NONE))
        };
        match seen.event {
            Event::SegmentAlloc(s) => segment("segment_alloc", s)?,
            Event::SegmentFree(s) => segment("segment_free", s)?,
            Event::SegmentMap(s) => segment("segment_map", s)?,
            Event::SegmentUnmap(s) => segment("segment_unmap", s)?,
            Event::BlockAlloc(alloc) => {
                let module = match alloc.module.is_none() {
                    true => replay.thread(seen.now.thread).module(),
                    false => alloc.module,
                };
                let whose = (alloc.stack, module);
                if !is_segmented(replay, seen) {
                    let range = (alloc.address.0, alloc.size.0);
                    self.block(time, ("segment_alloc", alloc.pool), range, whose)?;
                }
                let range = (alloc.address.0, alloc.requested.0);
                self.block(time, ("alloc", alloc.pool), range, whose)?;
            }
            Event::BlockFree(_) | Event::BlockFreeCompleted(_) => {
                self.freed(replay, seen, "free_completed")?;
            }
            Event::BlockFreeRequested(_) => self.freed(replay, seen, "free_requested")?,
            Event::OutOfMemory(failed) => {
                let frames = self.frames.list(&mut self.pickle, failed.stack, ModuleId::NONE)?;
                let mut more =
                    vec![("size", Item::Number(failed.requested.0)), ("frames", Item::Remembered(frames))];
                more.extend(failed.free.map(|free| ("device_free", Item::Number(free.0))));
                self.traced(time, ("oom", failed.pool), &more)?;
            }
            Event::HeapMark { pool, name, value } => self.mark(time, *pool, *name, *value)?,
            Event::ScopeBegin { name, .. } => self.annotation(seen.now, *name, true)?,
            Event::ScopeEnd { name } => self.annotation(seen.now, *name, false)?,
            _ => {}
        }
        self.note(seen.event);
        Ok(())
    }

    fn end(mut self, replay: &Replay<'_>) -> io::Result<()> {
        let (segments, host_segments) = (self.pickle.list()?, self.pickle.list()?);
        for heap in &replay.heaps {
            match self.place(heap.key) {
                Some(Place::Device(ordinal)) => self.segments(replay, heap, ordinal.into(), segments)?,
                Some(Place::Host) => self.segments(replay, heap, 0, host_segments)?,
                None => {}
            }
        }
        let devices = self.places.values().filter_map(|place| match place {
            Some(Place::Device(ordinal)) => Some(*ordinal),
            _ => None,
        });
        let mut traces = Vec::new();
        for ordinal in 0..=devices.max().unwrap_or(0) {
            traces.push(self.trace_of(Place::Device(ordinal))?);
        }
        let traces = self.pickle.list_of(&traces)?;
        let host_traces: Vec<_> = self.traces.get(&Place::Host).copied().into_iter().collect();
        let host_traces = self.pickle.list_of(&host_traces)?;
        let settings = self.settings.write(&mut self.pickle)?;
        self.pickle.finish(&[
            ("segments", Item::Remembered(segments)),
            ("device_traces", Item::Remembered(traces)),
            ("allocator_settings", Item::Remembered(settings)),
            ("external_annotations", Item::Remembered(self.annotations)),
            ("host_segments", Item::Remembered(host_segments)),
            ("host_traces", Item::Remembered(host_traces)),
        ])
    }
}
