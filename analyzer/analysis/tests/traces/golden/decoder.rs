//! A second decoder, after `docs/format.md` alone: it shares nothing with the first, and takes the simplest way.

const HEADER: usize = 4096;
const FIRST: usize = 8192;
const CHUNK: usize = 65536;
const HEAD: usize = 128;
const RECORD: usize = 32;

/// What lies in the place of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nobody has written there.
    Free,
    /// A chunk with a seal that fits.
    Sealed,
    /// A chunk that is not sealed.
    Open,
    /// Something that was written and is no chunk of this log any more.
    Damaged,
}

/// A record and its extension, as bytes without the record's time.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether a reader of version 1 reads the file at all.
pub(crate) fn is_readable(log: &[u8]) -> bool {
    log.len() >= HEADER
        && log[..8] == *b"\x89MTRC\r\n\x1a"
        && number(log, 4092, 4) == u64::from(crc32fast::hash(&log[..4092]))
}

/// The places of chunks that are wholly in the file, in the order of the file.
pub(crate) fn places(log: &[u8]) -> Vec<Place> {
    let session = number(log, 32, 8);
    log[FIRST.min(log.len())..].chunks_exact(CHUNK).map(|chunk| place(chunk, session)).collect()
}

fn place(chunk: &[u8], session: u64) -> Place {
    let (length, crc) = (number(chunk, 120, 4) as usize, number(chunk, 124, 4));
    if chunk[..4] == [0; 4] {
        return Place::Free;
    }
    let is_chunk = chunk[..4] == *b"MTCK" && number(chunk, 6, 2) == 128 && number(chunk, 8, 8) == session;
    if !is_chunk || !(1..=3).contains(&chunk[4]) || length > CHUNK - HEAD {
        return Place::Damaged;
    }
    if (length, crc) == (0, 0) {
        return Place::Open;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&chunk[..124]);
    hasher.update(&chunk[HEAD..HEAD + length]);
    if u64::from(hasher.finalize()) == crc { Place::Sealed } else { Place::Damaged }
}

/// The thread of the chunk in this place, and its events; of other chunks there are none.
pub(crate) fn events(log: &[u8], place: usize) -> (u32, Vec<Entry>) {
    let chunk = &log[FIRST + place * CHUNK..][..CHUNK];
    if chunk[4] != 1 || chunk[..4] == [0; 4] {
        return (0, Vec::new());
    }
    let length = match number(chunk, 120, 4) as usize {
        0 => CHUNK - HEAD,
        length => length,
    };
    let mut events = Vec::new();
    let mut at = HEAD;
    while at + RECORD <= HEAD + length && number(chunk, at + 24, 8) != 0 {
        let record = &chunk[at..at + RECORD];
        at += RECORD;
        let extended = record[31] & 1 != 0;
        let extension = if extended { chunk[at..at + RECORD].to_vec() } else { Vec::new() };
        at += extension.len();
        events.push((record[8..].to_vec(), extension));
    }
    (number(chunk, 24, 4) as u32, events)
}

/// The bytes of a chunk that anybody has written, up to the end of the last record: that may be zeros, and is a part of it.
pub(crate) fn used(log: &[u8], place: usize) -> std::ops::Range<usize> {
    let start = FIRST + place * CHUNK;
    let (records, _) = log[start..start + CHUNK].as_chunks::<RECORD>();
    let used = records.iter().rposition(|record| *record != [0; RECORD]).map_or(0, |last| last + 1);
    start..start + used * RECORD
}
