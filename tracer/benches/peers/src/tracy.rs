//! Tracy: every event goes into a queue in memory, from the first one on, for a viewer that may connect later.

use std::fs;

use memtrace_measure::{BATCH, Case};
use tracy_client::{Client, plot_name, span_location};

/// Starts the client, and says by how much memory grows with each event.
pub(crate) fn start() -> String {
    let client = Client::start();
    let before = resident_bytes();
    let events = 32 * BATCH;
    (0..events).for_each(|i| client.plot(plot_name!("proof"), i as f64));
    let grown = resident_bytes().saturating_sub(before);
    format!(
        "tracy: {events} plot events made the process grow by {:.1} bytes each",
        grown as f64 / events as f64
    )
}

pub(crate) fn plot() -> Case<'static> {
    let client = Client::start();
    Case::new("tracy plot", 1, move |i| client.plot(plot_name!("size"), i as f64))
}

pub(crate) fn message() -> Case<'static> {
    let client = Client::start();
    Case::new("tracy message", 1, move |_| client.message("step", 0))
}

pub(crate) fn span() -> Case<'static> {
    let client = Client::start();
    Case::new("tracy span", 2, move |_| drop(client.clone().span(span_location!("step"), 0)))
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("with this line");
    let kibibytes: u64 = line.trim_end_matches("kB").trim().parse().expect("which is a number");
    kibibytes << 10
}
