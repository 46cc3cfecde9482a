//! Reads a pickle without running anything of it: the opcodes that build plain data fill an [`Arena`], all others are errors.
//!
//! A pickle is a program for a stack machine. Those of memory snapshots build dicts, lists, tuples, strings and numbers and
//! share what is equal through a memo: a list of a hundred frames stands there once and is referred to by two bytes. So nothing
//! is ever expanded: the arena keeps every object once, references are 4-byte ids, and the keys of a dict are kept once for all
//! dicts that have the same. What a file can make the reader hold is bounded by a budget that follows from its length.

mod arena;
mod input;
mod machine;
mod strings;

use std::{fmt, io};

use thiserror::Error;

pub(crate) use arena::{Arena, Content, Key, ObjectId, Value, View};
use input::Input;
use machine::Machine;
pub(crate) use strings::StringId;

/// A pickle that was read.
#[derive(Debug)]
pub(crate) struct Pickle {
    /// Every object of it.
    pub(crate) arena: Arena,
    /// What it is a pickle of.
    pub(crate) root: Value,
}

impl Pickle {
    /// Reads a pickle of `length` bytes. `keys` are the dict keys that can be asked for, by their place in the list; `watch` is
    /// told now and then how many bytes are read.
    pub(crate) fn read(
        source: impl io::Read,
        length: u64,
        keys: &[&str],
        watch: impl FnMut(u64),
    ) -> Result<Self, PickleError> {
        Machine::new(Input::new(source, length), keys).run(watch)
    }
}

/// Why a pickle cannot be read.
#[derive(Debug, Error)]
#[error("at byte {offset}: {fault}")]
pub struct PickleError {
    /// Where in the file: the first byte of the opcode.
    pub offset: u64,
    /// What is wrong there.
    pub fault: PickleFault,
}

/// What is wrong with a pickle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PickleFault {
    /// The file ends before the pickle does.
    #[error("the file ends here, and the pickle does not")]
    Truncated,
    /// The operating system cannot read the file.
    #[error("reading failed: {0}")]
    Read(#[from] io::Error),
    /// It would import or call something.
    #[error("{0} would run code, which plain data never needs")]
    RunsCode(Opcode),
    /// An opcode of another protocol, or no opcode.
    #[error("{0} is not an opcode of the protocols 2 to 5 that builds plain data")]
    Opcode(Opcode),
    /// A later protocol.
    #[error("protocol {0}; this program reads 2 to 5")]
    Protocol(u8),
    /// Something is taken from the stack that is not there.
    #[error("the opcode takes more from the stack than is there")]
    Stack,
    /// An item is added to something that takes none.
    #[error("the opcode needs {0} on the stack")]
    Kind(&'static str),
    /// The memo has nothing there.
    #[error("the memo has no entry {0}")]
    Memo(u32),
    /// A length that cannot be.
    #[error("it claims {claimed} bytes, and {left} are left")]
    Length {
        /// The length.
        claimed: u64,
        /// The bytes behind it.
        left: u64,
    },
    /// A number of more than 64 bits.
    #[error("a number of more than 64 bits")]
    Number,
    /// A dict larger than any in a snapshot.
    #[error("a dict of more than {} entries", arena::DICT_ENTRIES)]
    Dict,
    /// More memory than a recording of the file's length needs.
    #[error("what it builds needs more than {0} bytes of memory, far more than plain data of this length")]
    Budget(u64),
    /// The pickle ends with nothing, or with too much.
    #[error("the pickle ends with {0} values instead of one")]
    End(usize),
}

/// An opcode, by the byte that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            b'c' => "GLOBAL",
            0x93 => "STACK_GLOBAL",
            b'R' => "REDUCE",
            b'b' => "BUILD",
            b'i' => "INST",
            b'o' => "OBJ",
            0x81 => "NEWOBJ",
            0x92 => "NEWOBJ_EX",
            0x82..=0x84 => "EXT",
            b'P' | b'Q' => "PERSID",
            byte => return write!(f, "byte {byte:#04x}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests;
