//! PyTorch memory snapshots: what `torch.cuda.memory._dump_snapshot` writes, and pickles of what `torch.cuda.memory_snapshot()`
//! returns.
//!
//! A snapshot shows how the heaps were when it was taken, and for each device the latest events that led there. From both
//! follows what was there before the first of those events, and from the allocator's rules how long the blocks were that the
//! events only say the request of.

mod annotations;
mod event;
mod heap;
mod history;
mod keys;
mod metadata;
mod pools;
mod reserved;
mod rules;
mod schema;
mod segments;
mod settings;
mod stacks;

use std::{collections::BTreeMap, fs::File};

use memtrace_format::{LACKS_THREADS, LACKS_TIMES, MemoryKind, SIZES_DEDUCED, ThreadId, Ticks};

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    pickle::{Arena, ObjectId, Pickle, Value, View},
    writer::{LogWriter, Origin},
};
use heap::HeapImport;
use history::History;
use keys::{
    ALLOCATOR_SETTINGS, DEVICE, DEVICE_TRACES, EXTERNAL_ANNOTATIONS, HOST_SEGMENTS, HOST_TRACES, SEGMENTS,
};
use rules::Rules;
use schema::Dict;
pub use schema::{SnapshotError, SnapshotFault};
use segments::Segment;
use stacks::Stacks;

/// The most devices.
const DEVICES: u64 = 1024;

/// All that a snapshot has of one device, or of the host.
#[derive(Debug, Default)]
struct Source {
    trace: Option<ObjectId>,
    segments: Vec<Segment>,
    annotations: Vec<annotations::End>,
}

/// Where a heap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Device(u64),
    /// Page-locked host memory.
    Host(u64),
}

/// Imports a snapshot of `length` bytes into an empty file.
pub(super) fn import(
    source: File,
    length: u64,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    let pickle = Pickle::read(source, length, keys::KEYS, |read| watch(Stage::Reading, read, length))?;
    let arena = &pickle.arena;
    let (root, sources) = sources(arena, pickle.root)?;
    let rules = match root.and_then(|root| root.view(ALLOCATOR_SETTINGS)) {
        Some(View::Dict(id)) => Rules::read(Dict { arena, id }),
        _ => Rules::default(),
    };

    let start_us = start(arena, &sources)?;
    let start = Ticks(start_us.unwrap_or(0).saturating_mul(1000));
    let lacks = LACKS_THREADS | if start_us.is_none() { LACKS_TIMES } else { 0 };
    let origin = Origin { start, start_unix_ns: start.0, pid: 0, compatible: SIZES_DEDUCED | lacks };
    let mut log = LogWriter::new(log, origin);
    log.engine("PyTorch")?;
    let mut stacks = Stacks::new(arena);
    let mut imported = Imported::new(ForeignFormat::PyTorch);
    let total: u64 =
        sources.values().filter_map(|source| source.trace).map(|trace| u64::from(arena.count(trace))).sum();
    let mut threads = (1..).map(ThreadId);
    for text in settings::texts(root) {
        log.fact(&text)?;
    }
    for (place, source) in sources {
        let name = match place {
            Place::Device(ordinal) => format!("cuda:{ordinal}"),
            Place::Host(0) => "pinned".to_owned(),
            Place::Host(number) => format!("pinned:{number}"),
        };
        let thread = threads.next().unwrap_or_default();
        log.thread(thread, 0, &name)?;
        let mut lanes = annotations::lanes(source.annotations).into_iter();
        if source.segments.is_empty() && history::is_of_marks_alone(arena, source.trace) {
            // A device that the process never used: there is no heap to be told of.
            heap::marks_alone(arena, source.trace, thread, start, (&mut stacks, &mut log))?;
        } else {
            let heap = match place {
                Place::Device(ordinal) => {
                    log.device_heap(u32::try_from(ordinal).unwrap_or(u32::MAX), &name, MemoryKind::Device)?
                }
                Place::Host(_) => log.heap(&name, MemoryKind::Pinned, 0)?,
            };
            let history = History::read(arena, source.trace, &source.segments, &rules)?;
            imported.contradictions += history.contradictions;
            let scopes = lanes.next().unwrap_or_default();
            let mut import = HeapImport::new(arena, heap, thread, start, &rules, &mut stacks, &mut log);
            import.baseline(&source.segments, &history)?;
            import.run(source.trace, &history, &scopes, &mut |done| watch(Stage::Writing, done, total))?;
            imported.sizes_agree += import.sizes_agree;
            imported.sizes_differ += import.sizes_differ;
        }
        for lane in lanes {
            let thread = threads.next().unwrap_or_default();
            log.thread(thread, 0, &format!("{name} annotations"))?;
            heap::scopes_alone(&lane, thread, start, &mut stacks, &mut log)?;
        }
    }
    for (text, count) in [
        ("import: events and snapshot contradict each other", imported.contradictions),
        ("import: deduced block sizes that the snapshot contradicts", imported.sizes_differ),
    ] {
        if count > 0 {
            imported.notes.push(format!("{text}: {count}"));
        }
    }
    for note in &imported.notes {
        log.fact(note)?;
    }
    imported.events = log.events();
    log.finish()?;
    Ok(imported)
}

/// The dict that a snapshot is, if it is one, and what it has of each device and of the host.
fn sources(arena: &Arena, root: Value) -> Result<(Option<Dict<'_>>, BTreeMap<Place, Source>), SnapshotError> {
    let error = |offset| SnapshotError { offset, fault: SnapshotFault::NoSnapshot };
    let mut sources: BTreeMap<Place, Source> = BTreeMap::new();
    let dict = match arena.view(root) {
        View::Dict(id) => Dict { arena, id },
        View::List(list) => {
            let segments = segments::of_list(arena, list).ok_or_else(|| error(arena.offset(list)))??;
            for segment in segments {
                sources.entry(Place::Device(segment.device)).or_default().segments.push(segment);
            }
            return Ok((None, sources));
        }
        _ => return Err(error(0)),
    };
    if dict.list(SEGMENTS)?.is_none() && dict.list(DEVICE_TRACES)?.is_none() {
        return Err(error(arena.offset(dict.id)));
    }
    for segment in segments::read(dict, SEGMENTS)? {
        sources.entry(Place::Device(segment.device)).or_default().segments.push(segment);
    }
    for (device, trace) in (0..).zip(traces(dict, DEVICE_TRACES)?) {
        if arena.count(trace) > 0 {
            sources.entry(Place::Device(device)).or_default().trace = Some(trace);
        }
    }
    for annotation in dict.dicts(EXTERNAL_ANNOTATIONS)? {
        let annotation = annotation?;
        if let Some(end) = annotations::read(annotation)? {
            let device = annotation.number(DEVICE).ok().flatten().unwrap_or(0);
            sources.entry(Place::Device(device)).or_default().annotations.push(end);
        }
    }
    for mut segment in segments::read(dict, HOST_SEGMENTS)? {
        segment.pool.kind = pools::PoolKind::Whole;
        sources.entry(Place::Host(0)).or_default().segments.push(segment);
    }
    let host = traces(dict, HOST_TRACES)?.into_iter().filter(|&trace| arena.count(trace) > 0);
    for (number, trace) in (0..).zip(host) {
        sources.entry(Place::Host(number)).or_default().trace = Some(trace);
    }
    if sources.len() as u64 > DEVICES {
        return Err(dict.error(SnapshotFault::Devices(sources.len() as u64)));
    }
    Ok((Some(dict), sources))
}

/// The lists of events in a list; a list of events counts as the only one.
fn traces(root: Dict<'_>, name: keys::Name) -> Result<Vec<ObjectId>, SnapshotError> {
    let Some(list) = root.list(name)? else { return Ok(Vec::new()) };
    let mut traces = Vec::new();
    for item in root.arena.items(list) {
        match root.arena.view(item) {
            View::List(trace) => traces.push(trace),
            View::Dict(_) => return Ok(vec![list]),
            _ => return Err(root.error(SnapshotFault::Kind("device_traces", "a list of lists"))),
        }
    }
    Ok(traces)
}

/// The first time that anything has, in µs since 1970.
fn start(arena: &Arena, sources: &BTreeMap<Place, Source>) -> Result<Option<u64>, SnapshotError> {
    let mut start: Option<u64> = None;
    for source in sources.values() {
        let event = history::events(arena, source.trace).next().transpose()?.and_then(|event| event.time_us);
        let annotation = source.annotations.iter().map(|end| end.time_us).min();
        for time in [event, annotation].into_iter().flatten() {
            start = Some(start.map_or(time, |start| start.min(time)));
        }
    }
    Ok(start)
}
