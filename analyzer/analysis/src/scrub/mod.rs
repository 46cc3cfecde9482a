//! A trace with pseudonyms in place of names. Every figure stays as it was.
//!
//! Chunks stay where they are, and records keep their places, times, sizes and ids; addresses of each heap are moved together, and
//! definitions are written anew. `docs/scrub.md` says what goes, what stays, and what a pseudonym gives away.

mod addresses;
mod definitions;
mod pseudonyms;

pub use definitions::Keep;
pub use pseudonyms::Key;

use std::{fs::File, io, os::unix::fs::FileExt as _};

use memtrace_format::{
    CHUNK_BYTES, Calibration, ChunkHeader, ChunkKind, Closing, Ending, Field, FileHeader, Record, Ticks,
    chunk::{checked_body, field, seal},
};

use crate::{
    chunk_writer::ChunkWriter,
    pack::PackError,
    report::CUT,
    source::{FREE_RUN, Log, packed::chunk_offset},
};
use addresses::Addresses;
use definitions::Definitions;

/// What scrubbing did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scrubbed {
    /// How many names were replaced.
    pub replaced: u64,
    /// Examples of what is in the trace as it was recorded: names that are kept, the first ones.
    pub kept: Vec<String>,
    /// Damaged chunks, which are left out.
    pub damaged: u64,
}

/// Writes a trace into `log`, an empty file, with pseudonyms for all names but those of kinds to `keep`.
///
/// # Errors
///
/// The trace cannot be read, or the log cannot be written.
pub fn scrub(trace: &Log, key: &Key, keep: &Keep, log: &File) -> Result<Scrubbed, PackError> {
    let session =
        key.number("session", u64::from_le_bytes(*key.bytes().first_chunk().expect("a key is longer")));
    let mut scrubbed = Scrubbed::default();
    let mut addresses = Addresses::default();
    each_chunk(trace, |_, chunk| {
        if let Some((.., body)) = chunk {
            addresses.meet(trace, body);
        }
        Ok(())
    })?;
    let mut free = 0;
    each_chunk(trace, |number, chunk| {
        let Some((header, head, body)) = chunk else {
            scrubbed.damaged += 1;
            return Ok(());
        };
        if header.kind == ChunkKind::Definitions {
            return Ok(());
        }
        free = number + 1;
        addresses.rebase(trace, body);
        let mut new = *head;
        let mut put = |field: Field, bytes: &[u8]| new[field.offset..][..bytes.len()].copy_from_slice(bytes);
        put(field::SESSION, &session.to_le_bytes());
        if let Some(was) = header.seal {
            let seal = seal(&new, &body[..was.length as usize]);
            let mut put =
                |field: Field, bytes: &[u8]| new[field.offset..][..bytes.len()].copy_from_slice(bytes);
            put(field::CRC, &seal.crc.to_le_bytes());
        }
        log.write_all_at(&new, chunk_offset(number))?;
        log.write_all_at(body, chunk_offset(number) + ChunkHeader::BYTES as u64)
    })?;
    let mut definitions = Definitions::new(trace, key, keep)?;
    let start = trace.header().start;
    let mut out = ChunkWriter::behind(free, log.try_clone()?, session, start);
    let mut written = Ok(());
    trace.each_definition(|definition| {
        if written.is_ok() {
            written = out.define(&definitions.scrubbed(definition));
        }
    })?;
    written?;
    (scrubbed.replaced, scrubbed.kept) = definitions.told();
    let closing = match trace.closing() {
        Some(closing) => {
            let is_ours = closing.text.is_empty() || closing.text == CUT;
            let text = if is_ours { closing.text.clone() } else { "(scrubbed)".to_owned() };
            Closing { text, ..closing.clone() }
        }
        None => {
            let end = Calibration { ticks: Ticks(0), ..start };
            Closing { ending: Ending::Running, end, drops: Default::default(), text: String::new() }
        }
    };
    out.finish(FileHeader { session: session.into(), boot: 0, pid: 0, ..*trace.header() }, &closing)?;
    Ok(scrubbed)
}

/// A chunk: what it says of itself, and what is behind that.
type Chunk<'a> = (ChunkHeader, &'a [u8; ChunkHeader::BYTES], &'a mut [u8]);

/// Hands every chunk that is used to `each`, with its number; none for one that is damaged.
fn each_chunk(
    trace: &Log,
    mut each: impl FnMut(u64, Option<Chunk<'_>>) -> io::Result<()>,
) -> Result<(), PackError> {
    let session = trace.header().short_session();
    let mut piece: Box<[u8; CHUNK_BYTES]> =
        vec![0; CHUNK_BYTES].try_into().expect("it has the length of a chunk");
    let mut free_run = 0;
    for number in 0.. {
        if chunk_offset(number) >= trace.file.bytes() || free_run == FREE_RUN {
            break;
        }
        piece.fill(0);
        trace.file.read_up_to(chunk_offset(number), &mut piece[..])?;
        let head = *piece.first_chunk().expect("a chunk is longer than its header");
        let sound = match ChunkHeader::parse(&head, session) {
            Ok(None) => {
                free_run += 1;
                continue;
            }
            Ok(Some(header)) => checked_body(&piece, &header).is_ok().then_some(header),
            Err(_) => None,
        };
        free_run = 0;
        let (_, body) = piece.split_at_mut(ChunkHeader::BYTES);
        each(number, sound.map(|header| (header, &head, body)))?;
    }
    Ok(())
}

/// The records of a body.
fn records(body: &mut [u8]) -> &mut [[u8; Record::BYTES]] {
    body.as_chunks_mut().0
}
