//! One chunk at a time, from the file into an aligned buffer, down to the records that can be trusted.

use memtrace_format::{
    CHUNK_BYTES, ChunkHeader, Kind, Record, Ticks,
    chunk::{checked_body, record_places},
};
use rkyv::util::AlignedVec;

use super::{
    EventChunk, ReadError,
    file::LogFile,
    losses::{Fault, Losses},
};

/// Reads chunks; one buffer serves them all.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    buffer: AlignedVec,
    session: u64,
    /// What happened later is left out.
    until: Option<Ticks>,
}

/// The part of a chunk that can be read.
pub(crate) struct Chunk<'a> {
    pub(crate) header: ChunkHeader,
    pub(crate) bytes: &'a [u8; CHUNK_BYTES],
    /// The bytes behind the header that may be looked at. Those of a chunk that is not sealed or whose end is missing
    /// are not vouched for by a checksum.
    pub(crate) used: usize,
    /// What is wrong with the chunk, if something is.
    pub(crate) fault: Option<Fault>,
}

impl ChunkReader {
    pub(crate) fn new(session: u64) -> Self {
        let mut buffer = AlignedVec::with_capacity(CHUNK_BYTES);
        buffer.resize(CHUNK_BYTES, 0);
        Self { buffer, session, until: None }
    }

    /// Leaves out events later than this, if it is a time.
    pub(crate) fn until(self, until: Option<Ticks>) -> Self {
        Self { until, ..self }
    }

    /// Reads the chunk at `offset`. `None`: nothing of it can be used; if something had been written, that is counted.
    pub(crate) fn read(
        &mut self,
        file: &LogFile,
        offset: u64,
        losses: &mut Losses,
    ) -> Result<Option<Chunk<'_>>, ReadError> {
        let have = file.read_up_to(offset, &mut self.buffer)?;
        self.buffer[have..].fill(0);
        let bytes: &[u8; CHUNK_BYTES] =
            self.buffer.as_slice().try_into().expect("the buffer has the length of a chunk");
        let head = bytes.first_chunk().expect("a chunk is longer than its header");
        let header = match ChunkHeader::parse(head, self.session) {
            Ok(Some(header)) if have >= ChunkHeader::BYTES => header,
            Ok(_) => return Ok(None),
            Err(error) => {
                losses.chunk(offset, Fault::Chunk(error), have as u64);
                return Ok(None);
            }
        };
        let there = have - ChunkHeader::BYTES;
        let chunk = |used, fault| Some(Chunk { header, bytes, used, fault });
        Ok(match header.seal.map(|seal| seal.length as usize) {
            None if have == CHUNK_BYTES => chunk(there, None),
            None => {
                let missing = (CHUNK_BYTES - have) as u64;
                losses.chunk(offset, Fault::Truncated { missing }, 0);
                chunk(there, Some(Fault::Truncated { missing }))
            }
            Some(length) if length > there => {
                let missing = (length - there) as u64;
                losses.chunk(offset, Fault::Truncated { missing }, missing);
                chunk(there, Some(Fault::Truncated { missing }))
            }
            Some(length) => match checked_body(bytes, &header) {
                Ok(_) => chunk(length, None),
                Err(error) => chunk(length, Some(Fault::Chunk(error))),
            },
        })
    }

    /// Reads the records of the chunk at `offset` into `records`, up to the first that is not committed. A chunk whose
    /// checksum does not match gives none. Returns the chunk's header if it can be trusted.
    pub(crate) fn read_records(
        &mut self,
        file: &LogFile,
        offset: u64,
        losses: &mut Losses,
        records: &mut Vec<Record>,
    ) -> Result<Option<ChunkHeader>, ReadError> {
        records.clear();
        let Some(chunk) = self.read(file, offset, losses)? else { return Ok(None) };
        if let Some(fault @ Fault::Chunk(_)) = chunk.fault {
            losses.chunk(offset, fault, chunk.used as u64);
            return Ok(None);
        }
        let places = record_places(chunk.bytes).expect("the buffer is aligned");
        let places = &places[..chunk.used / Record::BYTES];
        let committed = places.iter().position(|record| !record.word().is_committed());
        records.extend_from_slice(&places[..committed.unwrap_or(places.len())]);
        Ok(Some(chunk.header))
    }

    /// Reads the records of a thread's chunk, or of its part of one. What is wrong with a shared chunk was noticed when its parts
    /// were looked for, and a part has no header.
    pub(crate) fn read_events(
        &mut self,
        file: &LogFile,
        chunk: EventChunk,
        losses: &mut Losses,
        records: &mut Vec<Record>,
    ) -> Result<Option<ChunkHeader>, ReadError> {
        let header = match chunk.part {
            Some((first, end)) => self.read_part(file, chunk.offset, (first.into(), end.into()), records)?,
            None => self.read_records(file, chunk.offset, losses, records)?,
        };
        if let Some(until) = self.until {
            let is_late =
                |record: &Record| record.word().kind() != Some(Kind::Extension) && record.time() > until;
            records.truncate(records.iter().position(is_late).unwrap_or(records.len()));
        }
        Ok(header)
    }

    fn read_part(
        &mut self,
        file: &LogFile,
        offset: u64,
        (first, end): (usize, usize),
        records: &mut Vec<Record>,
    ) -> Result<Option<ChunkHeader>, ReadError> {
        records.clear();
        let bytes = ChunkHeader::BYTES + first * Record::BYTES
            ..(ChunkHeader::BYTES + end * Record::BYTES).min(CHUNK_BYTES);
        let offset = offset.saturating_add(bytes.start as u64);
        let Some(room) = self.buffer.get_mut(bytes) else { return Ok(None) };
        let have = file.read_up_to(offset, room)? / Record::BYTES;
        let whole = self.buffer.as_slice().try_into().expect("the buffer has the length of a chunk");
        let places = record_places(whole).expect("the buffer is aligned");
        let places = places.iter().skip(first).take(have);
        records.extend(places.take_while(|record| record.word().is_committed()));
        Ok(None)
    }
}
