//! Packs a log.

use std::{
    collections::BTreeMap,
    io::{self, Seek, Write},
};

use memtrace_format::{Bytes, CHUNK_BYTES, ChunkHeader, ChunkKind, FIRST_CHUNK_OFFSET};
use rayon::prelude::*;

use crate::source::packed::{
    HEAD, archive, chunk_offset,
    frame::{self, BODIES, FrameKind, HEADS, Preamble},
};
use crate::{
    Progress, ReadError,
    source::{FREE_RUN, Log, LogFile},
};

/// So many frames are made at a time, by all processors together.
const AT_ONCE: usize = 16;

/// As many threads as this have frames of full length. More have shorter ones, so that a reader who goes through all threads side
/// by side needs no more memory.
const THREADS: usize = crate::source::packed::reader::CACHED / (BODIES * CHUNK_BYTES);

/// What packing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// The length of the log.
    pub log_bytes: Bytes,
    /// The length of what was made of it.
    pub packed_bytes: Bytes,
}

/// Why a log is not packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is made of it cannot be written.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Packs a trace into `archive`, an empty file, as an entry of this name. Behind it come others, each a name and its content.
/// `watch` is told how far it has come.
///
/// # Errors
///
/// The log cannot be read or the archive cannot be written.
pub fn pack(
    trace: &Log,
    name: &str,
    beside: &[(&str, &[u8])],
    archive: impl Write + Seek,
    watch: &mut dyn FnMut(Progress),
) -> Result<Packed, PackError> {
    let file = &trace.file;
    let mut archive = archive::begin(archive, name, file.bytes())?;
    let mut beginning = vec![0; FIRST_CHUNK_OFFSET];
    let have = file.read_up_to(0, &mut beginning)?;
    beginning.truncate(have);
    let preamble = Preamble { log_bytes: file.bytes() };
    archive.write_all(&preamble.to_bytes())?;
    archive.write_all(&frame::encode(FrameKind::Beginning, Vec::new(), &[beginning.into()])?)?;
    let mut frames = Frames {
        out: &mut archive,
        session: trace.header().short_session(),
        bodies: (BODIES * THREADS / trace.directory.threads.len().max(1)).clamp(1, BODIES),
        heads: Pieces::default(),
        records: BTreeMap::new(),
        other: Pieces::default(),
        ready: Vec::new(),
    };
    frames.chunks(file, watch)?;
    archive.write_all(&frame::encode(FrameKind::End, Vec::new(), &[])?)?;
    beside.iter().try_for_each(|(name, content)| archive::add(&mut archive, name, content))?;
    let packed_bytes = Bytes(archive::end(archive)?);
    Ok(Packed { log_bytes: Bytes(file.bytes()), packed_bytes })
}

/// Parts of chunks that wait for a frame to be full.
#[derive(Default)]
struct Pieces {
    chunks: Vec<u64>,
    pieces: Vec<Box<[u8]>>,
}

struct Frames<'a, W: Write> {
    out: &'a mut W,
    session: u64,
    /// How many bodies go into a frame.
    bodies: usize,
    heads: Pieces,
    /// The records of each thread.
    records: BTreeMap<u32, Pieces>,
    other: Pieces,
    /// What is still to be packed.
    ready: Vec<(FrameKind, Pieces)>,
}

impl<W: Write> Frames<'_, W> {
    fn chunks(&mut self, file: &LogFile, watch: &mut dyn FnMut(Progress)) -> Result<(), PackError> {
        let total = Bytes(file.bytes());
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut free_run = 0;
        for number in 0.. {
            let offset = chunk_offset(number);
            if offset >= file.bytes() || free_run == FREE_RUN {
                break;
            }
            watch(Progress { done: Bytes(offset), total });
            let have = file.read_up_to(offset, &mut chunk)?;
            chunk[have..].fill(0);
            free_run = if chunk.iter().all(|&byte| byte == 0) { free_run + 1 } else { 0 };
            if free_run == 0 {
                self.chunk(number, &chunk)?;
            }
        }
        let records = std::mem::take(&mut self.records).into_values();
        let rest = records.map(|pieces| (FrameKind::Records, pieces)).collect::<Vec<_>>();
        let heads = (FrameKind::Heads, std::mem::take(&mut self.heads));
        self.ready.push(heads);
        self.ready.extend(rest);
        self.ready.push((FrameKind::Bytes, std::mem::take(&mut self.other)));
        self.ready.retain(|(_, pieces)| !pieces.chunks.is_empty());
        self.write()?;
        watch(Progress { done: total, total });
        Ok(())
    }

    fn chunk(&mut self, number: u64, chunk: &[u8]) -> io::Result<()> {
        let (head, body) = chunk.split_at(HEAD);
        let parsed = head.first_chunk().map(|head| ChunkHeader::parse(head, self.session));
        let header = parsed.and_then(|header| header.ok().flatten());
        let records = header.filter(|header| header.kind != ChunkKind::Definitions);
        let (kind, bodies) = match records {
            Some(header) => (FrameKind::Records, self.records.entry(header.thread.0).or_default()),
            None => (FrameKind::Bytes, &mut self.other),
        };
        if let Some(full) = bodies.with(number, body, self.bodies) {
            self.ready.push((kind, full));
        }
        if let Some(full) = self.heads.with(number, head, HEADS) {
            self.ready.push((FrameKind::Heads, full));
        }
        if self.ready.len() >= AT_ONCE { self.write() } else { Ok(()) }
    }

    /// Packs what is ready, and writes it in the order in which it came.
    fn write(&mut self) -> io::Result<()> {
        let ready = std::mem::take(&mut self.ready).into_par_iter();
        let frames: Vec<_> =
            ready.map(|(kind, pieces)| frame::encode(kind, pieces.chunks, &pieces.pieces)).collect();
        frames.into_iter().try_for_each(|frame| self.out.write_all(&frame?))
    }
}

impl Pieces {
    /// Adds a piece. All of them, if these are as many as there can be.
    fn with(&mut self, chunk: u64, piece: &[u8], most: usize) -> Option<Self> {
        self.chunks.push(chunk);
        self.pieces.push(piece.into());
        (self.chunks.len() >= most).then(|| std::mem::take(self))
    }
}
