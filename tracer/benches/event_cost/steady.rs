//! Events in steady state: the log is populated ahead of the thread that records.

use std::{fs::File, hint::black_box, io::Read, path::Path};

use memtrace_format::{CLOSING_OFFSET, Closing, FIRST_CHUNK_OFFSET, FileHeader};
use memtrace_measure::{Case, Floor, Pace, Samples, Table, measure, measure_on_two_threads};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Options, Pool, Tier, TransferPlan};

/// One thread and two are measured by turns, so that a slow minute meets both.
const TURNS: usize = 4;

/// Measures disabled and enabled events, on one thread and on two, and prints them.
pub(crate) fn print(rounds: usize, folder: &Path) {
    let off = Heap::define("off", MemoryKind::Device, None).pool("", 0);
    let [f_off, empty, disabled] = measure(2 * rounds, Pace::Steady, disabled(off, folder));

    let log = folder.join("log.trace");
    memtrace_tracer::start(&Options::new(&log)).expect("the log can be made");
    let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
    let (mut one, mut two, mut burst) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        one.push(measure(rounds, Pace::Steady, enabled(pool, folder)));
        two.push(measure_on_two_threads(2 * rounds, Pace::Steady, || [floor(folder), block_free(pool)]));
        burst.push(measure(rounds, Pace::Burst, [floor(folder), block_free(pool)]));
    }
    memtrace_tracer::finish();

    let table = Table::new("disabled", &[("x F", &f_off)]);
    table.rows([&f_off, &disabled.above(&empty).named("block free, above an empty loop")]);
    let one = joined(one);
    print_above_floor("enabled, one thread", &one);
    print_above_floor("enabled, no pause between batches", &joined(burst));
    let [f_two, two] = joined(two);
    let table = Table::new("enabled, two threads at once", &[("x F there", &f_two), ("x one", &one[1])]);
    table.rows([&f_two, &two]);
    println!("\nevents dropped in all: {}", dropped(&log));
}

/// The rounds of all turns, thing by thing.
fn joined<const N: usize>(turns: Vec<[Samples; N]>) -> [Samples; N] {
    let joined = turns.into_iter().reduce(|mut all, turn| {
        all.iter_mut().zip(turn).for_each(|(all, turn)| all.extend(turn));
        all
    });
    joined.expect("there is more than one turn")
}

fn print_above_floor<const N: usize>(title: &str, samples: &[Samples; N]) {
    let table = Table::new(title, &[("x F", &samples[0])]);
    table.rows(samples);
}

fn disabled(off: Pool, folder: &Path) -> [Case<'static>; 3] {
    [
        floor(folder),
        Case::new("empty loop", 1, |i| _ = black_box(i)),
        Case::new("disabled", 1, move |i| off.block_free(Address(black_box(i)), Bytes(512))),
    ]
}

fn enabled(pool: Pool, folder: &Path) -> [Case<'static>; 7] {
    let alloc = move |i, requested| pool.block_alloc(Address(i), Bytes(512), Bytes(requested));
    [
        floor(folder),
        block_free(pool),
        Case::new("block alloc", 1, move |i| alloc(i, 512)),
        Case::new("alloc and free, each", 2, move |i| {
            alloc(i, 512);
            pool.block_free(Address(i), Bytes(512));
        }),
        Case::new("alloc with its requested bytes (64 B)", 1, move |i| alloc(i, 500)),
        Case::new("scope begin and end, each", 2, |_| drop(memtrace_tracer::scope!("step"))),
        Case::new("transfer begin and end, each", 2, |i| {
            TransferPlan::of_bytes(Tier::Host, Tier::Device(0), Bytes(i)).begin().end();
        }),
    ]
}

fn floor(folder: &Path) -> Case<'static> {
    let floor = Floor::populated(folder);
    Case::new("floor F", 1, move |i| floor.record(i))
}

fn block_free(pool: Pool) -> Case<'static> {
    Case::new("block free", 1, move |i| pool.block_free(Address(i), Bytes(512)))
}

fn dropped(log: &Path) -> u64 {
    let mut bytes = [0; FIRST_CHUNK_OFFSET];
    let read = File::open(log).and_then(|mut file| file.read_exact(&mut bytes));
    read.expect("the log begins with its header and its closing block");
    let header = FileHeader::parse(&bytes).expect("the log has a header");
    let closing =
        Closing::parse(&bytes[CLOSING_OFFSET..], header.short_session()).expect("the log is closed");
    closing.drops.total()
}
