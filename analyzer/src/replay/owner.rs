//! Whose a block is: module, scope, thread and stack, interned, so that a block carries four bytes for all of it.

use hashbrown::HashMap;
use memtrace_format::{ModuleId, StackId};

use super::ScopeId;

/// An interned [`Owner`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OwnerId(pub(super) u32);

impl OwnerId {
    /// Its place among all owners.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) module: ModuleId,
    pub(crate) scope: ScopeId,
    /// The index of the thread among the trace's threads.
    pub(crate) thread: u32,
    pub(crate) stack: StackId,
}

/// Every owner that a block had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    list: Vec<Owner>,
    ids: HashMap<Owner, OwnerId>,
}

impl Owners {
    pub(crate) fn intern(&mut self, owner: Owner) -> OwnerId {
        *self.ids.entry(owner).or_insert_with(|| {
            self.list.push(owner);
            OwnerId(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX))
        })
    }

    /// The owner with this id.
    pub(crate) fn owner(&self, id: OwnerId) -> Option<&Owner> {
        self.list.get(id.0 as usize)
    }
}
