//! Filters the events of one device, or of the threads of one name.
//!
//! What is let through is replayed as though nothing else had been recorded. A block is its thread's who allocated it, whoever
//! gives it back; segments are nobody's, so that of threads it is not known what they reserve.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{CounterId, DeviceId, Event, PoolId, ThreadId, Tier, TransferBegin};

use crate::{
    Filter, RangeError, Text,
    model::{EventContext, TransferKey},
    source::Log,
};

/// The most names that a message lists.
const NAMES: usize = 12;

/// The most transfers that are followed at one time; an end whose begin is not among them is left out.
const TRANSFERS: usize = 1 << 16;

/// Lets through what a filter means.
#[derive(Debug)]
pub(crate) struct EventFilter<'a> {
    trace: &'a Log,
    device: Option<u32>,
    /// By the number of a thread: whether it is meant.
    threads: Option<Vec<bool>>,
    pools: HashMap<PoolId, bool>,
    counters: HashMap<CounterId, bool>,
    /// The live blocks of the threads that are meant.
    blocks: HashSet<(u64, u64)>,
    transfers: HashSet<TransferKey>,
}

impl<'a> EventFilter<'a> {
    /// # Errors
    ///
    /// The trace has no such device, or no such thread.
    pub(crate) fn new(filter: &Filter, trace: &'a Log) -> Result<Self, RangeError> {
        if let Some(device) = filter.device {
            let mut devices: Vec<u32> = trace.definitions().devices().map(|device| device.ordinal).collect();
            devices.sort_unstable();
            devices.dedup();
            if !devices.contains(&device) {
                devices.truncate(NAMES);
                return Err(RangeError::NoDevice { device, devices });
            }
        }
        // Threads of one name are shown with what tells them apart, and are meant all of them.
        let name = |id: ThreadId| trace.definitions().thread_name(id);
        let is = |id: ThreadId, wanted: &String| {
            let defined = trace.definitions().thread(id);
            name(id).recorded() == wanted || defined.is_some_and(|thread| thread.name == *wanted)
        };
        let all = &trace.directory.threads;
        let meant = |wanted: &String| all.iter().map(|thread| is(thread.id, wanted)).collect::<Vec<_>>();
        let threads = filter.thread.as_ref().map(meant);
        if let (Some(threads), Some(wanted)) = (&threads, &filter.thread)
            && !threads.contains(&true)
        {
            let mut names: Vec<Text> = all.iter().map(|thread| name(thread.id)).collect();
            names.sort_unstable();
            names.dedup();
            names.truncate(NAMES);
            return Err(RangeError::NoThread { thread: Text::new(wanted.as_str()), threads: names });
        }
        Ok(Self {
            trace,
            device: filter.device,
            threads,
            pools: HashMap::new(),
            counters: HashMap::new(),
            blocks: HashSet::new(),
            transfers: HashSet::new(),
        })
    }

    /// Whether threads are meant, and not all.
    pub(crate) fn is_of_threads(&self) -> bool {
        self.threads.is_some()
    }

    /// The names, as shown, of the threads that are meant; `None` if all are.
    fn thread_names(&self) -> Option<Vec<Text>> {
        let all = self.trace.directory.threads.iter().zip(self.threads.as_ref()?);
        let meant = all.filter(|(_, meant)| **meant);
        Some(meant.map(|(thread, _)| self.trace.definitions().thread_name(thread.id)).collect())
    }

    /// Whether the event is of what is meant. It is asked of every event, in their order.
    pub(crate) fn admits(&mut self, now: EventContext, event: &Event) -> bool {
        let of_thread = self.threads.as_ref().is_none_or(|threads| threads.get(now.thread) == Some(&true));
        match event {
            Event::BlockAlloc(alloc) => {
                let admitted = of_thread && self.has_pool(alloc.pool);
                if self.threads.is_some() {
                    let key = (self.heap(alloc.pool), alloc.address.0);
                    if admitted {
                        self.blocks.insert(key)
                    } else {
                        self.blocks.remove(&key)
                    };
                }
                admitted
            }
            Event::BlockFree(free) | Event::BlockFreeCompleted(free) => {
                let key = (self.heap(free.pool), free.address.0);
                self.has_pool(free.pool) && (self.threads.is_none() || self.blocks.remove(&key))
            }
            Event::BlockFreeRequested(free) => {
                let key = (self.heap(free.pool), free.address.0);
                self.has_pool(free.pool) && (self.threads.is_none() || self.blocks.contains(&key))
            }
            Event::SegmentAlloc(segment)
            | Event::SegmentFree(segment)
            | Event::SegmentMap(segment)
            | Event::SegmentUnmap(segment) => self.threads.is_none() && self.has_pool(segment.pool),
            Event::OutOfMemory(failed) => of_thread && self.has_pool(failed.pool),
            Event::HeapMark { pool, .. } => of_thread && self.has_pool(*pool),
            // Whoever says it: it is about a block.
            Event::BlockOwned(owned) => {
                let key = (self.heap(owned.pool), owned.address.0);
                self.has_pool(owned.pool) && (self.threads.is_none() || self.blocks.contains(&key))
            }
            Event::TransferBegin(begin) => of_thread && self.begins(now, begin),
            Event::TransferEnd(end) => {
                self.transfers.remove(&TransferKey { origin: end.origin, correlation: end.correlation })
            }
            Event::CounterSample { counter, .. } => of_thread && self.has_counter(*counter),
            Event::ForwardBegin(_)
            | Event::ForwardEnd(_)
            | Event::ScopeBegin { .. }
            | Event::ScopeEnd { .. }
            | Event::Mark { .. } => of_thread,
            // Modules that are defined, and what was dropped.
            _ => true,
        }
    }

    fn begins(&mut self, now: EventContext, begin: &TransferBegin) -> bool {
        let ends = [begin.from, begin.to];
        let admitted = self.device.is_none_or(|device| {
            ends.iter().any(|tier| matches!(tier, Tier::Device(ordinal) if u32::from(*ordinal) == device))
        });
        let thread = self.trace.directory.threads.get(now.thread);
        if let Some(thread) = thread.filter(|_| admitted && self.transfers.len() < TRANSFERS) {
            return self.transfers.insert(TransferKey { origin: thread.id, correlation: begin.correlation });
        }
        false
    }

    fn heap(&self, pool: PoolId) -> u64 {
        match self.trace.definitions().pool(pool) {
            Some(pool) => pool.heap.into(),
            // Heaps' numbers have 32 bits.
            None => 1 << 32 | u64::from(pool.0),
        }
    }

    fn has_pool(&mut self, id: PoolId) -> bool {
        let Some(wanted) = self.device else { return true };
        let definitions = self.trace.definitions();
        *self.pools.entry(id).or_insert_with(|| {
            let heap =
                definitions.pool(id).and_then(|pool| definitions.heap(memtrace_format::HeapId(pool.heap)));
            let device = heap.and_then(|heap| definitions.device(DeviceId(heap.device)));
            device.is_some_and(|device| device.ordinal == wanted)
        })
    }

    fn has_counter(&mut self, id: CounterId) -> bool {
        let Some(wanted) = self.device else { return true };
        let definitions = self.trace.definitions();
        *self.counters.entry(id).or_insert_with(|| {
            let counter = definitions.counter(id);
            let device = counter.and_then(|counter| definitions.device(DeviceId(counter.device)));
            device.is_none_or(|device| device.ordinal == wanted)
        })
    }
}

/// The names, as shown, of the threads of a log that a filter means; `None` if those are all.
///
/// # Errors
///
/// The log has no such device, or no such thread.
pub fn thread_names(filter: &Filter, log: &Log) -> Result<Option<Vec<Text>>, RangeError> {
    Ok(EventFilter::new(filter, log)?.thread_names())
}
