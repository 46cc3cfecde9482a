use std::{
    fs::OpenOptions,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Name, Pool};

use crate::numbering::{Number, STREAMS};

/// The distance between two streams' acknowledgements: a cache line, so that threads do not slow each other.
const LINE_BYTES: usize = 64;

static ACKNOWLEDGEMENTS: OnceLock<MmapRaw> = OnceLock::new();

static HANDLES: OnceLock<(Name, Pool)> = OnceLock::new();

/// Maps the file, which is there and large enough; `-`: memory that dies with the process.
pub(crate) fn acknowledge_in(path: &str) {
    let length = STREAMS * LINE_BYTES;
    let map = if path == "-" {
        MmapOptions::new().len(length).map_anon().map(MmapRaw::from)
    } else {
        let file = OpenOptions::new().read(true).write(true).open(path);
        file.and_then(|file| MmapOptions::new().len(length).map_raw(&file))
    };
    ACKNOWLEDGEMENTS.get_or_init(|| map.expect("the file of acknowledgements can be mapped"));
}

/// Tells the tracer of what the streams name.
pub(crate) fn define() {
    HANDLES.get_or_init(|| {
        (Name::intern("number"), Heap::define("numbers", MemoryKind::Host, None).pool("", 0))
    });
}

/// What stream `number` has acknowledged.
pub(crate) fn line(number: u16) -> &'static AtomicU64 {
    let map = ACKNOWLEDGEMENTS.get().expect("main maps it first");
    assert!(usize::from(number) < STREAMS);
    // SAFETY: the place lies inside the mapping, which lives as long as the program, at a multiple of 64; everybody who
    // shares the mapping touches it as an atomic, or not at all while this process lives.
    unsafe { AtomicU64::from_ptr(map.as_mut_ptr().add(usize::from(number) * LINE_BYTES).cast()) }
}

/// Events that happen one after the other, numbered.
#[derive(Clone, Copy)]
pub(crate) struct Stream(pub(crate) u16);

impl Stream {
    /// Records the next event and, when the tracer has returned, acknowledges it. Returns its number.
    pub(crate) fn record(self) -> u64 {
        let line = line(self.0);
        let number = Number { stream: self.0, count: line.load(Ordering::Relaxed) + 1 };
        tell(number);
        line.store(number.count, Ordering::Release);
        number.count
    }
}

impl Stream {
    /// As [`Stream::record`], but a block is given back before the next event, so that there is never more than one live.
    pub(crate) fn record_and_free(self) -> u64 {
        let (_, pool) = HANDLES.get().expect("main defines them first");
        let last = Number { stream: self.0, count: line(self.0).load(Ordering::Relaxed) };
        if last.count > 0 && last.is_block() {
            pool.block_free(Address(last.bits()), Bytes(last.size()));
        }
        self.record()
    }
}

/// Tells the tracer of one event.
pub(crate) fn tell(number: Number) {
    let (name, pool) = HANDLES.get().expect("main defines them first");
    if number.is_block() {
        pool.block_alloc(Address(number.bits()), Bytes(number.size()), Bytes(number.requested()));
    } else {
        name.mark_with(number.bits());
    }
}
