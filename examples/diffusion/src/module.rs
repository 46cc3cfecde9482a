//! A module of a loaded checkpoint: its name in the books and in the trace, for as long as anything holds on to it.

use std::sync::Arc;

use crate::books::{ModulePage, Row};
use crate::fingerprint::Fingerprint;
use crate::machine::Machine;
use crate::quantity::Bytes;
use crate::recording;

/// One instance of a module; its `path` is its name after those of its parents. It counts as released when the last that
/// knows it lets go, which a leak never does.
pub(crate) struct Module {
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    /// None where only the children have weights of a file.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) recorded: recording::Module,
    pub(crate) row: Row,
    /// A parent outlives its children, in the trace as here.
    _parent: Option<Arc<Module>>,
}

impl Module {
    pub(crate) fn new(
        machine: &Machine,
        name: &str,
        parent: Option<&Arc<Module>>,
        bytes: Bytes,
        fingerprint: Option<Fingerprint>,
    ) -> Arc<Module> {
        let path = match parent {
            Some(parent) => format!("{}.{name}", parent.path),
            None => name.to_owned(),
        };
        let above = parent.map(|parent| parent.recorded);
        let recorded = recording::Module::define(name, above, bytes, fingerprint);
        let row = machine.books.open(ModulePage {
            name: name.to_owned(),
            parent: parent.map(|parent| parent.path.clone()),
            bytes,
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
            ..ModulePage::blank(path.clone())
        });
        Arc::new(Module { path, bytes, fingerprint, recorded, row, _parent: parent.cloned() })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.recorded.released();
    }
}
