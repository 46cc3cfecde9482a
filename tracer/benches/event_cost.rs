//! What an event costs, as a ratio to the floor F that is measured in the same run.
//!
//! F is the least that a timestamped 32-byte record in a shared file can cost: a thread-local bump pointer, a read of the
//! processor's counter, and one 32-byte store into a populated page of a file mapped shared.
//!
//! `cargo bench -p memtrace-tracer --bench event_cost` prints the table. Times are CPU time of the recording thread, the
//! median over batches; the machine's noise moves them all together, so the ratios are what counts. `--smoke` runs a few
//! batches to see that it works.
use std::{
    cell::Cell,
    env, fs,
    hint::black_box,
    path::Path,
    process, ptr,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use memmap2::{Advice, MmapOptions, MmapRaw};
use memtrace_format::{CLOSING_OFFSET, Closing, FileHeader};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Options, Pool, Tier, TransferPlan};

/// Iterations of a batch.
const BATCH: u64 = 16 << 10;

/// What the recording thread leaves the helper between two batches: time to populate what the batch will use.
const PAUSE: Duration = Duration::from_millis(3);

fn main() {
    let smoke = env::args().any(|argument| argument == "--smoke");
    let batches = if smoke { 4 } else { 300 };
    let folder = env::temp_dir().join(format!("memtrace-event-cost-{}", process::id()));
    fs::create_dir(&folder).expect("a folder in the temporary folder can be made");
    let log = folder.join("log.trace");

    let off = Heap::define("off", MemoryKind::Device, None).pool("", 0);
    let empty = measure(batches, None, |i| _ = black_box(i));
    let disabled = measure(batches, None, |i| free(off, black_box(i)));
    let f = measure(batches, None, floor(&folder));

    memtrace_tracer::start(&Options::new(&log)).expect("the log can be made");
    let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
    let paced = Some(PAUSE);
    let enabled = measure(batches, paced, |i| free(pool, i));
    let pair = measure(batches, paced, |i| {
        alloc(pool, i, 512);
        free(pool, i);
    });
    let extended = measure(batches, paced, |i| alloc(pool, i, 500));
    let scope = measure(batches, paced, |_| drop(memtrace_tracer::scope!("step")));
    let transfer = measure(batches, paced, |i| {
        TransferPlan::of_bytes(Tier::Host, Tier::Device(0), Bytes(i)).begin().end();
    });
    let unpaced = measure(batches, None, |i| free(pool, i));
    let two = on_two_threads(|| measure(batches, paced, |i| free(pool, i)));
    let two_floors = on_two_threads(|| measure(batches, None, floor(&folder)));
    memtrace_tracer::finish();

    println!("{:<44} {:>8} {:>7}", "per event", "ns", "x F");
    let row = |name: &str, ns: f64| println!("{name:<44} {ns:>8.2} {:>7.2}", ns / f);
    row("floor F", f);
    row("disabled, above an empty loop", disabled - empty);
    row("enabled (block free)", enabled);
    row("alloc and free, each", pair / 2.0);
    row("alloc with its requested bytes (64 B)", extended);
    row("scope begin and end, each", scope / 2.0);
    row("transfer begin and end, each", transfer / 2.0);
    row("enabled, no pause for the helper", unpaced);
    row("floor F on two threads", two_floors);
    row("enabled on two threads", two);
    println!("enabled on two threads = {:.3} x on one; dropped in all: {}", two / enabled, dropped(&log));
    fs::remove_dir_all(&folder).expect("the folder is ours");
}

#[inline(always)]
fn free(pool: Pool, i: u64) {
    pool.block_free(Address(i), Bytes(512));
}

#[inline(always)]
fn alloc(pool: Pool, i: u64, requested: u64) {
    pool.block_alloc(Address(i), Bytes(512), Bytes(requested));
}

/// The median over batches of the CPU time of one iteration, in nanoseconds.
fn measure(batches: usize, pause: Option<Duration>, mut iteration: impl FnMut(u64)) -> f64 {
    let mut times: Vec<f64> = (0..batches)
        .map(|_| {
            if let Some(pause) = pause {
                thread::sleep(pause);
            }
            let before = cpu_time_ns();
            for i in 0..BATCH {
                iteration(i);
            }
            (cpu_time_ns() - before) as f64 / BATCH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[batches / 2]
}

fn cpu_time_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The mean of what two threads measure at the same time.
fn on_two_threads(measure: impl Fn() -> f64 + Sync) -> f64 {
    thread::scope(|scope| {
        let both = [scope.spawn(&measure), scope.spawn(&measure)];
        both.map(|thread| thread.join().expect("a measurement does not panic")).iter().sum::<f64>() / 2.0
    })
}

thread_local! {
    static FLOOR: Cell<(*mut u64, *mut u64)> = const { Cell::new((ptr::null_mut(), ptr::null_mut())) };
}

/// The floor on this thread: stores into a file of its own, as large as a batch's records times 64, from the beginning
/// again when it is full.
fn floor(folder: &Path) -> impl FnMut(u64) {
    const BYTES: usize = 64 * BATCH as usize * 32;
    let path = folder.join(format!("{:?}.floor", thread::current().id()));
    let file = fs::File::options().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.expect("a file can be made");
    file.set_len(BYTES as u64).expect("the file can grow");
    let map: MmapRaw = MmapOptions::new().len(BYTES).map_raw(&file).expect("the file can be mapped");
    map.advise(Advice::PopulateWrite).expect("the kernel populates (5.14)");
    let start = map.as_mut_ptr().cast::<u64>();
    FLOOR.set((start, start.wrapping_add(BYTES / 8)));
    move |i| {
        FLOOR.with(|cursor| {
            let (mut next, end) = cursor.get();
            if next == end {
                next = map.as_mut_ptr().cast();
            }
            cursor.set((next.wrapping_add(4), end));
            // SAFETY: RDTSC is always there. `next` is a whole record before the end of the mapping, which `map` keeps.
            unsafe {
                let time = std::arch::x86_64::_rdtsc();
                next.write(time);
                next.add(1).write(i);
                next.add(2).write(512);
                AtomicU64::from_ptr(next.add(3)).store(1 | 9 << 48, Ordering::Release);
            }
        });
    }
}

fn dropped(log: &Path) -> u64 {
    let bytes = fs::read(log).expect("the log is there");
    let header = FileHeader::parse(&bytes).expect("the log has a header");
    let closing =
        Closing::parse(&bytes[CLOSING_OFFSET..], header.short_session()).expect("the log is closed");
    closing.drops.total()
}
