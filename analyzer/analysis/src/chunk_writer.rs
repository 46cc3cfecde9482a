//! Writes a log: definitions when they come up, events by thread, chunks where they are begun.
//!
//! A chunk has its place in the file from its beginning and is written when it is full, so that definitions and the events of
//! several threads can be filled side by side, each in memory of one chunk.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
};

use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, Calibration, ChunkBuilder, ChunkFull, ChunkHeader, ChunkKind, Closing,
    Definition, DropCounts, Event, FIRST_CHUNK_OFFSET, FileHeader, RING, ThreadId, Ticks,
};

/// A log in the making.
#[derive(Debug)]
pub struct ChunkWriter {
    file: File,
    session: u64,
    /// What every chunk says of the clock.
    calibration: Calibration,
    chunks: u64,
    definitions: Option<Chunk>,
    lanes: BTreeMap<ThreadId, Lane>,
    baseline: Option<Baseline>,
}

/// A chunk that is being filled, and where it will lie.
#[derive(Debug)]
struct Chunk {
    builder: ChunkBuilder,
    offset: u64,
}

/// The events that one thread has recorded, or what stands for a thread.
#[derive(Debug, Default)]
struct Lane {
    chunk: Option<Chunk>,
    chunks: u64,
}

#[derive(Debug)]
struct Baseline {
    chunk: Chunk,
    chunks: u64,
    /// The instant that it describes.
    at: Ticks,
}

impl ChunkWriter {
    /// Begins a log in an empty file.
    pub fn new(file: File, session: u64, calibration: Calibration) -> Self {
        let (chunks, definitions, lanes, baseline) = (0, None, BTreeMap::new(), None);
        Self { file, session, calibration, chunks, definitions, lanes, baseline }
    }

    /// Goes on behind so many chunks, which somebody else has written.
    pub(crate) fn behind(chunks: u64, file: File, session: u64, calibration: Calibration) -> Self {
        Self { chunks, ..Self::new(file, session, calibration) }
    }

    /// Adds an event of a thread. Times of a thread do not step back.
    pub fn event(&mut self, thread: ThreadId, time: Ticks, event: &Event) -> io::Result<()> {
        let lane = self.lanes.entry(thread).or_default();
        if let Some(chunk) = &mut lane.chunk {
            if chunk.builder.event(time, event).is_ok() {
                return Ok(());
            }
            if let Some(full) = lane.chunk.take() {
                full.write(&self.file)?;
            }
        }
        let thread_sequence = lane.chunks;
        lane.chunks += 1;
        let header = ChunkHeader { thread, thread_sequence, ..self.header(ChunkKind::Events, time) };
        let mut chunk = self.begin(header);
        chunk.builder.event(time, event).map_err(too_long)?;
        self.lanes.entry(thread).or_default().chunk = Some(chunk);
        Ok(())
    }

    /// Adds a record to the baseline, which describes the instant `at`.
    pub fn baseline(&mut self, at: Ticks, time: Ticks, event: &Event) -> io::Result<()> {
        let chunks = match &mut self.baseline {
            Some(baseline) => {
                if baseline.chunk.builder.event(time, event).is_ok() {
                    return Ok(());
                }
                baseline.chunks
            }
            None => 0,
        };
        let header =
            ChunkHeader { sequence: 0, thread_sequence: chunks, ..self.header(ChunkKind::Baseline, at) };
        let mut chunk = self.begin(header);
        chunk.builder.event(time, event).map_err(too_long)?;
        match self.baseline.replace(Baseline { chunk, chunks: chunks + 1, at }) {
            Some(full) => full.chunk.write(&self.file),
            None => Ok(()),
        }
    }

    /// Says what an id stands for.
    pub fn define(&mut self, definition: &Definition) -> io::Result<()> {
        if let Some(chunk) = &mut self.definitions {
            if chunk.builder.definition(definition).is_ok() {
                return Ok(());
            }
            if let Some(full) = self.definitions.take() {
                full.write(&self.file)?;
            }
        }
        let header = self.header(ChunkKind::Definitions, self.calibration.ticks);
        let mut chunk = self.begin(header);
        chunk.builder.definition(definition).map_err(too_long)?;
        self.definitions = Some(chunk);
        Ok(())
    }

    /// Writes what is not written yet, the closing block and, last of all, the header: before that the file is no log.
    pub fn finish(mut self, header: FileHeader, closing: &Closing) -> io::Result<File> {
        self.end_baseline()?;
        let incompatible = header.incompatible | if self.baseline.is_some() { RING } else { 0 };
        let open = self.lanes.into_values().filter_map(|lane| lane.chunk);
        let baseline = self.baseline.map(|baseline| baseline.chunk);
        for chunk in open.chain(self.definitions).chain(baseline) {
            chunk.write(&self.file)?;
        }
        self.file.write_all_at(&closing.to_bytes(self.session), CLOSING_OFFSET as u64)?;
        self.file.write_all_at(&FileHeader { incompatible, ..header }.to_bytes(), 0)?;
        Ok(self.file)
    }

    /// The last record says how many chunks there are, its own included.
    fn end_baseline(&mut self) -> io::Result<()> {
        let Some(Baseline { chunk, chunks, at }) = &mut self.baseline else { return Ok(()) };
        let (chunks, at) = (*chunks, *at);
        if chunk.builder.event(at, &Event::BaselineEnd { chunks }).is_ok() {
            return Ok(());
        }
        self.baseline(at, at, &Event::BaselineEnd { chunks: chunks + 1 })
    }

    /// A chunk at the next free place.
    fn begin(&mut self, header: ChunkHeader) -> Chunk {
        let offset = FIRST_CHUNK_OFFSET as u64 + self.chunks * CHUNK_BYTES as u64;
        self.chunks += 1;
        Chunk { builder: ChunkBuilder::new(header), offset }
    }

    fn header(&self, kind: ChunkKind, base_time: Ticks) -> ChunkHeader {
        ChunkHeader {
            kind,
            session: self.session,
            sequence: self.chunks,
            thread: ThreadId::NONE,
            thread_sequence: 0,
            base_time,
            calibration: self.calibration,
            drops: DropCounts::default(),
            seal: None,
        }
    }
}

impl Chunk {
    fn write(self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.builder.finish()[..], self.offset)
    }
}

/// What this program writes fits an empty chunk; a definition that somebody else wrote may not.
fn too_long(ChunkFull: ChunkFull) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a record or a definition does not fit a chunk")
}
