//! The stream of events replayed into the state of every heap and thread, watched by the analyses.
//!
//! A recording may lack events (drops, damage, what happened before it began), so no event is refused for not fitting the
//! state: the state gives way, and what did not fit is counted as an [`Oddity`].

mod heap;
mod heap_events;
mod largest;
mod oddity;
mod owner;
mod pieces;
mod places;
mod scope;
mod segments;
mod snapshot;
mod thread;
mod thread_events;

pub use heap::{Block, HeapState, Piece, Totals};
pub(crate) use oddity::{Oddities, Oddity};
pub use owner::{Owner, OwnerId, Owners};
pub use scope::{BETWEEN_SCOPES, ScopeId, ScopeTree};
pub use segments::{Segment, Segments};
pub use thread::{OpenScope, ThreadState};

use std::{
    hint::black_box,
    io::{self, Write},
};

use hashbrown::HashMap;
use memtrace_format::{
    BlockAlloc, BlockFree, DropCounts, Event, HeapId, Kind, ModuleId, PoolId, ThreadId, Tier, TransferBegin,
};

use crate::{
    Nanos,
    analyses::{Analyses, DeviceIndex, DeviceWatch, HeapWatch, Marks, Movement, UnderWay},
    report::{CycleSource, PeakBy},
    source::Trace,
};
use snapshot::HeapOutline;

/// Pairs the two ends of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferKey {
    /// The thread that began it.
    pub origin: ThreadId,
    /// Its number on that thread.
    pub correlation: u32,
}

/// Tells heaps apart. A pool whose definition is lost is a heap of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapKey {
    /// A heap that is defined.
    Heap(HeapId),
    /// A pool whose definition is lost.
    LostPool(PoolId),
}

impl HeapKey {
    /// The heap that a pool is of.
    pub fn of(trace: &Trace, pool: PoolId) -> Self {
        match trace.definitions().pool(pool) {
            Some(definition) => Self::Heap(HeapId(definition.heap)),
            None => Self::LostPool(pool),
        }
    }
}

/// A heap and those who watch it.
#[derive(Debug)]
pub struct Heap {
    /// Which heap it is.
    pub key: HeapKey,
    /// How it stands.
    pub state: HeapState,
    pub(crate) watch: HeapWatch,
    /// The device whose memory it is of.
    pub(crate) device: DeviceIndex,
}

/// Where and when an event happened.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When.
    pub time: Nanos,
    /// The index of the thread among the trace's threads.
    pub thread: usize,
}

/// An event, and where and when it happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) now: Moment,
    pub(crate) event: Event,
}

/// How everything is at an instant, but for what the heaps hold.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    end: Nanos,
    heaps: Vec<HeapOutline>,
    threads: Vec<ThreadState>,
    under_way: UnderWay,
}

impl Standing {
    /// How much is open, and how many can have something open.
    pub(crate) fn entries(&self) -> usize {
        let open: usize = self.threads.iter().map(ThreadState::depth).sum();
        open + self.threads.len() + self.heaps.len() + self.under_way.len()
    }
}

/// The state of everything after the events so far, and what the analyses saw.
#[derive(Debug)]
pub struct Replay<'a> {
    pub(crate) trace: &'a Trace,
    /// Every heap that something happened in, in the order of their first events.
    pub heaps: Vec<Heap>,
    /// Whose blocks there were.
    pub owners: Owners,
    /// The paths of scopes that were open.
    pub scopes: ScopeTree,
    pub(crate) analyses: Analyses<'a>,
    pub(crate) oddities: Oddities,
    /// Events by the number of their kind.
    pub(crate) kinds: [u64; 256],
    pub(crate) dropped: DropCounts,
    pub(crate) dropped_for_unknown_cause: u64,
    pub(crate) end: Nanos,
    threads: Vec<ThreadState>,
    /// What peaks are taken on.
    by: PeakBy,
    heap_of_pool: Vec<u32>,
    heap_of_key: HashMap<HeapKey, u32>,
    lost: Vec<(u64, Block)>,
}

const NO_HEAP: u32 = u32::MAX;

/// The most events that are looked ahead: what they look at fits the nearest cache.
const GROUP: usize = 32;

/// The most heaps that are asked whether looking ahead pays.
const CROWDED: usize = 16;

impl<'a> Replay<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Self {
        let threads = trace.directory.threads.len();
        Self {
            trace,
            heaps: Vec::new(),
            owners: Owners::default(),
            scopes: ScopeTree::default(),
            analyses: Analyses::new(trace.definitions(), threads, trace.cycle().cloned()),
            oddities: Oddities::default(),
            kinds: [0; 256],
            dropped: DropCounts::default(),
            dropped_for_unknown_cause: 0,
            end: Nanos(0),
            threads: vec![ThreadState::default(); threads],
            by: if trace.sizes_deduced() { PeakBy::Requested } else { PeakBy::Allocated },
            heap_of_pool: vec![NO_HEAP; usize::from(u16::MAX) + 1],
            heap_of_key: HashMap::new(),
            lost: Vec::new(),
        }
    }

    /// Goes on to the state after these events.
    pub(crate) fn apply_all(&mut self, steps: &[Step]) {
        let crowded = self.is_crowded();
        for group in steps.chunks(GROUP) {
            if crowded {
                self.look_ahead(group);
            }
            for step in group {
                self.apply(step.now, &step.event);
            }
        }
    }

    /// Whether so much is live that it pays to look ahead.
    pub(crate) fn is_crowded(&self) -> bool {
        // How many heaps there are is the file's choice; the first few are those that matter.
        self.heaps.iter().take(CROWDED).any(|heap| heap.state.is_crowded())
    }

    /// Looks at what the events of a group will look at, without waiting for one look before the next: where memory is far, most of the
    /// time of a replay is spent waiting for it.
    fn look_ahead(&self, group: &[Step]) {
        let mut looks = [None; GROUP];
        for (look, step) in looks.iter_mut().zip(group) {
            let (Event::BlockAlloc(BlockAlloc { pool, address, .. })
            | Event::BlockFree(BlockFree { pool, address, .. })) = step.event
            else {
                continue;
            };
            let heap = self.heaps.get(self.heap_of_pool[usize::from(pool.0)] as usize);
            *look = heap.map(|heap| heap.state.look_for(address.0));
        }
        let looks = looks.iter().flatten();
        let seen = looks.clone().fold(0, |seen, look| seen ^ look.near());
        black_box(looks.fold(seen, |seen, look| seen ^ look.beside()));
    }

    /// Goes on to the state after `event`.
    #[inline]
    pub(crate) fn apply(&mut self, now: Moment, event: &Event) {
        self.end = now.time;
        let kind = match event {
            Event::BlockAlloc(alloc) => {
                self.block_alloc(now, alloc);
                Kind::BlockAlloc
            }
            Event::BlockFree(free) => {
                self.block_free(now, free);
                Kind::BlockFree
            }
            other => self.apply_rare(now, other),
        };
        self.kinds[kind as usize] += 1;
    }

    /// The blocks of all heaps.
    pub(crate) fn live_blocks(&self) -> u64 {
        self.heaps.iter().map(|heap| heap.state.pieces_to_walk() as u64).sum()
    }

    /// How everything is now; what the heaps hold is written to `out`.
    pub(crate) fn standing(&self, out: &mut impl Write) -> io::Result<Standing> {
        Ok(Standing {
            end: self.end,
            heaps: self.heaps.iter().map(|heap| HeapOutline::write(heap, out)).collect::<io::Result<_>>()?,
            threads: self.threads.clone(),
            under_way: self.analyses.movement.open.clone(),
        })
    }

    /// Takes up, anew, where another replay was that has the same owners and scopes. `None`: this is not what it wrote.
    pub(crate) fn resume(&mut self, standing: &Standing, mut written: &[u8]) -> Option<()> {
        self.end = standing.end;
        self.threads.clone_from(&standing.threads);
        self.analyses.movement.open = standing.under_way.clone();
        for outline in &standing.heaps {
            let mut state = outline.restore(&mut written)?;
            let definition = outline.key.heap().and_then(|id| self.trace.definitions().heap(id));
            let device = self.analyses.devices.of_heap(self.heaps.len(), definition);
            let counts = (outline.events, outline.first_event);
            let watch = HeapWatch::resumed(self.end, counts, &mut state);
            self.heap_of_key.insert(outline.key, self.heaps.len() as u32);
            self.heaps.push(Heap { key: outline.key, state, watch, device });
        }
        Some(())
    }

    /// Begins to count anew from this state on: what led to it is not of the recording that was kept.
    pub(crate) fn forget_the_past(&mut self, now: Nanos) {
        self.end = now;
        self.kinds = [0; 256];
        self.oddities = Oddities::default();
        for heap in &mut self.heaps {
            heap.watch.forget_the_past(now, &mut heap.state);
        }
        self.analyses.forget_the_past(now, &mut self.heaps);
    }

    /// What is live now was live before recording began.
    pub(crate) fn begin_with_baseline(&mut self, facts: Marks) {
        self.analyses.marks = facts;
        for heap in &mut self.heaps {
            heap.watch.begin_with_baseline(&heap.state);
        }
    }

    fn apply_rare(&mut self, now: Moment, event: &Event) -> Kind {
        match event {
            Event::SegmentAlloc(s) => self.segment(now, s, Kind::SegmentAlloc),
            Event::SegmentFree(s) => self.segment(now, s, Kind::SegmentFree),
            Event::SegmentMap(s) => self.segment(now, s, Kind::SegmentMap),
            Event::SegmentUnmap(s) => self.segment(now, s, Kind::SegmentUnmap),
            Event::BlockFreeRequested(free) => self.block_free_requested(now, free),
            Event::BlockFreeCompleted(free) => self.block_free_completed(now, free),
            Event::OutOfMemory(failed) => self.out_of_memory(now, failed),
            Event::ModuleDefined(module) => {
                self.analyses.movement.module_defined(*module, now.time);
                let scope = self.threads[now.thread].scope();
                let source = CycleSource::Definition;
                self.analyses.growth.came(now, source, *module, scope, &self.heaps);
                Kind::ModuleDefined
            }
            Event::ModuleReleased(module) => {
                self.analyses.movement.module_released(*module, now.time);
                Kind::ModuleReleased
            }
            Event::ForwardBegin(module) => self.forward_begin(now, *module),
            Event::ForwardEnd(module) => self.forward_end(now, *module),
            Event::TransferBegin(begin) => self.transfer_begin(now, begin),
            Event::TransferEnd(end) => self.transfer_end(now, end),
            Event::ScopeBegin { name, phase } => self.scope_begin(now, *name, *phase),
            Event::ScopeEnd { name } => self.scope_end(now, *name),
            Event::Mark { name, value } => {
                self.analyses.marks.set(*name, *value, now.time);
                let scope = self.threads[now.thread].scope();
                self.analyses.growth.marked(now, *name, scope, &self.heaps);
                Kind::Mark
            }
            Event::HeapMark { pool, name, value } => {
                self.heap(*pool).0.watch.count_event();
                self.analyses.marks.set(*name, *value, now.time);
                Kind::Mark
            }
            Event::CounterSample { counter, value } => {
                self.analyses.counters.sample(*counter, *value, now.time);
                self.analyses.devices.sample(now, *counter, *value, &self.heaps);
                self.analyses.totals.sample(now, *counter, *value, &self.heaps);
                Kind::CounterSample
            }
            Event::Dropped { cause, count, .. } => {
                match cause {
                    Some(cause) => self.dropped.add(*cause, *count),
                    None => {
                        self.dropped_for_unknown_cause =
                            self.dropped_for_unknown_cause.saturating_add(*count);
                    }
                }
                Kind::Dropped
            }
            Event::BlockAlloc(alloc) => {
                self.block_alloc(now, alloc);
                Kind::BlockAlloc
            }
            Event::BlockFree(free) => {
                self.block_free(now, free);
                Kind::BlockFree
            }
            // An event that a later version of the format adds: the reader has not handed it out.
            _ => Kind::Extension,
        }
    }

    fn thread_id(&self, index: usize) -> ThreadId {
        self.trace.directory.threads.get(index).map_or(ThreadId::NONE, |thread| thread.id)
    }

    #[inline(always)]
    fn heap(&mut self, pool: PoolId) -> (&mut Heap, &mut DeviceWatch) {
        let index = self.heap_index(pool);
        let heap = &mut self.heaps[index];
        let device = self.analyses.devices.watch(heap.device);
        (heap, device)
    }

    #[inline(always)]
    pub(crate) fn heap_index(&mut self, pool: PoolId) -> usize {
        let index = self.heap_of_pool[usize::from(pool.0)];
        if index != NO_HEAP { index as usize } else { self.meet_pool(pool) }
    }

    #[cold]
    fn meet_pool(&mut self, pool: PoolId) -> usize {
        let key = HeapKey::of(self.trace, pool);
        let index = *self.heap_of_key.entry(key).or_insert_with(|| {
            let watch = HeapWatch::new(self.heaps.len(), self.end);
            let definition = match key {
                HeapKey::Heap(id) => self.trace.definitions().heap(id),
                HeapKey::LostPool(_) => None,
            };
            let device = self.analyses.devices.of_heap(self.heaps.len(), definition);
            self.heaps.push(Heap { key, state: HeapState::new(self.by), watch, device });
            self.heaps.len() as u32 - 1
        });
        self.heap_of_pool[usize::from(pool.0)] = index;
        index as usize
    }

    /// What is open on a thread.
    pub fn thread(&self, index: usize) -> &ThreadState {
        &self.threads[index]
    }

    /// The movement of modules, for the report.
    pub(crate) fn movement(&self) -> &Movement<'a> {
        &self.analyses.movement
    }

    /// The transfers that have begun and not ended.
    pub fn open_transfers(&self) -> impl Iterator<Item = (TransferKey, &TransferBegin)> {
        self.movement().open.iter()
    }

    /// The evictions that made room for a load of `module` which ended now and was begun on a thread of this id: what was evicted, and
    /// from where.
    pub fn evicted_for(&self, origin: ThreadId, now: Nanos, module: ModuleId) -> Option<(&[ModuleId], Tier)> {
        let thread = self.trace.threads().position(|thread| thread == origin)?;
        let swap = self.movement().latest_swap(thread)?;
        (swap.time == now && swap.module == module).then_some((&swap.evicted[..], swap.device))
    }
}
