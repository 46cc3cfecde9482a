//! The parts of a file that could not be read.

use std::fmt;

use memtrace_format::{Bytes, ChunkError, DefinitionError};

/// The largest number of damaged places that are remembered one by one.
const PLACES: usize = 16;

/// What of a file could not be read.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    damaged_chunks: u64,
    unreadable: Bytes,
    places: Vec<Damage>,
}

/// A damaged place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where the chunk lies in the file.
    pub offset: u64,
    /// What is wrong with it.
    pub(crate) what: Fault,
}

/// What is wrong with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Chunk(ChunkError),
    Definition(DefinitionError),
    Truncated { missing: u64 },
}

impl Losses {
    /// How many chunks are damaged.
    pub fn damaged_chunks(&self) -> u64 {
        self.damaged_chunks
    }

    /// How many bytes were written and cannot be read.
    pub fn unreadable(&self) -> Bytes {
        self.unreadable
    }

    /// The first damaged places.
    pub fn places(&self) -> &[Damage] {
        &self.places
    }

    pub(crate) fn chunk(&mut self, offset: u64, what: Fault, unreadable: u64) {
        self.damaged_chunks += 1;
        self.unreadable.0 = self.unreadable.0.saturating_add(unreadable);
        if self.places.len() < PLACES {
            self.places.push(Damage { offset, what });
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.damaged_chunks += other.damaged_chunks;
        self.unreadable.0 = self.unreadable.0.saturating_add(other.unreadable.0);
        let room = PLACES.saturating_sub(self.places.len());
        self.places.extend(other.places.iter().take(room));
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunk at byte {}: ", self.offset)?;
        match self.what {
            Fault::Chunk(error) => write!(f, "{error}"),
            Fault::Definition(error) => write!(f, "{error}"),
            Fault::Truncated { missing } => write!(f, "the file ends {missing} bytes before the chunk does"),
        }
    }
}
