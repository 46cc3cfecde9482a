//! The cost of recording the host allocator: malloc and free of 64 to 4096 bytes with 10,000 blocks live, through
//! `TracedAllocator` with threshold zero, disabled and enabled, and not wrapped at all.
//!
//! `cargo bench -p memtrace-tracer --bench allocator_cost` prints the table. Times are CPU time of the allocating thread for
//! an event, of which a pair has two; what recording adds is given as a ratio to the floor F of the same run. Beside it stands
//! what F itself adds: among cache misses, a store costs more than in a loop of its own. The calls go through functions that
//! are not inlined, as those of a program's global allocator do. `-- --smoke` runs a few rounds.
use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::Path,
};

use memtrace_measure::{Case, Floor, Pace, Samples, Table, measure};
use memtrace_tracer::{Options, TracedAllocator};

/// Blocks that are live at any time.
const LIVE: usize = 10_000;

fn main() {
    let rounds = if memtrace_measure::smoke_bench() { 3 } else { 300 };
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");

    print(measure(rounds, Pace::Steady, cases("wrapped, disabled", folder.path())));
    let log = folder.path().join("log.trace");
    memtrace_tracer::start(&Options::new(log)).expect("the log can be made");
    print(measure(rounds, Pace::Steady, cases("wrapped, enabled", folder.path())));
    memtrace_tracer::finish();
}

fn cases(wrapped: &'static str, folder: &Path) -> [Case<'static>; 4] {
    let floor = Floor::populated(folder);
    let mut bare = Blocks::new(System);
    let mut floored = Blocks::new(FloorAllocator(Floor::populated(folder)));
    let mut traced = Blocks::new(TracedAllocator::system().with_threshold(0));
    [
        Case::new("floor F", 1, move |i| floor.record(i)),
        Case::new("not wrapped", 2, move |_| bare.replace_one()),
        Case::new("wrapped in F", 2, move |_| floored.replace_one()),
        Case::new(wrapped, 2, move |_| traced.replace_one()),
    ]
}

fn print([f, bare, floored, traced]: [Samples; 4]) {
    let table = Table::new("malloc or free", &[("x F", &f), ("x bare", &bare)]);
    table.rows([&f, &bare, &floored, &traced]);
    table.rows([&floored.above(&bare).named("F adds"), &traced.above(&bare).named("recording adds")]);
}

/// The system's allocator with a record of the floor's for each event.
struct FloorAllocator(Floor);

// SAFETY: every call goes to the system's allocator with the caller's own arguments.
unsafe impl GlobalAlloc for FloorAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let block = unsafe { System.alloc(layout) };
        self.0.record(block.addr() as u64);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.0.record(block.addr() as u64);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) };
    }
}

/// A set of live blocks of one allocator.
struct Blocks<A: GlobalAlloc> {
    allocator: A,
    live: Vec<(*mut u8, Layout)>,
    random: Random,
}

impl<A: GlobalAlloc> Blocks<A> {
    fn new(allocator: A) -> Self {
        let mut random = Random(1);
        let live = (0..LIVE)
            .map(|_| {
                let layout = random.layout();
                (malloc(&allocator, layout), layout)
            })
            .collect();
        Self { allocator, live, random }
    }

    /// Frees a random block and allocates another of a random size in its place.
    fn replace_one(&mut self) {
        let index = self.random.below(LIVE as u64) as usize;
        let layout = self.random.layout();
        let (block, old) = self.live[index];
        // SAFETY: the block is live, came from this allocator with this layout, and is forgotten in the next line.
        unsafe { free(&self.allocator, block, old) };
        self.live[index] = (malloc(&self.allocator, layout), layout);
    }
}

impl<A: GlobalAlloc> Drop for Blocks<A> {
    fn drop(&mut self) {
        for (block, layout) in self.live.drain(..) {
            // SAFETY: the block is live and came from this allocator with this layout.
            unsafe { free(&self.allocator, block, layout) };
        }
    }
}

#[inline(never)]
fn malloc(allocator: &impl GlobalAlloc, layout: Layout) -> *mut u8 {
    // SAFETY: no layout here is of size zero.
    let block = unsafe { allocator.alloc(layout) };
    assert!(!block.is_null(), "there are some megabytes");
    block
}

/// # Safety
///
/// The block is live and came from this allocator with this layout.
#[inline(never)]
unsafe fn free(allocator: &impl GlobalAlloc, block: *mut u8, layout: Layout) {
    // SAFETY: the caller says so.
    unsafe { allocator.dealloc(block, layout) };
}

/// Numbers without a pattern, the same in every run (xorshift64, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn layout(&mut self) -> Layout {
        let size = 64 + self.below(4096 - 64 + 1) as usize;
        Layout::from_size_align(size, 16).expect("such a layout exists")
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high half of the product: no division, which would cost as much as what is measured.
        ((u128::from(self.0) * u128::from(limit)) >> 64) as u64
    }
}
