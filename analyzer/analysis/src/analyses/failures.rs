//! Requests that failed.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{Bytes, ModuleId, PoolId};

use super::Balance;
use crate::{
    Progress, ReadError, Trace,
    autopsy::{Autopsy, Effort, HeapRules, Scene, rehearse},
    filter::Sieve,
    replay::{HeapKey, HeapState, Moment, ScopeId},
    source::Definitions,
};

/// The most failed requests that are kept: the first.
const KEPT: usize = 4096;

/// The most heaps whose pools are looked up: how many there are is the file's choice, and each takes a look at all names.
const HEAPS: usize = 64;

/// A request that failed.
#[derive(Clone, Debug)]
pub(crate) struct FailedRequest {
    pub(crate) now: Moment,
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
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) kept: Vec<(FailedRequest, Autopsy)>,
    pub(crate) total: u64,
    /// How many there were before what is looked at.
    before: u64,
    effort: Effort,
    rules: HashMap<HeapKey, HeapRules>,
    /// What was asked where, of the requests that were examined.
    examined: HashSet<(HeapKey, PoolId, Bytes)>,
}

impl Failures {
    /// The rules of a heap's allocator.
    pub(crate) fn rules(&mut self, definitions: &Definitions, heap: HeapKey) -> &HeapRules {
        let known = self.rules.len() < HEAPS;
        self.rules
            .entry(heap)
            .or_insert_with(|| if known { HeapRules::of(definitions, heap) } else { HeapRules::unknown() })
    }

    /// A request has failed in a heap that is in this state.
    pub(crate) fn add(&mut self, failed: FailedRequest, scene: Scene, heap: &HeapState) {
        self.total += 1;
        if self.kept.len() == KEPT {
            return;
        }
        let Some(rules) = self.rules.get(&failed.key) else { return };
        let what = (failed.key, failed.pool, failed.requested);
        let differs = !self.examined.contains(&what);
        let autopsy = Autopsy::of(scene, failed.pool, heap, rules, differs, &mut self.effort);
        if autopsy.examination.is_some() {
            self.examined.insert(what);
        }
        self.kept.push((failed, autopsy));
    }

    /// Begins to count anew.
    pub(crate) fn forget_the_past(&mut self) {
        let before = self.before + self.total;
        *self = Self { before, rules: std::mem::take(&mut self.rules), ..Self::default() };
    }

    /// Finds out what other settings would have done for those that were examined.
    pub(crate) fn rehearse(
        &mut self,
        trace: &Trace,
        sieve: Option<Sieve<'_>>,
        watch: impl FnMut(Progress),
    ) -> Result<(), ReadError> {
        let numbered = (self.before..).zip(&mut self.kept);
        let failed = numbered.map(|(number, (failed, autopsy))| (number, failed.key, autopsy));
        rehearse(trace, sieve, failed, watch)
    }
}
