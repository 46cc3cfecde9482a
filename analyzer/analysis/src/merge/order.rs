//! The order across threads that the clock does not give.
//!
//! A thread may read the processor's counter before it has seen what another thread handed over. So the free of a block can bear an
//! earlier time than its alloc, by some hundred nanoseconds at most. What happened to a block or a transfer tells the order: a free
//! of a block that is not there waits for its alloc, an alloc at the address of a live block for its free, the end of a transfer for
//! its beginning, if another thread has it within [`WINDOW`]. With it waits what its thread did after it.
//!
//! Which events wait is found once for a trace. Whoever merges its chunks reads them with the times of these events set later.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use memtrace_format::{
    Address, BlockFree, Event, HeapId, PoolId, Segment, ThreadId, Ticks, TransferBegin, TransferEnd,
};

use super::{Events, Ticked};
use crate::{
    Nanos,
    source::{Hold, Log, Order, ReadError},
};

/// How much earlier than its partner an event may be stamped. Five times the most that was seen (110 ns).
const WINDOW: Nanos = Nanos(500);

/// The most by which an event counts as later than its stamp: it is a tick behind its partner.
pub(crate) const LATER: Nanos = Nanos(2 * WINDOW.0);

/// The most events of blocks and transfers that are looked at ahead.
const AHEAD: usize = 512;

/// How often one event waits. Two threads whose events wait for each other would wait on and on.
const WAITS: u8 = 8;

/// The order of a log, found in one walk over its events unless it is known. What is live then is in memory, and few events more.
pub(crate) fn order_of(log: &Log) -> Result<&Order, ReadError> {
    if let Some(order) = log.known_order() {
        return Ok(order);
    }
    let found = find(log)?;
    Ok(log.set_order(&Arc::new(found)))
}

fn find(log: &Log) -> Result<Order, ReadError> {
    if log.threads().len() < 2 {
        // One thread's records are in order whatever their times say.
        return Ok(Order::default());
    }
    let mut events = Events::as_stamped(log);
    let mut sorting = Sorting::new(log);
    events.replay_baseline(|_, thread, event| sorting.happened(thread, event))?;
    while let Some(ticked) = events.next_ticked()? {
        sorting.add(ticked, events.latest_place(ticked.thread));
    }
    sorting.finish();
    Ok(Order::of(sorting.holds))
}

/// What an event is about, as far as order can be told by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Alloc(Place),
    Free(Place),
    Request(Place),
    Complete(Place),
    Release { heap: u32, address: u64, size: u64 },
    Reserve { heap: u32, address: u64, size: u64 },
    Begin(Transfer),
    End(Transfer),
}

/// An address in a heap.
type Place = (u32, u64);

/// A transfer's thread and its number there.
type Transfer = (ThreadId, u32);

/// An event that is not sure to be next.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When it counts as made.
    time: Ticks,
    thread: usize,
    deed: Deed,
    stamped: Ticks,
    /// Its chunk, and the place behind its records there.
    place: (u32, u32),
    waits: u8,
}

/// What is live or under way.
#[derive(Debug, Default)]
struct Live {
    /// Whether a block's free is requested.
    blocks: BTreeMap<Place, bool>,
    segments: HashMap<Place, u64>,
    transfers: HashSet<Transfer>,
}

impl Live {
    fn admits(&self, deed: &Deed) -> bool {
        match deed {
            Deed::Alloc(place) => !self.blocks.contains_key(place),
            Deed::Free(place) => self.blocks.contains_key(place),
            Deed::Request(place) => self.blocks.get(place) == Some(&false),
            Deed::Complete(place) => self.blocks.get(place) == Some(&true),
            Deed::End(transfer) => self.transfers.contains(transfer),
            Deed::Release { .. } | Deed::Reserve { .. } | Deed::Begin(_) => true,
        }
    }

    /// Whether `other` is what a deed waits for that is not admitted.
    fn is_waited_for(&self, deed: &Deed, other: &Deed) -> bool {
        match (deed, other) {
            (Deed::Alloc(place), Deed::Free(other) | Deed::Complete(other))
            | (Deed::Free(place) | Deed::Request(place), Deed::Alloc(other))
            | (Deed::Complete(place), Deed::Request(other)) => place == other,
            (Deed::Complete(place), Deed::Alloc(other)) => place == other && !self.blocks.contains_key(place),
            (Deed::End(transfer), Deed::Begin(other)) => transfer == other,
            _ => false,
        }
    }

    fn apply(&mut self, deed: &Deed) {
        match *deed {
            Deed::Alloc(place) => _ = self.blocks.insert(place, false),
            Deed::Free(place) | Deed::Complete(place) => _ = self.blocks.remove(&place),
            Deed::Request(place) => {
                if let Some(requested) = self.blocks.get_mut(&place) {
                    *requested = true;
                }
            }
            Deed::Reserve { heap, address, size } => _ = self.segments.insert((heap, address), size),
            Deed::Release { heap, address, size } => {
                let reserved = self.segments.remove(&(heap, address));
                let size = if size == 0 { reserved.unwrap_or(0) } else { size };
                let range = (heap, address)..(heap, address.saturating_add(size));
                self.blocks.extract_if(range, |_, _| true).for_each(drop);
            }
            Deed::Begin(transfer) => _ = self.transfers.insert(transfer),
            Deed::End(transfer) => _ = self.transfers.remove(&transfer),
        }
    }
}

/// Events on their way into order.
struct Sorting<'a> {
    log: &'a Log,
    window: u64,
    heaps: Vec<Option<u32>>,
    live: Live,
    /// In the order in which they are to come.
    waiting: VecDeque<Waiting>,
    /// Until when each thread is held.
    held: Vec<Ticks>,
    holds: Vec<Vec<Hold>>,
}

impl<'a> Sorting<'a> {
    fn new(log: &'a Log) -> Self {
        let clock = log.clock;
        let window = clock.ticks(WINDOW).0.saturating_sub(clock.ticks(Nanos(0)).0);
        Self {
            log,
            window,
            heaps: vec![None; usize::from(u16::MAX) + 1],
            live: Live::default(),
            waiting: VecDeque::new(),
            held: vec![Ticks(0); log.directory.threads.len()],
            holds: Vec::new(),
        }
    }

    /// Something that is over and done.
    fn happened(&mut self, thread: usize, event: &Event) {
        if let Some(deed) = self.deed(thread, event) {
            self.live.apply(&deed);
        }
    }

    /// Takes the next event by its stamp; `place` is its chunk, and the place behind it there.
    fn add(&mut self, ticked: Ticked, place: (u32, u32)) {
        let Some(deed) = self.deed(ticked.thread, &ticked.event) else { return };
        // Those go on for which nothing can come any more that they would wait for.
        while let Some(first) = self.waiting.front()
            && (ticked.latest.0 > first.time.0.saturating_add(self.window) || self.waiting.len() >= AHEAD)
        {
            self.go_on();
        }
        let time = ticked.latest.max(self.held[ticked.thread]);
        let next = Waiting { time, thread: ticked.thread, deed, stamped: ticked.latest, place, waits: 0 };
        let at = self.place_of((time, ticked.thread));
        self.waiting.insert(at, next);
    }

    fn finish(&mut self) {
        while !self.waiting.is_empty() {
            self.go_on();
        }
    }

    /// Lets the first event happen, or wait for another.
    fn go_on(&mut self) {
        let Some(mut first) = self.waiting.pop_front() else { return };
        if self.live.admits(&first.deed) || first.waits >= WAITS {
            return self.live.apply(&first.deed);
        }
        let latest = first.stamped.0.saturating_add(self.window);
        let mut near = self.waiting.iter().take_while(|other| other.time.0 <= latest);
        let partner = near
            .find(|other| other.thread != first.thread && self.live.is_waited_for(&first.deed, &other.deed));
        let Some(partner) = partner else { return self.live.apply(&first.deed) };
        let until = Ticks(partner.time.0.saturating_add(1));
        self.hold(&first, until);
        // What its thread did next, up to then, comes behind it.
        let thread = first.thread;
        let (mut behind, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|other| other.thread == thread && other.time <= until);
        self.waiting = others;
        (first.time, first.waits) = (until, first.waits + 1);
        behind.iter_mut().for_each(|other| other.time = until);
        behind.push_front(first);
        let at = self.place_of((until, thread));
        for (place, next) in (at..).zip(behind) {
            self.waiting.insert(place, next);
        }
    }

    fn hold(&mut self, first: &Waiting, until: Ticks) {
        if self.holds.is_empty() {
            self.holds.resize_with(self.held.len(), Vec::new);
        }
        self.held[first.thread] = until;
        let holds = &mut self.holds[first.thread];
        let (chunk, behind) = first.place;
        holds.pop_if(|last| (last.chunk, last.behind) == (chunk, behind));
        holds.push(Hold { chunk, behind, until });
    }

    /// Where something of this time and thread comes among those that wait.
    fn place_of(&self, next: (Ticks, usize)) -> usize {
        self.waiting.partition_point(|other| (other.time, other.thread) <= next)
    }

    fn deed(&mut self, thread: usize, event: &Event) -> Option<Deed> {
        Some(match event {
            Event::BlockAlloc(alloc) => Deed::Alloc(self.block(alloc.pool, alloc.address)),
            Event::BlockFree(free) => Deed::Free(self.freed(free)),
            Event::BlockFreeRequested(free) => Deed::Request(self.freed(free)),
            Event::BlockFreeCompleted(free) => Deed::Complete(self.freed(free)),
            Event::SegmentAlloc(Segment { pool, address, size, .. })
            | Event::SegmentMap(Segment { pool, address, size, .. }) => {
                Deed::Reserve { heap: self.heap(*pool), address: address.0, size: size.0 }
            }
            Event::SegmentFree(Segment { pool, address, size, .. })
            | Event::SegmentUnmap(Segment { pool, address, size, .. }) => {
                Deed::Release { heap: self.heap(*pool), address: address.0, size: size.0 }
            }
            Event::TransferBegin(TransferBegin { correlation, .. }) => {
                Deed::Begin((self.log.thread(thread), *correlation))
            }
            Event::TransferEnd(TransferEnd { origin, correlation, .. }) => Deed::End((*origin, *correlation)),
            _ => return None,
        })
    }

    fn freed(&mut self, free: &BlockFree) -> Place {
        self.block(free.pool, free.address)
    }

    fn block(&mut self, pool: PoolId, address: Address) -> Place {
        (self.heap(pool), address.0)
    }

    /// The heap of a pool. A pool whose definition is lost is a heap of its own.
    fn heap(&mut self, pool: PoolId) -> u32 {
        let definitions = self.log.definitions();
        *self.heaps[usize::from(pool.0)].get_or_insert_with(|| match definitions.pool(pool) {
            Some(definition) => HeapId(definition.heap).0,
            None => u32::MAX - u32::from(pool.0),
        })
    }
}
