//! Keeps what is open on a thread: scopes, forwards, transfers; and the paths of scopes that blocks remember.

use std::collections::HashMap;

use memtrace_format::{ModuleId, NameId, TransferBegin};

use super::fold::Stamp;

/// A path of nested scopes; 0 is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PathId(u32);

/// Every path there has been, as a tree.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// The parent and the innermost name of every path but the empty one.
    nodes: Vec<(PathId, NameId)>,
    ids: HashMap<(PathId, NameId), PathId>,
}

impl Paths {
    fn child(&mut self, parent: PathId, name: NameId) -> PathId {
        let Self { nodes, ids } = self;
        *ids.entry((parent, name)).or_insert_with(|| {
            nodes.push((parent, name));
            PathId(nodes.len() as u32)
        })
    }

    /// The paths that lead to this one, outermost first, this one included.
    pub(crate) fn chain(&self, mut path: PathId) -> Vec<(PathId, NameId)> {
        let mut chain = Vec::new();
        while path != PathId::default() {
            let (parent, name) = self.nodes[path.0 as usize - 1];
            chain.push((path, name));
            path = parent;
        }
        chain.reverse();
        chain
    }
}

/// What is open on one thread, outermost first.
#[derive(Debug, Default)]
pub(crate) struct Nesting {
    pub(crate) scopes: Vec<OpenScope>,
    pub(crate) modules: Vec<OpenModule>,
    /// Of the forwards that have ended, the one that began last and the one that ended last: since then the thread has crossed no
    /// border of forwards, as far as it is not open.
    begun: Option<Forward>,
    ended: Option<Forward>,
}

/// A forward that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    pub(crate) module: ModuleId,
    /// None if its beginning is missing.
    pub(crate) began: Option<Stamp>,
    pub(crate) ended: Stamp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenScope {
    pub(crate) since: Stamp,
    pub(crate) name: NameId,
    pub(crate) path: PathId,
    pub(crate) phase: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenModule {
    pub(crate) since: Stamp,
    pub(crate) module: ModuleId,
    /// The transfer that opened it; else a forward did.
    pub(crate) transfer: Option<TransferBegin>,
}

impl Nesting {
    pub(crate) fn enter(&mut self, since: Stamp, name: NameId, phase: bool, paths: &mut Paths) {
        let path = paths.child(self.path(), name);
        self.scopes.push(OpenScope { since, name, path, phase });
    }

    /// Leaves the innermost scope of this name, and those inside it whose ends are missing.
    pub(crate) fn leave(&mut self, name: NameId) {
        if let Some(at) = self.scopes.iter().rposition(|open| open.name == name) {
            self.scopes.truncate(at);
        }
    }

    pub(crate) fn begin_forward(&mut self, since: Stamp, module: ModuleId) {
        self.modules.push(OpenModule { since, module, transfer: None });
    }

    pub(crate) fn end_forward(&mut self, now: Stamp, module: ModuleId) {
        let forward = |open: &OpenModule| open.module == module && open.transfer.is_none();
        let at = self.modules.iter().rposition(forward);
        let began = at.map(|at| self.modules.remove(at).since);
        let ended = Forward { module, began, ended: now };
        self.ended = Some(ended);
        let order = |forward: Forward| forward.began.map(|began| began.order);
        if self.begun.is_none_or(|begun| order(begun) < order(ended)) {
            self.begun = Some(ended);
        }
    }

    /// The forwards that have ended and are to be remembered.
    pub(crate) fn forwards(&self) -> impl Iterator<Item = Forward> {
        let begun = self.begun.filter(|_| self.begun != self.ended);
        begun.into_iter().chain(self.ended)
    }

    pub(crate) fn begin_transfer(&mut self, since: Stamp, begin: TransferBegin) {
        self.modules.push(OpenModule { since, module: begin.module, transfer: Some(begin) });
    }

    /// Ends the transfer of this correlation, and returns how it began.
    pub(crate) fn end_transfer(&mut self, correlation: u32) -> Option<(Stamp, TransferBegin)> {
        let same = |open: &OpenModule| open.transfer.is_some_and(|begin| begin.correlation == correlation);
        let at = self.modules.iter().rposition(same)?;
        let open = self.modules.remove(at);
        open.transfer.map(|begin| (open.since, begin))
    }

    pub(crate) fn path(&self) -> PathId {
        self.scopes.last().map_or(PathId::default(), |open| open.path)
    }

    /// The module that owns what the thread allocates.
    pub(crate) fn module(&self) -> ModuleId {
        let modules = self.modules.iter().rev().map(|open| open.module);
        modules.into_iter().find(|module| !module.is_none()).unwrap_or(ModuleId::NONE)
    }
}
