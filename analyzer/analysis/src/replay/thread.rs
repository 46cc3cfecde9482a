//! The state of a thread: open scopes, forwards and transfers.

use memtrace_format::{ModuleId, NameId, StackId};

use super::{BlockOwner, OwnerId, Owners, ScopeId, TransferKey};

/// What is nested deeper than this is not told apart any more.
const DEPTH: usize = 4096;

/// What is open on a thread.
#[derive(Clone, Debug, Default)]
pub struct ThreadState {
    scopes: Vec<OpenScope>,
    modules: Vec<OpenModule>,
    /// The owner that an alloc had last; holds while nothing is opened or closed.
    latest_owner: Option<(BlockOwner, OwnerId)>,
}

/// A scope that is open.
#[derive(Clone, Copy, Debug)]
pub struct OpenScope {
    /// Its name.
    pub name: NameId,
    pub(crate) scope: ScopeId,
    /// The number of the phase, if it is one.
    pub(crate) phase: Option<u64>,
}

/// What makes a module own what its thread allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenBy {
    Forward,
    Transfer(TransferKey),
}

#[derive(Clone, Copy, Debug)]
struct OpenModule {
    module: ModuleId,
    by: OpenBy,
}

impl ThreadState {
    /// How much is open.
    pub(crate) fn depth(&self) -> usize {
        self.scopes.len() + self.modules.len()
    }

    /// The innermost open path of scopes.
    pub(crate) fn scope(&self) -> ScopeId {
        self.scopes.last().map_or(ScopeId::NONE, |open| open.scope)
    }

    /// The innermost open module: of a forward or of a transfer, whichever was opened last.
    pub fn module(&self) -> ModuleId {
        self.modules.last().map_or(ModuleId::NONE, |open| open.module)
    }

    /// The open scopes, outermost first.
    pub fn scopes(&self) -> &[OpenScope] {
        &self.scopes
    }

    /// The modules whose forwards are open, outermost first.
    pub fn forwards(&self) -> impl Iterator<Item = ModuleId> {
        self.modules.iter().filter(|open| open.by == OpenBy::Forward).map(|open| open.module)
    }

    /// The innermost open phase.
    pub(crate) fn phase(&self) -> Option<u64> {
        self.scopes.iter().rev().find_map(|open| open.phase)
    }

    /// The owner of a block that the thread (its index is `thread`) allocates now.
    #[inline]
    pub(crate) fn owner(
        &mut self,
        owners: &mut Owners,
        thread: u32,
        module: ModuleId,
        stack: StackId,
    ) -> OwnerId {
        let module = if module.is_none() { self.module() } else { module };
        let owner = BlockOwner { module, scope: self.scope(), thread, stack };
        match self.latest_owner {
            Some((latest, id)) if latest == owner => id,
            _ => {
                let id = owners.intern(owner);
                self.latest_owner = Some((owner, id));
                id
            }
        }
    }

    /// Opens a scope. `false`: it is nested too deep and left out.
    pub(crate) fn enter(&mut self, open: OpenScope) -> bool {
        let room = self.scopes.len() < DEPTH;
        if room {
            self.scopes.push(open);
        }
        room
    }

    /// Closes the innermost scope of this name, and those inside it whose ends are missing; innermost first.
    pub(crate) fn leave(&mut self, name: NameId) -> impl ExactSizeIterator<Item = OpenScope> {
        let from = self.scopes.iter().rposition(|open| open.name == name).unwrap_or(self.scopes.len());
        self.scopes.drain(from..).rev()
    }

    /// Opens a module.
    pub(crate) fn open(&mut self, module: ModuleId, by: OpenBy) -> bool {
        let room = self.modules.len() < DEPTH;
        if room {
            self.modules.push(OpenModule { module, by });
        }
        room
    }

    /// Closes the innermost module that was opened like this.
    pub(crate) fn close(&mut self, module: ModuleId, by: OpenBy) -> bool {
        let found = self.modules.iter().rposition(|open| open.module == module && open.by == by);
        if let Some(at) = found {
            self.modules.remove(at);
        }
        found.is_some()
    }
}
