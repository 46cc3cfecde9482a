//! The cost of an event, as a ratio to the floor F that is measured in the same run.
//!
//! F is the least that a timestamped 32-byte record in a shared file can cost; see `memtrace_measure::Floor`.
//!
//! `cargo bench -p memtrace-tracer --bench event_cost` prints the tables. Times are CPU time of the recording thread.
//! `-- --smoke` runs a few rounds to see that it works.

mod cold;
mod steady;

use std::env;

fn main() {
    if let Some(log) = env::args().skip_while(|argument| argument != cold::CHILD).nth(1) {
        return cold::child(log.as_ref());
    }
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");
    let smoke = memtrace_measure::smoke_bench();
    cold::print(if smoke { 3 } else { 100 }, folder.path());
    steady::print(if smoke { 3 } else { 50 }, folder.path());
}
