//! The chunk: 64 KiB of the file, filled by one thread at a time.

use core::{iter, ops::Range};

use rkyv::rancor::Failure;
use thiserror::Error;

use crate::{
    Calibration, DropCounts, Kind, Record, ThreadId, Ticks,
    bytes::{Field, crc32},
    closing::{CLOSING_OFFSET, Closing},
};

/// The size of a chunk, and so the distance from one to the next.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Where the first chunk lies: behind the header and the closing block.
pub const FIRST_CHUNK_OFFSET: usize = CLOSING_OFFSET + Closing::BYTES;

/// The most records that a chunk holds.
pub const CHUNK_RECORDS: usize = (CHUNK_BYTES - ChunkHeader::BYTES) / Record::BYTES;

/// The first four bytes of a chunk. A writer stores them after the rest of the header: until then the chunk is free.
pub const CHUNK_MAGIC: [u8; 4] = *b"MTCK";

/// Where a chunk header's fields lie, counted from its beginning.
#[allow(missing_docs, reason = "each is the field of that name")]
pub mod field {
    use super::{Calibration, DropCounts, Field};

    pub const MAGIC: Field = Field::first(4);
    pub const KIND: Field = MAGIC.then(1);
    pub const FLAGS: Field = KIND.then(1);
    pub const HEADER_BYTES: Field = FLAGS.then(2);
    pub const SESSION: Field = HEADER_BYTES.then(8);
    pub const SEQUENCE: Field = SESSION.then(8);
    pub const THREAD: Field = SEQUENCE.then(4);
    pub const RESERVED_2: Field = THREAD.then(4);
    pub const THREAD_SEQUENCE: Field = RESERVED_2.then(8);
    pub const BASE_TIME: Field = THREAD_SEQUENCE.then(8);
    pub const CALIBRATION: Field = BASE_TIME.then(Calibration::BYTES);
    pub const DROPS: Field = CALIBRATION.then(DropCounts::BYTES);
    pub const LENGTH: Field = DROPS.then(4);
    pub const CRC: Field = LENGTH.then(4);
}

crate::place::numbered! {
    /// What a chunk holds.
    ChunkKind {
        /// Records of one thread, in the order in which it made them.
        Events = 1, "events";
        /// Definitions.
        Definitions = 2, "definitions";
        /// Records that stand for what was recycled (ring mode).
        Baseline = 3, "baseline";
        /// Records of several threads, one behind the other: each of them ended and left its room to the next.
        Shared = 4, "events of several threads";
    }
}

impl ChunkKind {
    /// Whether it holds what threads recorded.
    pub const fn has_events(self) -> bool {
        matches!(self, Self::Events | Self::Shared)
    }
}

/// The beginning of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What the chunk holds.
    pub kind: ChunkKind,
    /// The low half of the file header's session id.
    pub session: u64,
    /// Counts the chunks of the file in the order in which they were handed out.
    pub sequence: u64,
    /// The thread that fills it, the first if there are several; none for definitions.
    pub thread: ThreadId,
    /// Counts the chunks of the thread, and its parts of shared ones.
    pub thread_sequence: u64,
    /// When the thread got the chunk.
    pub base_time: Ticks,
    /// The clocks at about the time the chunk was prepared.
    pub calibration: Calibration,
    /// What the thread had lost until then.
    pub drops: DropCounts,
    /// The bytes in use behind the header and the checksum of all that, once the chunk is full or given up.
    pub seal: Option<Seal>,
}

/// The end of a chunk that nobody writes to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The bytes in use behind the header.
    pub length: u32,
    /// CRC-32 of the header up to this field and of the bytes in use.
    pub crc: u32,
}

impl ChunkHeader {
    /// The size of the header in the file.
    pub const BYTES: usize = 128;

    /// The header's bytes in the file.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        field::MAGIC.put(&mut bytes, &CHUNK_MAGIC);
        field::KIND.put(&mut bytes, &[self.kind as u8]);
        field::HEADER_BYTES.put(&mut bytes, &(Self::BYTES as u16).to_le_bytes());
        field::SESSION.put(&mut bytes, &self.session.to_le_bytes());
        field::SEQUENCE.put(&mut bytes, &self.sequence.to_le_bytes());
        field::THREAD.put(&mut bytes, &self.thread.0.to_le_bytes());
        field::THREAD_SEQUENCE.put(&mut bytes, &self.thread_sequence.to_le_bytes());
        field::BASE_TIME.put(&mut bytes, &self.base_time.0.to_le_bytes());
        self.calibration.write(field::CALIBRATION, &mut bytes);
        field::DROPS.put(&mut bytes, &self.drops.to_bytes());
        if let Some(seal) = self.seal {
            seal.write(&mut bytes);
        }
        bytes
    }

    /// Reads the header of a chunk. `Ok(None)`: the chunk was never handed out.
    ///
    /// # Errors
    ///
    /// The chunk is not one of this session, or its header is damaged.
    pub fn parse(bytes: &[u8; Self::BYTES], session: u64) -> Result<Option<Self>, ChunkError> {
        let magic = field::MAGIC.of(bytes);
        if magic == [0; 4] {
            return Ok(None);
        }
        if magic != CHUNK_MAGIC || field::HEADER_BYTES.read_u16(bytes) as usize != Self::BYTES {
            return Err(ChunkError::NotAChunk);
        }
        if field::SESSION.read_u64(bytes) != session {
            return Err(ChunkError::Session);
        }
        let [kind] = field::KIND.array(bytes);
        let seal = Seal { length: field::LENGTH.read_u32(bytes), crc: field::CRC.read_u32(bytes) };
        if seal.length as usize > CHUNK_BYTES - Self::BYTES {
            return Err(ChunkError::Length { found: seal.length });
        }
        Ok(Some(Self {
            kind: ChunkKind::decode(kind).ok_or(ChunkError::Kind { found: kind })?,
            session,
            sequence: field::SEQUENCE.read_u64(bytes),
            thread: ThreadId(field::THREAD.read_u32(bytes)),
            thread_sequence: field::THREAD_SEQUENCE.read_u64(bytes),
            base_time: Ticks(field::BASE_TIME.read_u64(bytes)),
            calibration: Calibration::read(field::CALIBRATION, bytes),
            drops: DropCounts::read(field::DROPS.of(bytes)),
            seal: (seal.length != 0 || seal.crc != 0).then_some(seal),
        }))
    }
}

impl Seal {
    /// Writes the seal into the header that it was made for.
    pub(crate) fn write(&self, header: &mut [u8; ChunkHeader::BYTES]) {
        field::LENGTH.put(header, &self.length.to_le_bytes());
        field::CRC.put(header, &self.crc.to_le_bytes());
    }
}

/// The seal for a chunk whose header (with magic and flags, without seal) and used bytes these are.
pub fn seal(header: &[u8; ChunkHeader::BYTES], used: &[u8]) -> Seal {
    let length = used.len() as u32;
    Seal { length, crc: crc32(&[&header[..field::LENGTH.offset], &length.to_le_bytes(), used]) }
}

/// The flag of a chunk of events whose times step back.
const STEPS_BACK: u8 = 1;

/// Whether [`flag_steps_back`] has set the flag in this header.
pub fn steps_back(header: &[u8; ChunkHeader::BYTES]) -> bool {
    let [flags] = field::FLAGS.array(header);
    flags & STEPS_BACK != 0
}

/// Sets the flag in the header of a chunk of events if its thread got it before `from`, or if, among its records, whose bytes
/// `used` are, one is earlier than the one before it; the last is held against `to`. Whether it did. Call it before [`seal`].
///
/// The first record is not held against the time at which its thread got the chunk: the event that needs a chunk has its time
/// before there is one.
pub fn flag_steps_back(
    header: &mut [u8; ChunkHeader::BYTES],
    used: &[u8],
    from: Ticks,
    to: Option<Ticks>,
) -> bool {
    let [kind] = field::KIND.array(header);
    let has_events = ChunkKind::decode(kind).is_some_and(ChunkKind::has_events);
    let taken = Ticks(field::BASE_TIME.read_u64(header));
    let found = has_events && !(from <= taken && are_in_order(used, to));
    if found {
        field::FLAGS.put(header, &[STEPS_BACK]);
    }
    found
}

fn are_in_order(used: &[u8], to: Option<Ticks>) -> bool {
    let records = used.as_chunks::<{ Record::BYTES }>().0;
    let mut latest = Ticks(0);
    records.iter().filter(|record| record[Record::KIND_OFFSET] != Kind::Extension as u8).all(|record| {
        let (time, _) = record.split_first_chunk().expect("a record is longer than its time");
        let time = Ticks(u64::from_le_bytes(*time));
        let in_order = time >= latest;
        // What a thread recorded first is older than its taking the chunk over.
        latest = if record[Record::KIND_OFFSET] == Kind::HandedOver as u8 { Ticks(0) } else { time };
        in_order
    }) && to.is_none_or(|to| to >= latest)
}

/// What one thread recorded in a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The thread.
    pub thread: ThreadId,
    /// As in a chunk's header.
    pub thread_sequence: u64,
    /// Which of the chunk's records they are.
    pub records: Range<usize>,
}

/// The parts of a chunk of events with these records.
pub fn parts(header: &ChunkHeader, records: &[Record]) -> impl Iterator<Item = Part> {
    let shared = header.kind == ChunkKind::Shared;
    let mut next = Some((header.thread, header.thread_sequence, 0));
    iter::from_fn(move || {
        let (thread, thread_sequence, first) = next.take()?;
        let rest = records.get(first..).filter(|_| shared).unwrap_or_default();
        let end = rest.iter().position(|record| record.word().kind() == Some(Kind::HandedOver));
        let end = end.map_or(records.len(), |length| first + length);
        next = records.get(end).map(|over| (ThreadId(over.word().id()), over.value(), end + 1));
        Some(Part { thread, thread_sequence, records: first..end })
    })
}

/// The bytes behind the header that a reader may look at: all that the seal vouches for, or all there are if the chunk
/// is not sealed.
///
/// # Errors
///
/// The checksum does not match.
pub fn checked_body<'a>(chunk: &'a [u8; CHUNK_BYTES], header: &ChunkHeader) -> Result<&'a [u8], ChunkError> {
    let (head, body) =
        chunk.split_first_chunk::<{ ChunkHeader::BYTES }>().expect("a chunk is longer than its header");
    let Some(expected) = header.seal else {
        return Ok(body);
    };
    let used = body.get(..expected.length as usize).ok_or(ChunkError::Length { found: expected.length })?;
    if seal(head, used) != expected {
        return Err(ChunkError::Checksum);
    }
    Ok(used)
}

/// Every record place of a chunk, written or not, read where it lies.
///
/// # Errors
///
/// `chunk` does not start at a multiple of 8 in memory.
pub fn record_places(chunk: &[u8; CHUNK_BYTES]) -> Result<&[Record], ChunkError> {
    rkyv::access::<[Record; CHUNK_RECORDS], Failure>(&chunk[ChunkHeader::BYTES..])
        .map(|records| records.as_slice())
        .map_err(|_| ChunkError::Alignment)
}

/// Why a chunk cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// It does not begin like a chunk.
    #[error("it does not begin like a chunk")]
    NotAChunk,
    /// It belongs to another recording.
    #[error("it belongs to another recording")]
    Session,
    /// A later version added its kind, or the header is damaged.
    #[error("its kind is {found}, which this program does not know")]
    Kind {
        /// The number of the kind.
        found: u8,
    },
    /// It claims to be longer than a chunk is.
    #[error("it claims {found} bytes, more than a chunk holds")]
    Length {
        /// The length that the header gives.
        found: u32,
    },
    /// Its bytes are not those that were sealed.
    #[error("its checksum does not match its bytes")]
    Checksum,
    /// The caller's buffer is not aligned.
    #[error("the buffer does not start at a multiple of 8")]
    Alignment,
}
const _: () = {
    assert!(field::CRC.end() == ChunkHeader::BYTES);
    assert!(ChunkHeader::BYTES.is_multiple_of(16));
    assert!(FIRST_CHUNK_OFFSET.is_multiple_of(4096));
    assert!(CHUNK_RECORDS * Record::BYTES + ChunkHeader::BYTES == CHUNK_BYTES);
};

#[cfg(test)]
mod tests;
