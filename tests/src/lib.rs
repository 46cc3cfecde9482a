//! Parts that the test programs and the end-to-end tests share: histories of memory, as data; and what programs know of
//! themselves, beside what is reported of them.

pub mod oracle;

use serde::{Deserialize, Serialize};

/// Things that happen to two heaps, one after the other, each on a thread of its own choice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The thread it happens on, below [`THREADS`].
    pub thread: usize,
    /// The heap it happens to, below [`HEAPS`].
    pub heap: usize,
    /// What happens.
    pub action: Action,
}

/// What happens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Action {
    /// A segment is reserved.
    SegmentAlloc {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
    },
    /// A segment is given back.
    SegmentFree {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
    },
    /// A block is handed out.
    Alloc {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
        /// What was asked for.
        requested: u64,
        /// The module it is handed out to, below [`MODULES`]; none: the one open on the thread.
        module: Option<usize>,
    },
    /// A block is given back.
    Free {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
    },
    /// A block is given back but still in use.
    FreeRequested {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
    },
    /// A block is no longer in use.
    FreeCompleted {
        /// Where it starts.
        address: u64,
        /// How long it is.
        size: u64,
    },
    /// A forward of a module begins on the thread.
    ForwardBegin(usize),
    /// The forward that began last on the thread ends.
    ForwardEnd,
    /// A scope of this name is entered on the thread.
    ScopeBegin(usize),
    /// The scope that was entered last on the thread is left.
    ScopeEnd,
}

/// How many threads a history has.
pub const THREADS: usize = 3;

/// How many heaps a history has. The last one has no segments.
pub const HEAPS: usize = 2;

/// How many modules a history has.
pub const MODULES: usize = 3;

/// The names of the threads as the trace shows them.
pub fn thread_name(thread: usize) -> String {
    format!("t{thread}")
}

/// The names of the heaps.
pub fn heap_name(heap: usize) -> String {
    format!("heap:{heap}")
}

/// The names of the modules.
pub fn module_name(module: usize) -> String {
    format!("module {module}")
}

/// The names of the scopes.
pub fn scope_name(scope: usize) -> String {
    format!("scope {scope}")
}
