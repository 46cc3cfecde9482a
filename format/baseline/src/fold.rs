//! The state that folded records have brought about.

use std::collections::{BTreeMap, HashMap};

use memtrace_format::{
    BlockAlloc, BlockFree, BlockOwned, CounterId, CounterValue, Event, HeapId, ModuleId, OutOfMemory, PoolId,
    Segment, ThreadId, Ticks, TransferBegin, TransferEnd,
};

use super::nesting::{Nesting, PathId, Paths};

/// When and on which thread something was recorded, and which of all folded events it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) order: u64,
    pub(crate) time: Ticks,
    pub(crate) thread: ThreadId,
}

/// The state after the events that were folded so far.
#[derive(Debug, Default)]
pub struct Fold {
    pub(crate) heaps: BTreeMap<HeapId, Heap>,
    pub(crate) threads: BTreeMap<ThreadId, Nesting>,
    pub(crate) modules: BTreeMap<ModuleId, Module>,
    /// What each thread sampled last of each counter.
    pub(crate) counters: BTreeMap<(CounterId, ThreadId), Sample>,
    pub(crate) paths: Paths,
    /// The heap of each pool; pool ids start at 1.
    heap_of_pool: Vec<HeapId>,
    folded: u64,
    latest: Ticks,
}

#[derive(Debug, Default)]
pub(crate) struct Heap {
    /// When it was first heard of, and a pool of it.
    pub(crate) first: Option<(Stamp, PoolId)>,
    /// When its first segment came.
    pub(crate) segmented: Option<Stamp>,
    pub(crate) blocks: HashMap<u64, Block>,
    pub(crate) segments: BTreeMap<u64, (Stamp, Segment, SegmentKind)>,
    pub(crate) allocated: Level,
    pub(crate) reserved: Level,
    /// Allocated, and freed but not completed.
    pub(crate) active: u64,
}

/// A sum of bytes, and the largest that it has been.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    now: u64,
    pub(crate) peak: u64,
    pub(crate) peak_time: Ticks,
}

/// A block that was handed out and is not yet wholly back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) since: Stamp,
    pub(crate) alloc: BlockAlloc,
    pub(crate) path: PathId,
    /// Its free was requested and is not completed.
    pub(crate) requested_back: Option<(Stamp, BlockFree)>,
}

/// How a segment came into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    Allocated,
    Mapped,
}

/// What is to be remembered of a module.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// When it was first heard of.
    pub(crate) first: Stamp,
    pub(crate) released: Option<Stamp>,
    /// The transfer that brought it to a device or away from one last, and the last of all.
    pub(crate) transfers: Vec<Transfer>,
}

/// A transfer that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) began: (Stamp, TransferBegin),
    pub(crate) ended: (Stamp, TransferEnd),
}

/// A counter's value, and what the heaps held when it was sampled.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Stamp,
    pub(crate) value: CounterValue,
    pub(crate) held: Vec<(HeapId, Held)>,
}

/// What a heap holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) active: u64,
    pub(crate) reserved: u64,
}

impl Fold {
    /// Says which heap each pool belongs to, by the pools' ids from 1 on.
    pub fn know_pools(&mut self, heap_of_pool: &[HeapId]) {
        self.heap_of_pool = heap_of_pool.to_vec();
    }

    /// The time of the latest event that was folded.
    pub fn latest(&self) -> Ticks {
        self.latest
    }

    /// How many events were folded.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// How many counters were sampled.
    pub fn counters(&self) -> usize {
        self.counters.len()
    }

    /// Folds an event in. Events come in the order of time; `time` never steps back.
    pub fn apply(&mut self, time: Ticks, thread: ThreadId, event: &Event) {
        let now = Stamp { order: self.folded, time, thread };
        self.folded += 1;
        self.latest = time;
        match *event {
            Event::BlockAlloc(alloc) => self.alloc(now, alloc),
            Event::BlockFree(free) | Event::BlockFreeCompleted(free) => self.heap(now, free.pool).free(&free),
            Event::BlockFreeRequested(free) => self.heap(now, free.pool).request_free(now, free),
            Event::SegmentAlloc(s) => self.heap(now, s.pool).reserve(now, s, SegmentKind::Allocated),
            Event::SegmentMap(s) => self.heap(now, s.pool).reserve(now, s, SegmentKind::Mapped),
            Event::SegmentFree(s) | Event::SegmentUnmap(s) => self.heap(now, s.pool).release(&s),
            Event::OutOfMemory(OutOfMemory { pool, .. }) | Event::HeapMark { pool, .. } => {
                self.heap(now, pool);
            }
            Event::BlockOwned(owned) => self.own(owned),
            Event::ModuleDefined(module) => _ = self.module(now, module),
            Event::ModuleReleased(module) => {
                let module = self.module(now, module);
                module.released = Some(now);
                module.transfers.clear();
            }
            Event::ForwardBegin(module) => {
                self.module(now, module);
                self.thread(thread).begin_forward(now, module);
            }
            Event::ForwardEnd(module) => self.thread(thread).end_forward(now, module),
            Event::TransferBegin(begin) => {
                if !begin.module.is_none() {
                    self.module(now, begin.module);
                }
                self.thread(thread).begin_transfer(now, begin);
            }
            Event::TransferEnd(end) => self.end_transfer(now, end),
            Event::ScopeBegin { name, phase } => {
                self.threads.entry(thread).or_default().enter(now, name, phase, &mut self.paths);
            }
            Event::ScopeEnd { name } => self.thread(thread).leave(name),
            // A sample that is not a number says nothing.
            Event::CounterSample { value: CounterValue::Float(x), .. } if !x.is_finite() => {}
            Event::CounterSample { counter, value } => {
                let held = self.heaps.iter().map(|(&id, heap)| (id, heap.held())).collect();
                self.counters.insert((counter, thread), Sample { at: now, value, held });
            }
            // What happened at an instant leaves no state behind.
            _ => {}
        }
    }

    fn alloc(&mut self, now: Stamp, mut alloc: BlockAlloc) {
        let nesting = self.threads.entry(now.thread).or_default();
        if alloc.module.is_none() {
            alloc.module = nesting.module();
        }
        let block = Block { since: now, alloc, path: nesting.path(), requested_back: None };
        self.heap(now, alloc.pool).alloc(block);
    }

    /// A block that has a module keeps it.
    fn own(&mut self, owned: BlockOwned) {
        let heap = self.heap_of(owned.pool);
        let block = self.heaps.get_mut(&heap).and_then(|heap| heap.blocks.get_mut(&owned.address.0));
        if let Some(block) = block.filter(|block| block.alloc.module.is_none()) {
            block.alloc.module = owned.module;
        }
    }

    fn end_transfer(&mut self, now: Stamp, end: TransferEnd) {
        let Some(began) = self.thread(end.origin).end_transfer(end.correlation) else { return };
        let begin = began.1;
        let changes = begin.from != begin.to;
        let (leaves, comes) = (changes && begin.from.is_device(), changes && begin.to.is_device());
        // A load that moved nothing of what it was to move has failed: the module stays where it was.
        let failed = comes && end.size.0 == 0 && begin.size.0 > 0;
        if begin.module.is_none() || failed {
            return;
        }
        let transfers = &mut self.module(now, begin.module).transfers;
        transfers.truncate(usize::from(!leaves && !comes));
        transfers.push(Transfer { began, ended: (now, end) });
    }

    fn module(&mut self, now: Stamp, module: ModuleId) -> &mut Module {
        self.modules.entry(module).or_insert_with(|| Module {
            first: now,
            released: None,
            transfers: Vec::new(),
        })
    }

    fn thread(&mut self, thread: ThreadId) -> &mut Nesting {
        self.threads.entry(thread).or_default()
    }

    pub(crate) fn heap_of(&self, pool: PoolId) -> HeapId {
        let index = usize::from(pool.0).checked_sub(1);
        index.and_then(|index| self.heap_of_pool.get(index)).copied().unwrap_or(HeapId::NONE)
    }

    fn heap(&mut self, now: Stamp, pool: PoolId) -> &mut Heap {
        let heap = self.heap_of(pool);
        let heap = self.heaps.entry(heap).or_default();
        heap.first.get_or_insert((now, pool));
        heap
    }
}

impl Heap {
    /// What it holds now.
    fn held(&self) -> Held {
        Held { active: self.active, reserved: self.reserved.now }
    }

    fn alloc(&mut self, block: Block) {
        // A block that is live at this address was given back unseen.
        if let Some(old) = self.blocks.insert(block.alloc.address.0, block) {
            self.allocated.shrink(old.allocated());
            self.active = self.active.saturating_sub(old.alloc.size.0);
        }
        self.active = self.active.saturating_add(block.alloc.size.0);
        self.allocated.grow(block.alloc.size.0, block.since.time);
    }

    fn free(&mut self, free: &BlockFree) {
        if let Some(block) = self.blocks.remove(&free.address.0) {
            self.allocated.shrink(block.allocated());
            self.active = self.active.saturating_sub(block.alloc.size.0);
        }
    }

    fn request_free(&mut self, now: Stamp, free: BlockFree) {
        if let Some(block) = self.blocks.get_mut(&free.address.0) {
            let size = block.allocated();
            block.requested_back = Some((now, free));
            self.allocated.shrink(size);
        }
    }

    fn reserve(&mut self, now: Stamp, segment: Segment, kind: SegmentKind) {
        self.segmented.get_or_insert(now);
        // What it overlaps was given back unseen.
        self.release(&segment);
        self.segments.insert(segment.address.0, (now, segment, kind));
        self.reserved.grow(segment.size.0, now.time);
    }

    /// Takes a range away from whatever segments it covers, wholly or in part.
    fn release(&mut self, gone: &Segment) {
        let start = gone.address.0;
        let size = if gone.size.0 == 0 {
            self.segments.get(&start).map_or(0, |(_, s, _)| s.size.0)
        } else {
            gone.size.0
        };
        let end = start.saturating_add(size);
        let first = self.segments.range(..=start).next_back().map_or(start, |(&address, _)| address);
        let touched: Vec<u64> = self.segments.range(first..end).map(|(&address, _)| address).collect();
        for address in touched {
            let Some(&(since, segment, kind)) = self.segments.get(&address) else { continue };
            let segment_end = address.saturating_add(segment.size.0);
            if segment_end <= start {
                continue;
            }
            self.segments.remove(&address);
            self.reserved.shrink(segment_end.min(end) - address.max(start));
            for (from, to) in [(address, start), (end, segment_end)] {
                if from < to {
                    let mut rest = segment;
                    (rest.address.0, rest.size.0) = (from, to - from);
                    self.segments.insert(from, (since, rest, kind));
                }
            }
        }
    }
}

impl Block {
    fn allocated(&self) -> u64 {
        if self.requested_back.is_some() { 0 } else { self.alloc.size.0 }
    }
}

impl Level {
    fn grow(&mut self, bytes: u64, time: Ticks) {
        self.now = self.now.saturating_add(bytes);
        if self.now > self.peak {
            (self.peak, self.peak_time) = (self.now, time);
        }
    }

    fn shrink(&mut self, bytes: u64) {
        self.now = self.now.saturating_sub(bytes);
    }
}
