//! Requests that failed.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{Bytes, ModuleId, OutOfMemory, PoolId};

use super::collector::{Collector, Context};
use crate::{
    model::{Balance, EventContext, HeapKey},
    oom::{Diagnosis, Effort, HeapRules, OomContext},
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
    /// The memory of the device that the heap is of.
    pub(crate) balance: Option<Balance>,
}

/// Watches for failed requests.
#[derive(Debug)]
pub(crate) struct Failures<'a> {
    definitions: &'a Definitions,
    pub(crate) kept: Vec<(FailedRequest, Diagnosis)>,
    pub(crate) total: u64,
    /// How many there were before what is looked at.
    before: u64,
    effort: Effort,
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
            before: 0,
            effort: Effort::default(),
            rules: HashMap::new(),
            examined: HashSet::new(),
        }
    }

    fn out_of_memory(&mut self, context: &mut Context<'_, 'a>, heap: usize, failed: &OutOfMemory) {
        let Context { now, replay, heaps, devices } = context;
        let thread = replay.thread(now.thread);
        let (module, scope) = (thread.module(), thread.scope());
        let told = failed.free.map(|free| free.0);
        let balance = devices.balance(heaps[heap].device, now.time, &replay.heaps, told);
        let replay::ReplayHeap { key, state, .. } = &mut replay.heaps[heap];
        let rules = self.rules(*key).rules.clone();
        let context = OomContext::of(failed, state, balance.as_ref(), rules);
        let (key, pool, requested) = (*key, failed.pool, failed.requested);
        self.add(
            FailedRequest { now: *now, heap, key, pool, requested, module, scope, balance },
            context,
            state,
        );
    }

    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        self.before += self.total;
        self.total = 0;
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
    fn add(&mut self, failed: FailedRequest, context: OomContext, heap: &HeapState) {
        self.total += 1;
        if self.kept.len() == KEPT {
            return;
        }
        let Some(rules) = self.rules.get(&failed.key) else { return };
        let what = (failed.key, failed.pool, failed.requested);
        let differs = !self.examined.contains(&what);
        let diagnosis = Diagnosis::of(context, failed.pool, heap, rules, differs, &mut self.effort);
        if diagnosis.examination.is_some() {
            self.examined.insert(what);
        }
        self.kept.push((failed, diagnosis));
    }

    /// Every one that was kept, with its number among all of the log.
    pub(crate) fn numbered(&mut self) -> impl Iterator<Item = (u64, HeapKey, &mut Diagnosis)> {
        let numbered = (self.before..).zip(&mut self.kept);
        numbered.map(|(number, (failed, diagnosis))| (number, failed.key, diagnosis))
    }
}
