//! The stream of events replayed into the state of every heap and thread.
//!
//! A recording may lack events (drops, damage, what happened before it began), so no event is refused for not fitting the
//! state: the state gives way, and what did not fit is counted as an [`Inconsistency`].

mod heap;
mod heap_events;
mod inconsistency;
mod largest;
mod level;
mod observer;
mod outline;
mod owner;
mod pieces;
mod places;
mod scope;
mod segments;
mod thread;
mod thread_events;
mod transfers;

pub(crate) use heap::Change;
pub use heap::{HeapState, HeldBlock, Piece, Totals};
pub(crate) use inconsistency::{Inconsistencies, Inconsistency};
pub(crate) use level::Level;
pub(crate) use observer::Observer;
pub use owner::{BlockOwner, OwnerId, Owners};
pub use scope::{BETWEEN_SCOPES, ScopeId, ScopeTree};
pub use segments::{ReservedSegment, Segments};
pub use thread::{OpenScope, ThreadState};
pub(crate) use transfers::{OPEN_TRANSFERS, OpenTransfer, OpenTransfers};

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{self, Write},
};

use hashbrown::HashMap;
use memtrace_format::{
    BlockAlloc, BlockFree, DropCounts, Event, Kind, NameId, PoolId, ThreadId, TransferBegin,
};

use crate::{
    Nanos,
    model::{EventContext, HeapKey, TimedEvent, TransferKey},
    report::PeakBy,
    source::Log,
};
use outline::HeapOutline;

/// A heap.
#[derive(Debug)]
pub struct ReplayHeap {
    /// Which heap it is.
    pub key: HeapKey,
    /// How it stands.
    pub state: HeapState,
    /// How many events it had.
    pub(crate) events: u64,
    /// The number of the first event that was kept.
    pub(crate) first_event: u64,
}

impl ReplayHeap {
    /// Counts an event of the heap, and returns its number.
    #[inline(always)]
    fn count_event(&mut self) -> u64 {
        self.events += 1;
        self.events - 1
    }
}

/// How everything is at an instant, but for what the heaps hold.
#[derive(Clone, Debug)]
pub(crate) struct ReplayCheckpoint {
    end: Nanos,
    heaps: Vec<HeapOutline>,
    threads: Vec<ThreadState>,
    transfers: OpenTransfers,
}

impl ReplayCheckpoint {
    /// How much is open, and how many can have something open.
    pub(crate) fn entries(&self) -> usize {
        let open: usize = self.threads.iter().map(ThreadState::depth).sum();
        open + self.threads.len() + self.heaps.len() + self.transfers.len()
    }
}

/// The state of everything after the events so far.
#[derive(Debug)]
pub struct Replay<'a> {
    pub(crate) log: &'a Log,
    /// Every heap that something happened in, in the order of their first events.
    pub heaps: Vec<ReplayHeap>,
    /// Whose blocks there were.
    pub owners: Owners,
    /// The paths of scopes that were open.
    pub scopes: ScopeTree,
    pub(crate) oddities: Inconsistencies,
    /// Events by the number of their kind.
    pub(crate) kinds: [u64; 256],
    pub(crate) dropped: DropCounts,
    pub(crate) dropped_for_unknown_cause: u64,
    pub(crate) end: Nanos,
    threads: Vec<ThreadState>,
    pub(crate) transfers: OpenTransfers,
    /// The phases that are open, by their numbers, and their names.
    open_phases: BTreeMap<u64, NameId>,
    /// The number that the next phase gets.
    next_phase: u64,
    /// What peaks are taken on.
    by: PeakBy,
    heap_of_pool: Vec<u32>,
    heap_of_key: HashMap<HeapKey, u32>,
    lost: Vec<(u64, HeldBlock)>,
    closed: Vec<OpenScope>,
}

const NO_HEAP: u32 = u32::MAX;

/// The most events that are looked ahead: what they look at fits the nearest cache.
const GROUP: usize = 32;

/// The most heaps that are asked whether looking ahead pays.
const CROWDED: usize = 16;

impl<'a> Replay<'a> {
    pub(crate) fn new(log: &'a Log) -> Self {
        let threads = log.directory.threads.len();
        Self {
            log,
            heaps: Vec::new(),
            owners: Owners::default(),
            scopes: ScopeTree::default(),
            oddities: Inconsistencies::default(),
            kinds: [0; 256],
            dropped: DropCounts::default(),
            dropped_for_unknown_cause: 0,
            end: Nanos(0),
            threads: vec![ThreadState::default(); threads],
            transfers: OpenTransfers::default(),
            open_phases: BTreeMap::new(),
            next_phase: 0,
            by: if log.sizes_deduced() { PeakBy::Requested } else { PeakBy::Allocated },
            heap_of_pool: vec![NO_HEAP; usize::from(u16::MAX) + 1],
            heap_of_key: HashMap::new(),
            lost: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Goes on to the state after these events.
    pub(crate) fn apply_all(&mut self, steps: &[TimedEvent], observer: &mut impl Observer<'a>) {
        let crowded = self.is_crowded();
        for group in steps.chunks(GROUP) {
            if crowded {
                self.look_ahead(group);
            }
            for step in group {
                self.apply(step.now, &step.event, observer);
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
    fn look_ahead(&self, group: &[TimedEvent]) {
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

    /// Goes on to the state after `event`, which is shown to `observer`.
    #[inline]
    pub(crate) fn apply(&mut self, now: EventContext, event: &Event, observer: &mut impl Observer<'a>) {
        self.end = now.time;
        let kind = match event {
            Event::BlockAlloc(alloc) => {
                self.block_alloc(now, alloc, observer);
                Kind::BlockAlloc
            }
            Event::BlockFree(free) => {
                self.block_free(now, free, observer);
                Kind::BlockFree
            }
            other => self.apply_rare(now, other, observer),
        };
        self.kinds[kind as usize] += 1;
    }

    /// The blocks of all heaps.
    pub(crate) fn live_blocks(&self) -> u64 {
        self.heaps.iter().map(|heap| heap.state.pieces_to_walk() as u64).sum()
    }

    /// How everything is now; what the heaps hold is written to `out`.
    pub(crate) fn checkpoint(&self, out: &mut impl Write) -> io::Result<ReplayCheckpoint> {
        Ok(ReplayCheckpoint {
            end: self.end,
            heaps: self.heaps.iter().map(|heap| HeapOutline::write(heap, out)).collect::<io::Result<_>>()?,
            threads: self.threads.clone(),
            transfers: self.transfers.clone(),
        })
    }

    /// Takes up, anew, where another replay was that has the same owners and scopes. `None`: this is not what it wrote.
    pub(crate) fn resume(&mut self, checkpoint: &ReplayCheckpoint, mut written: &[u8]) -> Option<()> {
        self.end = checkpoint.end;
        self.threads.clone_from(&checkpoint.threads);
        self.transfers = checkpoint.transfers.clone();
        for outline in &checkpoint.heaps {
            let requests = self.log.definitions().tells_requests(outline.key);
            let state = outline.restore(&mut written)?.with_requests(requests);
            self.heap_of_key.insert(outline.key, self.heaps.len() as u32);
            let (key, events, first_event) = (outline.key, outline.events, outline.first_event);
            self.heaps.push(ReplayHeap { key, state, events, first_event });
        }
        Some(())
    }

    /// Begins to count anew from this state on: what led to it is not of the recording that was kept.
    pub(crate) fn reset_at(&mut self, now: Nanos) {
        self.end = now;
        self.kinds = [0; 256];
        self.oddities = Inconsistencies::default();
        for heap in &mut self.heaps {
            heap.first_event = heap.events;
        }
    }

    fn apply_rare(&mut self, now: EventContext, event: &Event, observer: &mut impl Observer<'a>) -> Kind {
        match event {
            Event::SegmentAlloc(s) => self.segment(now, s, Kind::SegmentAlloc, observer),
            Event::SegmentFree(s) => self.segment(now, s, Kind::SegmentFree, observer),
            Event::SegmentMap(s) => self.segment(now, s, Kind::SegmentMap, observer),
            Event::SegmentUnmap(s) => self.segment(now, s, Kind::SegmentUnmap, observer),
            Event::BlockFreeRequested(free) => self.block_free_requested(now, free, observer),
            Event::BlockFreeCompleted(free) => self.block_free_completed(now, free, observer),
            Event::OutOfMemory(failed) => self.out_of_memory(now, failed, observer),
            Event::BlockOwned(owned) => self.block_owned(owned),
            Event::ModuleDefined(module) => {
                observer.module_defined(now, self, *module);
                Kind::ModuleDefined
            }
            Event::ModuleReleased(module) => {
                observer.module_released(now, *module);
                Kind::ModuleReleased
            }
            Event::ForwardBegin(module) => self.forward_begin(now, *module, observer),
            Event::ForwardEnd(module) => self.forward_end(now, *module, observer),
            Event::TransferBegin(begin) => self.transfer_begin(now, begin, observer),
            Event::TransferEnd(end) => self.transfer_end(now, end, observer),
            Event::ScopeBegin { name, phase } => self.scope_begin(now, *name, *phase, observer),
            Event::ScopeEnd { name } => self.scope_end(now, *name, observer),
            Event::Mark { name, value } => {
                observer.mark(now, self, *name, *value);
                Kind::Mark
            }
            Event::HeapMark { pool, name, value } => {
                let heap = self.heap_of(*pool, observer);
                self.heaps[heap].count_event();
                observer.heap_mark(now, *name, *value);
                Kind::Mark
            }
            Event::CounterSample { counter, value } => {
                observer.sample(now, self, *counter, *value);
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
                self.block_alloc(now, alloc, observer);
                Kind::BlockAlloc
            }
            Event::BlockFree(free) => {
                self.block_free(now, free, observer);
                Kind::BlockFree
            }
            // An event that a later version of the format adds: the reader has not handed it out.
            _ => Kind::Extension,
        }
    }

    fn thread_id(&self, index: usize) -> ThreadId {
        self.log.directory.threads.get(index).map_or(ThreadId::NONE, |thread| thread.id)
    }

    /// The index of the heap that a pool is of.
    #[inline(always)]
    fn heap_of(&mut self, pool: PoolId, observer: &mut impl Observer<'a>) -> usize {
        let index = self.heap_of_pool[usize::from(pool.0)];
        if index != NO_HEAP { index as usize } else { self.meet_pool(pool, observer) }
    }

    /// The index of the heap that a pool is of, if something has happened in that heap.
    pub(crate) fn known_heap(&self, pool: PoolId) -> Option<usize> {
        let index = self.heap_of_pool[usize::from(pool.0)];
        if index != NO_HEAP {
            return Some(index as usize);
        }
        self.heap_of_key.get(&self.log.definitions().heap_key(pool)).map(|&index| index as usize)
    }

    #[cold]
    fn meet_pool(&mut self, pool: PoolId, observer: &mut impl Observer<'a>) -> usize {
        let key = self.log.definitions().heap_key(pool);
        let next = self.heaps.len();
        let index = *self.heap_of_key.entry(key).or_insert(next as u32);
        if index as usize == next {
            let requests = self.log.definitions().tells_requests(key);
            let state = HeapState::new(self.by).with_requests(requests);
            self.heaps.push(ReplayHeap { key, state, events: 0, first_event: 0 });
            observer.heap_appeared(self, next);
        }
        self.heap_of_pool[usize::from(pool.0)] = index;
        index as usize
    }

    /// Whether the phase of this number has not ended.
    pub(crate) fn is_phase_open(&self, number: u64) -> bool {
        self.open_phases.contains_key(&number)
    }

    /// The phases that have not ended: their numbers and names, in the order in which they began.
    pub(crate) fn open_phases(&self) -> impl ExactSizeIterator<Item = (u64, NameId)> + '_ {
        self.open_phases.iter().map(|(&number, &name)| (number, name))
    }

    /// The number that the next phase gets.
    pub(crate) fn next_phase(&self) -> u64 {
        self.next_phase
    }

    /// What is open on a thread.
    pub fn thread(&self, index: usize) -> &ThreadState {
        &self.threads[index]
    }

    /// The transfers that have begun and not ended.
    pub fn open_transfers(&self) -> impl Iterator<Item = (TransferKey, &TransferBegin)> {
        self.transfers.iter()
    }
}
