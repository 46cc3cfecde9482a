//! Breakdown of live memory at an instant.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::{Nanos, Text};

/// What was live at an instant, by what its blocks have in common. Each list adds up to all of it: what does not fit a list is
/// in its last entry, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    /// By the module that owns it, largest first.
    pub by_module: Vec<Share>,
    /// By the scopes it was allocated in, largest first.
    pub by_scope: Vec<Share>,
    /// By the thread that allocated it, largest first.
    pub by_thread: Vec<Share>,
    /// By the line of the program's own that asked for it, largest first.
    pub by_line: Vec<LineShare>,
    /// By the stack that asked for it, largest first.
    pub by_stack: Vec<StackShare>,
    /// By the size of the blocks, smallest first.
    pub by_size: Vec<SizeShare>,
    /// By how long it had been live, youngest first.
    pub by_age: Vec<AgeShare>,
}

/// A part of what was live, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The owner; `(none)` for bytes that nobody owned.
    pub name: Text,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What one line of the program's own asked for, by itself or through what it called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineShare {
    /// The frame, as stacks have it; `(none)` for blocks of which no stack is recorded, `(others)` for those of further lines.
    pub line: Text,
    /// The bytes.
    pub bytes: Bytes,
    /// The blocks.
    pub blocks: u64,
    /// How many stacks led through it.
    pub stacks: u64,
}

/// What one stack asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackShare {
    /// Its frames, innermost first; empty for blocks of which none are recorded, and for those of further stacks.
    pub stack: Vec<Text>,
    /// How many stacks these are: of the largest ones each is listed by itself.
    pub stacks: u64,
    /// The bytes.
    pub bytes: Bytes,
    /// The blocks.
    pub blocks: u64,
}

/// What blocks, or holes, of similar size come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SizeShare {
    /// They are no smaller than this, a power of two (zero for those of no bytes),
    pub from_bytes: Bytes,
    /// and smaller than this, the next power of two, if it fits 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below_bytes: Option<Bytes>,
    /// The bytes of all together.
    pub bytes: Bytes,
    /// How many there are.
    pub blocks: u64,
}

/// What blocks of similar age come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AgeShare {
    /// They were no younger than this,
    pub from_ns: Nanos,
    /// and younger than this, if there is a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below_ns: Option<Nanos>,
    /// The bytes of all together.
    pub bytes: Bytes,
    /// How many there are.
    pub blocks: u64,
}

/// Whether it stands for what has no owner.
pub fn is_nobody(name: &Text) -> bool {
    name.recorded() == "(none)"
}
