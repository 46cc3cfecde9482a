//! Traces of PyTorch's profiler: JSON in Chrome's form, in which `profile_memory=True` leaves `[memory]` events.
//!
//! Each says what was handed out or given back, and what the allocator has in all. Operators and Python's functions, where they
//! are recorded too, are the stack of what is allocated in them; ranges that the program names are scopes.

mod event;
mod spans;

use std::{fs::File, io::BufReader};

use hashbrown::{HashMap, HashSet};
use memtrace_format::{
    MemoryKind,
    well_known::{ALLOCATED_TOTAL, RESERVED_TOTAL},
};
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Heap, Pool, Recording, Row, Thread},
    watched::Watched,
};
use event::{Collected, MemoryEvent};
use spans::Spans;

/// Where the block lies that stands for what was live before and is not freed while the trace lasts: no program's memory is there.
const BEFORE: u64 = 1 << 62;

/// With every so many events the allocator's sum is kept.
const BETWEEN_SUMS: u64 = 64;

/// Why a trace cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfilerError {
    /// It is no JSON, or something else in JSON.
    #[error("it begins as JSON, and is no trace of PyTorch's profiler: {0}")]
    Json(#[from] serde_json::Error),
    /// There are no events of memory in it.
    #[error("it has {0} events, and none of memory")]
    NoMemory(u64),
}

/// Imports a trace of `length` bytes into an empty file.
pub(super) fn import(
    source: File,
    length: u64,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    let mut collected = Collected::default();
    let mut tell = |read| watch(Stage::Reading, read, length);
    event::read(BufReader::new(Watched::new(source, &mut tell)), &mut collected)?;
    if collected.memory.is_empty() {
        return Err(ProfilerError::NoMemory(collected.events).into());
    }
    recording(collected).write(log, watch)
}

fn recording(collected: Collected) -> Recording {
    let Collected { mut memory, spans, threads, names, zero_unix_ns, .. } = collected;
    // Stamps are of microseconds, so that many are the same: the profiler's own order tells them apart.
    memory.sort_by_key(|event| (event.time, event.index));
    let mut spans = Spans::new(spans, names);
    let mut devices = Devices::new(&memory);
    let mut rows = Vec::new();
    for event in &memory {
        spans.until(event.thread, event.time, &mut rows);
        let frame = spans.frame(event.thread);
        devices.add(event, frame, &mut rows);
    }
    spans.finish(&mut rows);
    rows.sort_by_key(|row| row.time);
    let (frames, names) = spans.into_parts();
    let Devices { heaps, pools, counters, before, contradictions, .. } = devices;
    let mut notes = Vec::new();
    if contradictions > 0 {
        notes.push(format!("import: times at which the allocator's own sum jumps, as if events were missing: {contradictions}"));
    }
    Recording {
        zero_unix_ns,
        threads: threads.into_iter().map(|(os_id, name)| Thread { os_id, name }).collect(),
        heaps,
        pools,
        frames,
        names,
        counters,
        before,
        rows,
        notes,
        ..Recording::new(ForeignFormat::Profiler, "PyTorch")
    }
}

/// The devices, by the order in which they came up.
#[derive(Default)]
struct Devices {
    places: HashMap<(i64, i64), u32>,
    heaps: Vec<Heap>,
    pools: Vec<Pool>,
    /// Two of each device.
    counters: Vec<String>,
    books: Vec<Books>,
    before: Vec<Row>,
    contradictions: u64,
}

/// What the allocator of a device says, beside the sum of its events.
struct Books {
    sum: u64,
    reserved: Option<u64>,
    events: u64,
    agreed: bool,
}

impl Devices {
    fn new(memory: &[MemoryEvent]) -> Self {
        let mut devices = Self::default();
        // A block was there before if it is the first at its address, and freed. What is freed there later, and was not handed out,
        // is of events that are missing.
        let mut seen = HashSet::new();
        let mut known_before = HashMap::<u32, u64>::new();
        for event in memory {
            let place = devices.place(event);
            if seen.insert((place, event.address)) && event.bytes < 0 {
                let known = known_before.entry(place).or_default();
                *known = known.saturating_add(event.bytes.unsigned_abs());
            }
        }
        for (pool, books) in (0..).zip(&devices.books) {
            let known = known_before.get(&pool).copied().unwrap_or(0);
            if let Some(size) = books.sum.checked_sub(known).filter(|&size| size > 0) {
                let (thread, frame, module) = (0, 0, 0);
                let row = Row {
                    time: 0,
                    address: BEFORE,
                    size,
                    thread,
                    pool,
                    frame,
                    module,
                    action: Action::Alloc,
                };
                devices.before.push(row);
            }
        }
        devices
    }

    fn place(&mut self, event: &MemoryEvent) -> u32 {
        *self.places.entry(event.device).or_insert_with(|| {
            let place = self.heaps.len() as u32;
            let heap = heap(event.device);
            self.counters
                .extend([ALLOCATED_TOTAL, RESERVED_TOTAL].map(|total| format!("{}{total}", heap.name)));
            self.heaps.push(heap);
            self.pools.push(Pool { heap: place, name: "default".to_owned(), stream: 0 });
            let before = event.allocated.map_or(0, |sum| sum.saturating_sub_signed(event.bytes));
            self.books.push(Books { sum: before, reserved: None, events: 0, agreed: true });
            place
        })
    }

    fn add(&mut self, event: &MemoryEvent, frame: u32, rows: &mut Vec<Row>) {
        let pool = self.place(event);
        let action = if event.bytes > 0 { Action::Alloc } else { Action::Free };
        let (time, thread, size) = (event.time, event.thread, event.bytes.unsigned_abs());
        let row = Row { time, address: event.address, size, thread, pool, frame, module: 0, action };
        rows.push(row);
        let mut sample = |counter, size| {
            rows.push(Row { size, frame: 0, action: Action::Sample { counter }, ..row });
        };
        let books = &mut self.books[pool as usize];
        books.sum = books.sum.wrapping_add_signed(event.bytes);
        if let Some(allocated) = event.allocated {
            let agrees = books.sum == allocated;
            self.contradictions += u64::from(!agrees && books.agreed);
            if !agrees || !books.agreed || books.events.is_multiple_of(BETWEEN_SUMS) {
                sample(2 * pool, allocated);
            }
            books.agreed = agrees;
        }
        if event.reserved.is_some() && event.reserved != books.reserved {
            books.reserved = event.reserved;
            sample(2 * pool + 1, event.reserved.unwrap_or(0));
        }
        books.events += 1;
    }
}

/// The heap of a device, by PyTorch's number for its kind and its ordinal.
fn heap((kind, ordinal): (i64, i64)) -> Heap {
    let ordinal = u32::try_from(ordinal).unwrap_or(0);
    let name = match kind {
        0 => return Heap { name: "host".to_owned(), kind: MemoryKind::Host, device: None },
        1 => format!("cuda:{ordinal}"),
        6 => format!("hip:{ordinal}"),
        12 => format!("xpu:{ordinal}"),
        13 => format!("mps:{ordinal}"),
        15 => format!("hpu:{ordinal}"),
        kind => format!("device kind {kind}:{ordinal}"),
    };
    Heap { name, kind: MemoryKind::Device, device: Some(ordinal) }
}
