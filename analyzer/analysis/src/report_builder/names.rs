//! Names for ids, each made once.

use hashbrown::HashMap;
use memtrace_format::{ModuleId, StackId};

use crate::{
    Text,
    model::{CallSite, HeapKey},
    replay::{BlockOwner, OwnerId, Owners, Replay, ScopeId, ScopeTree},
    source::{Definitions, Log},
};

/// Names for ids.
pub(super) struct Names<'a> {
    pub(super) definitions: &'a Definitions,
    trace: &'a Log,
    owners: &'a Owners,
    scopes: &'a ScopeTree,
    modules: HashMap<ModuleId, Text>,
    paths: HashMap<ScopeId, Text>,
    threads: HashMap<usize, Text>,
    sites: HashMap<StackId, Text>,
    none: Text,
}

impl<'a> Names<'a> {
    pub(super) fn of(replay: &'a Replay<'_>) -> Self {
        Self::new(replay.log, &replay.owners, &replay.scopes)
    }

    pub(super) fn new(trace: &'a Log, owners: &'a Owners, scopes: &'a ScopeTree) -> Self {
        Self {
            definitions: trace.definitions(),
            trace,
            owners,
            scopes,
            modules: HashMap::new(),
            paths: HashMap::new(),
            threads: HashMap::new(),
            sites: HashMap::new(),
            none: Text::new("(none)"),
        }
    }

    /// Whether another program recorded the trace.
    pub(super) fn is_imported(&self) -> bool {
        self.trace.is_imported()
    }

    pub(super) fn owner(&self, id: OwnerId) -> Option<&BlockOwner> {
        self.owners.owner(id)
    }

    pub(super) fn module(&mut self, id: ModuleId) -> Text {
        if id.is_none() {
            return self.none.clone();
        }
        self.modules.entry(id).or_insert_with(|| self.definitions.module_name(id)).clone()
    }

    pub(super) fn scope(&mut self, id: ScopeId) -> Text {
        self.paths.entry(id).or_insert_with(|| self.scopes.render(id, self.definitions)).clone()
    }

    /// Where in the program a stack stood.
    pub(super) fn site(&mut self, id: StackId) -> Text {
        if id.is_none() {
            return self.none.clone();
        }
        let site = || {
            let frames = self.definitions.frames(id);
            CallSite::of(&frames).map_or_else(|| self.none.clone(), |site| site.label())
        };
        self.sites.entry(id).or_insert_with(site).clone()
    }

    /// The thread with this index.
    pub(super) fn thread(&mut self, index: usize) -> Text {
        let name = || match self.trace.directory.threads.get(index) {
            Some(thread) => self.definitions.thread_name(thread.id),
            None => self.none.clone(),
        };
        self.threads.entry(index).or_insert_with(name).clone()
    }

    pub(super) fn heap(&self, key: HeapKey) -> Text {
        self.definitions.heap_of(key)
    }
}
