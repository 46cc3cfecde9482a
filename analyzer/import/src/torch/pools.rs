//! The pools of a heap: blocks of one never use memory of another.

use hashbrown::HashMap;
use memtrace_format::{HeapId, PoolId};

use crate::{ImportError, writer::LogWriter};

/// Which pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PoolTag {
    /// The memory pool, as of a CUDA graph; zeros for the default.
    pub(super) id: (u64, u64),
    pub(super) stream: u64,
    pub(super) kind: PoolKind,
}

/// How a pool hands out its segments' memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PoolKind {
    /// Requests of up to 1 MiB share segments.
    Small,
    /// Larger requests.
    Large,
    /// A segment is one block: page-locked host memory.
    Whole,
}

/// The ids of a heap's pools.
#[derive(Debug)]
pub(super) struct Pools {
    heap: HeapId,
    ids: HashMap<PoolTag, PoolId>,
    latest: Option<(PoolTag, PoolId)>,
}

impl Pools {
    pub(super) fn new(heap: HeapId) -> Self {
        Self { heap, ids: HashMap::new(), latest: None }
    }

    /// The id of a pool, which is defined when it is first asked for.
    pub(super) fn id(&mut self, tag: PoolTag, log: &mut LogWriter) -> Result<PoolId, ImportError> {
        if let Some((_, id)) = self.latest.filter(|(latest, _)| *latest == tag) {
            return Ok(id);
        }
        let id = match self.ids.get(&tag) {
            Some(&id) => id,
            None => {
                let id = log.pool(self.heap, &tag.name(), tag.stream)?;
                self.ids.insert(tag, id);
                id
            }
        };
        self.latest = Some((tag, id));
        Ok(id)
    }

    /// The id of some pool of the heap.
    pub(super) fn any(&mut self, log: &mut LogWriter) -> Result<PoolId, ImportError> {
        match self.latest {
            Some((_, id)) => Ok(id),
            None => self.id(PoolTag::HEAP, log),
        }
    }
}

impl PoolTag {
    /// A pool for what is about the heap as a whole.
    const HEAP: Self = Self { id: (0, 0), stream: 0, kind: PoolKind::Large };

    fn name(&self) -> String {
        let kind = match self.kind {
            PoolKind::Small => "small",
            PoolKind::Large => "large",
            PoolKind::Whole => "whole",
        };
        match self.id {
            (0, 0) => kind.to_owned(),
            (a, b) => format!("{kind} of pool ({a}, {b})"),
        }
    }
}
