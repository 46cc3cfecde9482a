//! Counts of the events that each thread has handed to the tracer so far, where another process can read it.
//!
//! A test kills the engine and then expects at least this many events of each thread in the trace. So the count is raised
//! after the call that hands an event over, and lives in a file's pages, which outlive the process.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use memmap2::MmapMut;

use crate::books::ThreadReport;

/// One thread's count, on a cache line of its own.
#[repr(C, align(64))]
struct Slot(AtomicU64);

/// The slots of all threads, in a mapping of the file of `--acks` or of no file.
struct Slots {
    map: MmapMut,
    count: usize,
}

static SLOTS: OnceLock<Slots> = OnceLock::new();

thread_local! {
    static MINE: Cell<Option<&'static Slot>> = const { Cell::new(None) };
}

/// Makes the slots, all zero. A second call changes nothing.
pub(super) fn open(path: Option<&Path>, count: usize) -> anyhow::Result<()> {
    let length = count * size_of::<Slot>();
    let map = match path {
        Some(path) => map_file(path, length).with_context(|| format!("cannot write {}", path.display()))?,
        None => MmapMut::map_anon(length)?,
    };
    SLOTS.get_or_init(|| Slots { map, count });
    Ok(())
}

/// Gives the calling thread its slot. Without one, it acknowledges nothing.
pub(crate) fn enter_thread(slot: usize) {
    MINE.set(SLOTS.get().and_then(|slots| slots.all().get(slot)));
}

/// What the thread of a slot is called, by the engine and by the operating system.
pub(crate) fn thread_name(slot: usize) -> String {
    match slot {
        0 => "main".to_owned(),
        number => format!("stream-{number}"),
    }
}

/// One more event of this thread is the tracer's.
pub(super) fn acknowledge() {
    if let Some(slot) = MINE.get() {
        // Only this thread writes the slot. Release: whoever sees the count finds the event before it.
        slot.0.store(slot.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

/// What every thread has acknowledged.
pub(crate) fn threads() -> Vec<ThreadReport> {
    let slots = SLOTS.get().map_or(&[][..], Slots::all);
    let reports = slots.iter().enumerate().map(|(slot, count)| ThreadReport {
        slot,
        name: thread_name(slot),
        events: count.0.load(Ordering::Acquire),
    });
    reports.collect()
}

impl Slots {
    fn all(&self) -> &[Slot] {
        // SAFETY: the mapping is page-aligned, `count` slots long, and writable as long as `self` lives; any bytes are a
        // valid atomic, and this process touches them through these atomics alone.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast::<Slot>(), self.count) }
    }
}

fn map_file(path: &Path, length: usize) -> std::io::Result<MmapMut> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    file.set_len(length as u64)?;
    // SAFETY: the file was made for this run; readers look at it, nobody shortens it.
    unsafe { MmapMut::map_mut(&file) }
}
