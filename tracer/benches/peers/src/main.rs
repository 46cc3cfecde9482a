//! The cost of an event with other tracers, as a ratio to the floor F and to an event of ours, on one thread and on two.
//!
//! ```sh
//! cargo run --release --manifest-path tracer/benches/peers/Cargo.toml
//! ```
//!
//! prints the table; `-- --smoke` runs a few rounds to see that it works. Each peer is measured in rounds of three batches:
//! the floor, our event (a block's free, which carries address and size), the peer's. Times are CPU time of the thread
//! that records. The last column is CPU time of the whole process: what background threads do for an event counts there, for
//! us that the log is made, sealed and checksummed. A scope or span is two events, and times are per event. Each peer
//! records for real, and says under the table how that is known; ours alone is in a file that outlives the process.

mod chrome;
mod fast;
mod frames;
mod tracy;

use std::path::Path;

use memtrace_measure::{
    Case, Floor, Interval, Pace, Samples, measure, measure_on_two_threads, measure_process,
};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Options, Pool};

fn main() {
    let smoke = memtrace_measure::smoke();
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");
    memtrace_tracer::start(&Options::new(folder.path().join("log.trace"))).expect("the log can be made");
    let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
    let peers = Comparison { rounds: if smoke { 3 } else { 60 }, folder: folder.path(), pool };

    println!(
        "{:<32} {:>38}   {:>38}   {:>11}",
        "per event, enabled", "one thread", "two threads", "all threads"
    );
    println!("{:<32} {HEADING}   {HEADING}   {:>11}", "", "ns");
    peers.compare(|| peers.ours());
    peers.compare(|| Case::new("memtrace scope", 2, |_| drop(memtrace_tracer::scope!("step"))));

    let mut proofs = Vec::new();
    proofs.push(tracy::start());
    peers.compare(tracy::plot);
    peers.compare(tracy::message);
    peers.compare(tracy::span);
    fast::start();
    peers.compare(fast::span);
    proofs.push(fast::proof());
    frames::start();
    peers.compare(frames::nested_scope);
    peers.compare(frames::outermost_scope);
    proofs.push(frames::proof());
    // Last, because the thread that writes its file is busy long after the events.
    let chrome = chrome::start(folder.path());
    peers.compare(chrome::event);
    proofs.push(chrome.proof());
    memtrace_tracer::finish();

    println!();
    proofs.iter().for_each(|proof| println!("{proof}"));
}

const HEADING: &str = "      ns      x F x ours [95%]         ";

struct Comparison<'a> {
    rounds: usize,
    folder: &'a Path,
    pool: Pool,
}

impl Comparison<'_> {
    /// Measures a peer's event on one thread and on two, and prints its row.
    fn compare(&self, peer: impl Fn() -> Case<'static> + Sync) {
        let cases = || [self.floor(), self.ours(), peer()];
        let one = measure(self.rounds, Pace::Steady, cases());
        let two = measure_on_two_threads(self.rounds, Pace::Steady, cases);
        let all = measure_process(self.rounds, peer());
        println!("{:<32} {}   {}   {all:>11.2}", one[2].name, row(&one), row(&two));
    }

    fn floor(&self) -> Case<'static> {
        let floor = Floor::populated(self.folder);
        Case::new("floor F", 1, move |i| floor.record(i))
    }

    fn ours(&self) -> Case<'static> {
        let pool = self.pool;
        Case::new("memtrace block free", 1, move |i| pool.block_free(Address(i), Bytes(512)))
    }
}

fn row([f, ours, peer]: &[Samples; 3]) -> String {
    let Interval { median, low, high } = peer.ratio_to(ours);
    let interval = format!("[{low:.2}, {high:.2}]");
    format!("{:>8.2} {:>8.2} {median:>6.2} {interval:<15}", peer.interval().median, peer.ratio_to(f).median)
}
