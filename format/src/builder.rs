//! Builds the bytes of chunks in memory: for importers, exporters and tests, which write whole files.
//! The tracer does not use it; it writes records one by one into a mapped file.

use alloc::{boxed::Box, vec};

use crate::{
    CHUNK_BYTES, ChunkHeader, Definition, Event, Record, Ticks,
    chunk::{self, flag_steps_back, seal},
};

/// One chunk in the making.
#[derive(Debug)]
pub struct ChunkBuilder {
    header: ChunkHeader,
    bytes: Box<[u8; CHUNK_BYTES]>,
    used: usize,
}

/// There is no room left in the chunk; finish it and go on in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFull;

impl ChunkBuilder {
    /// An empty chunk with this header; what the header says of a seal is ignored.
    pub fn new(header: ChunkHeader) -> Self {
        let bytes = vec![0; CHUNK_BYTES].into_boxed_slice().try_into().expect("it has the length of a chunk");
        Self { header: ChunkHeader { seal: None, ..header }, bytes, used: 0 }
    }

    /// Appends an event.
    ///
    /// # Errors
    ///
    /// [`ChunkFull`] if it does not fit, its extension included.
    pub fn event(&mut self, time: Ticks, event: &Event) -> Result<(), ChunkFull> {
        let encoded = event.encode(time);
        let needed = if encoded.extension.is_some() { 2 * Record::BYTES } else { Record::BYTES };
        if self.room() < needed {
            return Err(ChunkFull);
        }
        self.append(&encoded.record.to_bytes())?;
        match encoded.extension {
            Some(extension) => self.append(&extension.to_bytes()),
            None => Ok(()),
        }
    }

    /// Appends a definition.
    ///
    /// # Errors
    ///
    /// [`ChunkFull`] if it does not fit.
    pub fn definition(&mut self, definition: &Definition) -> Result<(), ChunkFull> {
        self.append(&definition.to_entry())
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The sealed chunk.
    pub fn finish(mut self) -> Box<[u8; CHUNK_BYTES]> {
        let mut head = self.header.to_bytes();
        let used = &self.bytes[ChunkHeader::BYTES..][..self.used];
        flag_steps_back(&mut head, used, Ticks(0), None);
        seal(&head, used).write(&mut head);
        self.bytes[..ChunkHeader::BYTES].copy_from_slice(&head);
        self.bytes
    }

    fn room(&self) -> usize {
        chunk::CHUNK_BYTES - ChunkHeader::BYTES - self.used
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ChunkFull> {
        if self.room() < bytes.len() {
            return Err(ChunkFull);
        }
        self.bytes[ChunkHeader::BYTES + self.used..][..bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
        Ok(())
    }
}
