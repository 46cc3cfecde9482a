//! Logs: changed in what they say, with checksums that are right again.

use fastrand::Rng;
use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, ChunkHeader, Closing, FIRST_CHUNK_OFFSET, FileHeader, chunk,
    definition::{self, ENTRY_ALIGNMENT, ENTRY_HEADER_BYTES},
};

use crate::changes::change;

/// A log of version 1 with every kind of event and definition.
pub(crate) const GOLDEN: &[u8] = include_bytes!("../../../format/tests/golden/v1.trace");

/// Changes a log.
pub(crate) fn mutate(random: &mut Rng, log: &mut Vec<u8>) {
    rearrange(random, log);
    for _ in 0..=random.usize(..6) {
        let starts = log.len().saturating_sub(FIRST_CHUNK_OFFSET).div_ceil(CHUNK_BYTES);
        let start = FIRST_CHUNK_OFFSET + random.usize(..starts.max(1)) * CHUNK_BYTES;
        let end = (start + CHUNK_BYTES).min(log.len());
        let head = (start + ChunkHeader::BYTES).min(end);
        let used = log.get(head..end).and_then(|body| body.iter().rposition(|byte| *byte != 0)).unwrap_or(0);
        let within = match random.u8(..16) {
            0 => 0..FileHeader::BYTES.min(112),
            1 => CLOSING_OFFSET..CLOSING_OFFSET + 128,
            2..=4 => start..head,
            _ => head..(head + used + 40).min(end),
        };
        if within.end <= log.len() && within.start <= within.end {
            change(random, log, within);
        }
    }
    if random.u8(..8) > 0 {
        repair(log);
    }
    if random.u8(..64) == 0 {
        log.truncate(random.usize(..log.len()));
    }
}

/// Moves and repeats whole chunks, and records within them.
fn rearrange(random: &mut Rng, log: &mut Vec<u8>) {
    let chunks = (log.len() - FIRST_CHUNK_OFFSET) / CHUNK_BYTES;
    if chunks == 0 || random.u8(..4) > 0 {
        return;
    }
    let place = |random: &mut Rng| FIRST_CHUNK_OFFSET + random.usize(..chunks) * CHUNK_BYTES;
    let (from, to) = (place(random), place(random));
    match random.u8(..4) {
        0 => log.copy_within(from..from + CHUNK_BYTES, to),
        1 if chunks < 8 => log.extend_from_within(from..from + CHUNK_BYTES),
        _ => {
            let body = ChunkHeader::BYTES + random.usize(..40) * 32;
            let length = random.usize(1..=8) * 32;
            log.copy_within(
                from + body..from + body + length,
                to + ChunkHeader::BYTES + random.usize(..40) * 32,
            );
        }
    }
}

/// Every checksum as a writer of just these bytes would have made it.
pub(crate) fn repair(log: &mut [u8]) {
    let crc = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
    for (start, length) in [(0, FileHeader::BYTES), (CLOSING_OFFSET, Closing::BYTES)] {
        if let Some(block) = log.get_mut(start..start + length) {
            let (bytes, end) = block.split_at_mut(length - 4);
            end.copy_from_slice(&crc(bytes));
        }
    }
    let chunks = log.get_mut(FIRST_CHUNK_OFFSET..).unwrap_or_default().chunks_exact_mut(CHUNK_BYTES);
    for bytes in chunks {
        let (head, body) =
            bytes.split_first_chunk_mut::<{ ChunkHeader::BYTES }>().expect("a chunk is longer");
        if head[chunk::field::KIND.offset] == 2 {
            repair_definitions(body);
        }
        let length = &head[chunk::field::LENGTH.offset..chunk::field::LENGTH.end()];
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let sealed = head[chunk::field::LENGTH.offset..].iter().any(|byte| *byte != 0);
        if let Some(used) = body.get(..length).filter(|_| sealed) {
            let seal = chunk::seal(head, used);
            head[chunk::field::CRC.offset..].copy_from_slice(&seal.crc.to_le_bytes());
        }
    }
}

fn repair_definitions(body: &mut [u8]) {
    let field = definition::field::CRC;
    let mut at = 0;
    while let Some(entry) = body.get_mut(at..).filter(|entry| entry.len() >= ENTRY_HEADER_BYTES) {
        let length = u32::from_le_bytes(entry[..4].try_into().expect("four bytes")) as usize;
        let Some(archive) = entry.get(ENTRY_HEADER_BYTES..).and_then(|rest| rest.get(..length)) else {
            return;
        };
        if length == 0 {
            return;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&entry[..field.offset]);
        hasher.update(archive);
        let crc = hasher.finalize();
        entry[field.offset..field.end()].copy_from_slice(&crc.to_le_bytes());
        at += (ENTRY_HEADER_BYTES + length).next_multiple_of(ENTRY_ALIGNMENT);
    }
}
