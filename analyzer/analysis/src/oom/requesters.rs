//! The requesters of each pool and the rules of their allocator, as far as definitions tell.

use hashbrown::HashMap;
use memtrace_format::{HeapId, MemoryKind, PoolId};

use crate::{
    allocator_model::{Class, PoolKey, Requester, Rules, SETTING},
    model::HeapKey,
    source::Definitions,
};

/// What the pools of a caching allocator that follows PyTorch are called; what comes behind it tells memory pools apart.
const CLASSES: [(&str, Class); 2] = [("small", Class::Small), ("large", Class::Large)];

/// The rules of a heap's allocator, and its pools.
#[derive(Clone, Debug)]
pub(crate) struct HeapRules {
    pub(crate) rules: Rules,
    pools: HashMap<PoolId, (Requester, Option<Class>)>,
}

impl HeapRules {
    /// PyTorch's rules where pools are called as its are, and where its reports of a device's blocks are recorded with its settings; else only
    /// what is recorded is known.
    pub(crate) fn of(definitions: &Definitions, heap: HeapKey) -> Self {
        let HeapKey::Heap(heap) = heap else { return Self::unknown() };
        if let Some(rules) = Self::of_reports(definitions, heap) {
            return rules;
        }
        let mut arenas: HashMap<&str, u32> = HashMap::from([("", 0)]);
        let mut pools = HashMap::new();
        let mut unlike = false;
        for (id, pool) in definitions.pools_of(heap) {
            let known =
                CLASSES.iter().find_map(|&(word, class)| Some((pool.name.strip_prefix(word)?, class)));
            unlike |= known.is_none();
            let (arena, class) = match known {
                Some((suffix, class)) => {
                    let next = arenas.len() as u32;
                    (*arenas.entry(suffix).or_insert(next), Some(class))
                }
                None => (u32::from(id.0), None),
            };
            pools.insert(id, (Requester { arena, stream: pool.stream }, class));
        }
        if unlike || pools.is_empty() {
            let own = |id: &PoolId| (Requester { arena: u32::from(id.0), stream: 0 }, None);
            let pools = pools.keys().map(|id| (*id, own(id))).collect();
            return Self { rules: Rules::plain(), pools };
        }
        let names = definitions.names();
        let settings = names.iter().map(|(_, text)| text.recorded());
        Self { rules: Rules::with_settings(settings), pools }
    }

    /// Of a device's heap whose blocks PyTorch reported. It tells no streams, so that there is one requester; and where a block is not told
    /// with its request, a request of its size has the same course.
    fn of_reports(definitions: &Definitions, id: HeapId) -> Option<Self> {
        let heap = definitions.heap(id).filter(|heap| heap.memory_kind() == Some(MemoryKind::Device))?;
        let names = definitions.names();
        let settings = names.iter().map(|(_, text)| text.recorded()).filter(|text| text.starts_with(SETTING));
        let pools = definitions.pools_of(id);
        let is_reported =
            definitions.is_reported(&heap.name) && pools.iter().all(|(_, pool)| pool.name.is_empty());
        if !is_reported || settings.clone().next().is_none() {
            return None;
        }
        let requester = Requester { arena: 0, stream: 0 };
        let pools = pools.into_iter().map(|(id, _)| (id, (requester, None))).collect();
        Some(Self { rules: Rules::with_settings(settings), pools })
    }

    /// Of a heap of which nothing is known: each pool is a requester of its own.
    pub(crate) fn unknown() -> Self {
        Self { rules: Rules::plain(), pools: HashMap::new() }
    }

    /// The same pools under other rules.
    pub(crate) fn with(&self, rules: Rules) -> Self {
        Self { rules, pools: self.pools.clone() }
    }

    /// Who asks this pool.
    pub(crate) fn requester(&self, pool: PoolId) -> Requester {
        let lost = Requester { arena: u32::from(pool.0), stream: 0 };
        self.pools.get(&pool).map_or(lost, |(requester, _)| *requester)
    }

    /// The pool of a segment of so many bytes.
    pub(crate) fn segment(&self, pool: PoolId, size: u64) -> PoolKey {
        let class = self.pools.get(&pool).and_then(|(_, class)| *class);
        let by_size = || if size <= self.rules.step(Class::Small) { Class::Small } else { Class::Large };
        let class = match class {
            Some(class) => class,
            None if self.rules.plain => Class::Large,
            None => by_size(),
        };
        PoolKey { requester: self.requester(pool), class }
    }
}
