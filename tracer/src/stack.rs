//! Stacks of calls, each known by its innermost frame, whose parents are the frames around it.

use memtrace_format::{Address, Definition, StackDefinition, StackId};

use crate::{Name, session};

/// A stack of calls. Recording one takes no longer than recording none; [defining](Self::define) its frames takes a lock, so
/// whoever asks often keeps what it was given.
///
/// ```
/// use memtrace_tracer::{Address, Bytes, Frame, Heap, MemoryKind, Name, Stack};
///
/// let pool = Heap::define("host", MemoryKind::Host, None).pool("", 0);
/// let frame = |function, line| Frame {
///     function: Some(Name::intern(function)),
///     file: Some(Name::intern("model.py")),
///     line,
///     address: Address(0),
/// };
/// let load = Stack::define(Stack::NONE, &frame("load", 12));
/// let read = Stack::define(load, &frame("read_weights", 7));
/// pool.asked_by(read).block_alloc(Address(0x7f00_0000_0000), Bytes(4096), Bytes(4096));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack(pub(crate) StackId);

/// One call in a stack.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The function. `None`: the analysis finds out, by the address.
    pub function: Option<Name>,
    /// The source file; or where no function is given the file of machine code, as `docs/format.md` has it.
    pub file: Option<Name>,
    /// The line in the source file, from 1 on; 0 if it is not known.
    pub line: u32,
    /// Of the call, as the file of machine code numbers its addresses.
    pub address: Address,
}

impl Stack {
    /// No stack.
    pub const NONE: Self = Self(StackId::NONE);

    /// The stack of `frame` and, around it, `parent`. [`NONE`](Self::NONE) while recording is off.
    pub fn define(parent: Self, frame: &Frame) -> Self {
        let number = |name: Option<Name>| name.map_or(0, |name| name.0.0);
        let definition = StackDefinition {
            parent: parent.0.0,
            function: number(frame.function),
            file: number(frame.file),
            line: frame.line,
            address: frame.address.0,
        };
        Self(session::define(|id| Definition::Stack(id, definition)).unwrap_or(StackId::NONE))
    }
}
