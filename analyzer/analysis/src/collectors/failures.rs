//! Requests that failed.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{Bytes, ModuleId, OutOfMemory, PoolId, StackId, TransferBegin, TransferEnd};

use super::{
    collector::{Collector, Context},
    loads::Loads,
};
use crate::{
    model::{Balance, EventContext, HeapKey, TransferKey},
    oom::{Diagnosis, Effort, HeapRules, Need, OomContext},
    replay::{self, HeapState, ScopeId},
    source::{Definitions, Log},
};

/// The most failed requests that are kept: the first.
const KEPT: usize = 4096;

/// The most heaps whose pools are looked up: how many there are is the file's choice, and each takes a look at all names.
const HEAPS: usize = 64;

/// A request that failed.
#[derive(Clone, Debug)]
pub(crate) struct FailedRequest {
    pub(crate) now: EventContext,
    /// The index of the heap in the replay.
    pub(crate) heap: usize,
    pub(crate) key: HeapKey,
    pub(crate) pool: PoolId,
    pub(crate) requested: Bytes,
    pub(crate) module: ModuleId,
    pub(crate) scope: ScopeId,
    /// The calls that led to it.
    pub(crate) stack: StackId,
    /// The ordinal of the heap's device.
    pub(crate) device: Option<u32>,
    /// How many blocks the heap had handed out by then.
    pub(crate) allocs: u64,
    /// What was allocated in the heap.
    pub(crate) allocated: u64,
    /// The memory of the device that the heap is of.
    pub(crate) balance: Option<Balance>,
}

/// Watches for failed requests.
#[derive(Debug)]
pub(crate) struct Failures<'a> {
    definitions: &'a Definitions,
    pub(crate) kept: Vec<(FailedRequest, Diagnosis)>,
    pub(crate) total: u64,
    /// The heap of the last one, and how many blocks that had handed out by then.
    pub(crate) last: Option<(usize, u64)>,
    /// How many there were before what is looked at.
    before: u64,
    effort: Effort,
    loads: Loads,
    rules: HashMap<HeapKey, HeapRules>,
    /// What was asked where, of the requests that were examined.
    examined: HashSet<(HeapKey, PoolId, Bytes)>,
}

impl<'a> Collector<'a> for Failures<'a> {
    fn new(log: &'a Log) -> Self {
        Self {
            definitions: log.definitions(),
            kept: Vec::new(),
            total: 0,
            last: None,
            before: 0,
            effort: Effort::default(),
            loads: Loads::default(),
            rules: HashMap::new(),
            examined: HashSet::new(),
        }
    }

    fn out_of_memory(&mut self, context: &mut Context<'_, 'a>, heap: usize, failed: &OutOfMemory) {
        let device = context.device_of(heap);
        let Context { now, replay, heaps, devices } = context;
        let now = *now;
        let thread = replay.thread(now.thread);
        let (module, scope) = (thread.module(), thread.scope());
        let told = failed.free.map(|free| free.0);
        let balance = devices.balance(device, now.time, &replay.heaps, told);
        let device = devices.ordinal(device);
        let load = device.and_then(|device| self.loads.need(now.thread, device, devices, self.definitions));
        let replay::ReplayHeap { key, state, .. } = &mut replay.heaps[heap];
        let grows = state.segments.iter().any(|(_, segment)| segment.granule.is_some());
        let rules = self.rules(*key).rules.clone().of_heap(grows);
        let context = OomContext::of(failed, state, balance.as_ref(), rules);
        let (key, pool, requested) = (*key, failed.pool, failed.requested);
        let (allocs, allocated) = (heaps.get(heap).map_or(0, |watch| watch.allocs), state.totals.allocated);
        let stack = failed.stack;
        let request = FailedRequest {
            now,
            heap,
            key,
            pool,
            requested,
            module,
            scope,
            stack,
            device,
            allocs,
            allocated,
            balance,
        };
        self.add(request, context, load, state);
    }

    fn transfer_begin(&mut self, context: &mut Context<'_, 'a>, key: TransferKey, begin: &TransferBegin) {
        self.loads.begin(context.now.thread, key, begin, context.devices);
    }

    fn transfer_end(&mut self, _now: EventContext, key: TransferKey, end: &TransferEnd) {
        self.loads.end(key, end.size.0, self.definitions);
    }

    fn forward_begin(&mut self, now: EventContext, _module: ModuleId) {
        self.loads.interrupted(now.thread);
    }

    fn forward_end(&mut self, context: &mut Context<'_, 'a>, _module: ModuleId) {
        let now = context.now;
        self.loads.interrupted(now.thread);
    }

    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        self.before += self.total;
        self.total = 0;
        self.last = None;
        self.kept.clear();
        self.effort = Effort::default();
        self.examined.clear();
    }
}

impl Failures<'_> {
    /// The rules of a heap's allocator.
    fn rules(&mut self, heap: HeapKey) -> &HeapRules {
        let (known, definitions) = (self.rules.len() < HEAPS, self.definitions);
        self.rules
            .entry(heap)
            .or_insert_with(|| if known { HeapRules::of(definitions, heap) } else { HeapRules::unknown() })
    }

    /// A request has failed in a heap that is in this state.
    fn add(&mut self, failed: FailedRequest, context: OomContext, load: Option<Need>, heap: &HeapState) {
        self.total += 1;
        self.last = Some((failed.heap, failed.allocs));
        if self.kept.len() == KEPT {
            return;
        }
        let Some(rules) = self.rules.get(&failed.key) else { return };
        let what = (failed.key, failed.pool, failed.requested);
        let differs = !self.examined.contains(&what);
        let needs = load.into_iter().collect();
        let of = (failed.pool, heap);
        let diagnosis = Diagnosis::of(context, needs, of, rules, differs, &mut self.effort);
        if diagnosis.examination.is_some() {
            self.examined.insert(what);
        }
        self.kept.push((failed, diagnosis));
    }

    /// Says the last word on each, once what it needed is `known`.
    pub(crate) fn conclude(&mut self, mut known: impl FnMut(&FailedRequest, &mut Vec<Need>)) {
        let mut examined: HashMap<(HeapKey, PoolId, Bytes), usize> = HashMap::new();
        for at in 0..self.kept.len() {
            let (before, rest) = self.kept.split_at_mut(at);
            let Some((failed, diagnosis)) = rest.first_mut() else { return };
            let what = (failed.key, failed.pool, failed.requested);
            let like = examined.get(&what).and_then(|&at| before.get(at));
            known(failed, &mut diagnosis.needs);
            diagnosis.conclude(like.map(|(_, diagnosis)| diagnosis));
            if diagnosis.examination.is_some() {
                examined.insert(what, at);
            }
        }
    }

    /// Every one that was kept, with its number among all of the log.
    pub(crate) fn numbered(&mut self) -> impl Iterator<Item = (u64, HeapKey, &mut Diagnosis)> {
        let numbered = (self.before..).zip(&mut self.kept);
        numbered.map(|(number, (failed, diagnosis))| (number, failed.key, diagnosis))
    }
}
