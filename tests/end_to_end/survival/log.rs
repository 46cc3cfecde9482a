use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
};

use memtrace_format::{
    CHUNK_BYTES, Calibration, ChunkHeader, ChunkKind, Closing, Definition, DropCounts, Event,
    FIRST_CHUNK_OFFSET, FileHeader, Folded, Kind, RING, Record, ThreadId, Ticks, Word, chunk, definitions,
};

/// A whole log. Whatever is wrong with it is a panic.
pub(crate) struct Log {
    pub(crate) header: FileHeader,
    pub(crate) closing: Option<Closing>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) threads: BTreeMap<ThreadId, Thread>,
    /// In a ring: the events of the newest whole baseline.
    pub(crate) baseline: Vec<Event>,
    /// How many chunks have the flag that says that a time in them steps back.
    pub(crate) stepping_back: usize,
    /// One a chunk, and those of the header and the closing block.
    pub(crate) calibrations: Vec<Calibration>,
}

/// What one thread recorded, in its order.
#[derive(Default)]
pub(crate) struct Thread {
    pub(crate) events: Vec<(Ticks, Event)>,
    /// What each of its chunks says it had lost by then, and how many of `events` lie before the chunk.
    pub(crate) losses: Vec<(usize, DropCounts)>,
    /// The bytes left in its last chunk.
    pub(crate) room: usize,
    /// In a ring: how many of `events` the baseline contains already.
    pub(crate) folded: usize,
    /// What its next chunk counts; none before its first.
    next_chunk: Option<u64>,
}

/// What a thread recorded in a chunk.
struct ThreadPart {
    /// As though the chunk were the thread's alone.
    header: ChunkHeader,
    /// Whether the chunk's header is of it.
    is_first: bool,
    /// The place of its first record in the chunk.
    first_record: usize,
    records: Vec<Record>,
    /// The bytes left behind it.
    room: usize,
}

/// A chunk in memory aligned as archives need it.
#[repr(align(16))]
struct Aligned([u8; CHUNK_BYTES]);

impl Log {
    pub(crate) fn read(path: &Path) -> Self {
        Self::decode(&fs::read(path).unwrap())
    }

    /// The log at `path`, if the process had got as far as to write its header.
    pub(crate) fn read_if_begun(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        bytes.iter().take(FileHeader::BYTES).any(|&byte| byte != 0).then(|| Self::decode(&bytes))
    }

    fn decode(bytes: &[u8]) -> Self {
        let header = FileHeader::parse(bytes).unwrap();
        let closing = Closing::parse(&bytes[FileHeader::BYTES..FIRST_CHUNK_OFFSET], header.short_session());
        let calibrations = [header.start].into_iter().chain(closing.as_ref().map(|closing| closing.end));
        let mut log = Self {
            header,
            calibrations: calibrations.collect(),
            closing,
            definitions: Vec::new(),
            threads: BTreeMap::new(),
            baseline: Vec::new(),
            stepping_back: 0,
        };
        let (chunks, rest) = bytes[FIRST_CHUNK_OFFSET..].as_chunks::<CHUNK_BYTES>();
        assert!(rest.is_empty(), "the log ends inside a chunk");
        let steps_back = |chunk: &&[u8; CHUNK_BYTES]| chunk::steps_back(chunk.first_chunk().unwrap());
        log.stepping_back = chunks.iter().filter(steps_back).count();
        let order: Vec<_> = chunks.iter().enumerate().filter_map(|chunk| log.parse(chunk)).collect();
        let (mut baselines, mut order): (Vec<_>, Vec<_>) =
            order.into_iter().partition(|(header, _)| header.kind == ChunkKind::Baseline);
        baselines.sort_by_key(|(header, _)| (header.sequence, header.thread_sequence));
        let whole =
            baselines.chunk_by(|(a, _), (b, _)| a.sequence == b.sequence).filter_map(baseline).next_back();
        log.baseline = whole.unwrap_or_default();
        let folded = log.folded();
        order.sort_by_key(|(header, _)| header.sequence);
        let mut parts: Vec<_> =
            order.into_iter().flat_map(|(header, chunk)| log.open(header, chunk)).collect();
        parts.sort_by_key(|part| (part.header.thread, part.header.thread_sequence));
        for part in &parts {
            log.add(part, folded.get(&part.header.thread).copied());
        }
        log
    }

    fn is_ring(&self) -> bool {
        self.header.incompatible & RING != 0
    }

    /// How far the baseline goes on each thread.
    fn folded(&self) -> BTreeMap<ThreadId, Folded> {
        let folded = self.baseline.iter().filter_map(|event| match event {
            Event::Folded(folded) => Some((folded.thread, *folded)),
            _ => None,
        });
        folded.collect()
    }

    fn parse<'a>(
        &self,
        (number, chunk): (usize, &'a [u8; CHUNK_BYTES]),
    ) -> Option<(ChunkHeader, &'a [u8; CHUNK_BYTES])> {
        let header =
            ChunkHeader::parse(chunk.first_chunk().unwrap(), self.header.short_session()).unwrap()?;
        assert!(self.is_ring() || header.sequence == number as u64);
        Some((header, chunk))
    }

    /// Reads a chunk: the definitions in it, or what each thread has recorded in it.
    fn open(&mut self, header: ChunkHeader, chunk: &[u8; CHUNK_BYTES]) -> Vec<ThreadPart> {
        self.calibrations.push(header.calibration);
        let chunk = Box::new(Aligned(*chunk));
        let body = chunk::checked_body(&chunk.0, &header).unwrap();
        if header.kind == ChunkKind::Definitions {
            self.definitions.extend(definitions(body).map(Result::unwrap));
            return Vec::new();
        }
        let (places, rest) = body.as_chunks::<{ Record::BYTES }>();
        assert!(rest.is_empty());
        let mut records: Vec<Record> = places.iter().map(record).collect();
        let committed =
            records.iter().position(|record| !record.word().is_committed()).unwrap_or(records.len());
        assert!(header.seal.is_none() || committed == records.len(), "sealed over an uncommitted record");
        let hidden = records[committed..].iter().filter(|record| record.word().is_committed());
        let hidden: Vec<_> = hidden.map(|record| record.word().kind()).collect();
        // A process dies between an extension and the record that commits it, or not at all.
        assert!(matches!(hidden[..], [] | [Some(Kind::Extension)]), "committed behind a gap: {hidden:?}");
        let room =
            (records.len() - committed) * Record::BYTES + CHUNK_BYTES - ChunkHeader::BYTES - body.len();
        records.truncate(committed);
        let mut parts: Vec<_> = chunk::parts(&header, &records)
            .map(|part| ThreadPart {
                header: ChunkHeader { thread: part.thread, thread_sequence: part.thread_sequence, ..header },
                is_first: part.records.start == 0,
                first_record: part.records.start,
                records: records[part.records].to_vec(),
                // Who has left a chunk has no end of it before itself.
                room: usize::MAX,
            })
            .collect();
        if let Some(last) = parts.last_mut() {
            last.room = room;
        }
        parts
    }

    fn add(&mut self, part: &ThreadPart, folded: Option<Folded>) {
        let ThreadPart { header, is_first, first_record, records, room } = part;
        let in_baseline = folded.map_or(0, |folded| folded.chunk);
        if header.thread_sequence < in_baseline {
            return;
        }
        let is_ring = self.is_ring();
        let thread = self.threads.entry(header.thread).or_default();
        // In a ring, a thread of which the baseline does not say how far it is folded begins anywhere.
        let first = if is_ring && folded.is_none() { header.thread_sequence } else { in_baseline };
        let expected = thread.next_chunk.unwrap_or(first);
        assert_eq!(header.thread_sequence, expected, "{} misses a chunk", header.thread);
        thread.next_chunk = Some(header.thread_sequence + 1);
        if *is_first {
            thread.losses.push((thread.events.len(), header.drops));
        }
        thread.room = *room;
        if let Some(folded) = folded.filter(|folded| folded.chunk == header.thread_sequence) {
            thread.folded =
                events(&records[..(folded.record as usize).saturating_sub(*first_record)]).count();
        }
        thread.events.extend(events(records));
    }

    /// The texts of all definitions of names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().filter_map(|definition| match definition {
            Definition::Name(_, name) => Some(name.text.as_str()),
            _ => None,
        })
    }
}

/// The events of a baseline, if all its chunks are there and sealed.
fn baseline(chunks: &[(ChunkHeader, &[u8; CHUNK_BYTES])]) -> Option<Vec<Event>> {
    let mut all = Vec::new();
    for (number, (header, chunk)) in chunks.iter().enumerate() {
        if header.thread_sequence != number as u64 || header.seal.is_none() {
            return None;
        }
        let records: Vec<Record> =
            chunk::checked_body(chunk, header).unwrap().as_chunks().0.iter().map(record).collect();
        all.extend(events(&records).map(|(_, event)| event));
    }
    let is_last = |event: &Event| matches!(event, Event::BaselineEnd { chunks: count } if *count == chunks.len() as u64);
    all.last().is_some_and(is_last).then_some(all)
}

fn record(bytes: &[u8; Record::BYTES]) -> Record {
    let [time, value, size, word] =
        [0, 8, 16, 24].map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()));
    Record::new(Ticks(time), value, size, Word::from_bits(word))
}

fn events(records: &[Record]) -> impl Iterator<Item = (Ticks, Event)> {
    let is_extension = |record: &Record| record.word().kind() == Some(Kind::Extension);
    records.iter().enumerate().filter(move |(_, record)| !is_extension(record)).map(move |(at, record)| {
        let extension = records.get(at + 1).filter(|next| is_extension(next));
        let extended = record.word().flags() & Word::EXTENDED != 0;
        assert_eq!(extended, extension.is_some(), "a record and its extension share a chunk");
        (record.time(), Event::decode(record, extension).expect("an event of this version"))
    })
}

/// Whether somebody records into the file.
pub(crate) fn is_locked(path: &Path) -> bool {
    File::open(path).unwrap().try_lock_shared().is_err()
}
