//! The owner of a block: module, scope, thread and stack. Owners are interned; a block carries four bytes.

use hashbrown::HashMap;
use memtrace_format::{ModuleId, StackId};

use super::ScopeId;

/// An interned [`BlockOwner`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OwnerId(pub(super) u32);

impl OwnerId {
    /// Its place among all owners.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockOwner {
    /// The module that it was allocated for.
    pub module: ModuleId,
    /// The scopes that were open.
    pub scope: ScopeId,
    /// The index of the thread among the trace's threads.
    pub thread: u32,
    /// The calls that led to it.
    pub stack: StackId,
}

/// The most owners that are told apart: how many there are is the file's choice, how much memory they take is ours.
const KEPT: usize = 1 << 19;

impl OwnerId {
    /// All owners beyond the most that are told apart.
    pub(crate) const OTHERS: Self = Self(KEPT as u32);
}

/// Every owner that a block had.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    list: Vec<BlockOwner>,
    ids: HashMap<BlockOwner, OwnerId>,
}

impl Owners {
    pub(crate) fn intern(&mut self, owner: BlockOwner) -> OwnerId {
        if let Some(&known) = self.ids.get(&owner) {
            return known;
        }
        let id = OwnerId(self.list.len().min(KEPT) as u32);
        match self.list.len() {
            ..KEPT => {
                self.list.push(owner);
                self.ids.insert(owner, id);
            }
            KEPT => self.list.push(BlockOwner {
                module: ModuleId::NONE,
                scope: ScopeId::NONE,
                thread: u32::MAX,
                stack: StackId::NONE,
            }),
            _ => {}
        }
        id
    }

    /// The owner with this id.
    pub fn owner(&self, id: OwnerId) -> Option<&BlockOwner> {
        self.list.get(id.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_beyond_the_most_are_one_that_nobody_is() {
        let mut owners = Owners::default();
        let owner = |stack| BlockOwner {
            module: ModuleId(1),
            scope: ScopeId::NONE,
            thread: 0,
            stack: StackId(stack),
        };
        for stack in 0..KEPT as u32 {
            assert_eq!(owners.intern(owner(stack)), OwnerId(stack));
        }
        for stack in KEPT as u32..KEPT as u32 + 100 {
            assert_eq!(owners.intern(owner(stack)), OwnerId::OTHERS);
        }
        assert_eq!(owners.intern(owner(7)), OwnerId(7));
        assert_eq!(owners.list.len(), KEPT + 1);
        assert!(owners.owner(OwnerId::OTHERS).is_some_and(|others| others.module.is_none()));
    }
}
