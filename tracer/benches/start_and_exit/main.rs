//! The cost of recording to the start, the exit and the memory of a program.
//!
//! `cargo bench -p memtrace-tracer --bench start_and_exit` runs a program that does nothing, and one that records a million
//! events (32 MB), with `MEMTRACE_FILE` set and not, by turns. Start-up is the time from the moment before the program is
//! started to the first line of its `main`; exit is that from the last line of `main` to the moment after it is gone.
//! `-- --smoke` runs a few rounds.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use memtrace_measure::{Interval, Samples, monotonic_ns};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind};

/// What the command line of the measured program begins with; the number of events that it records follows.
const PROGRAM: &str = "--record";

/// What is measured of a run: names, and how many of a unit one of the printed unit is.
const FIGURES: [(&str, f64); 4] = [
    ("start-up, ms", 1e6),
    ("exit, ms", 1e6),
    ("peak memory, MiB", 1_048_576.0),
    ("of which anonymous, MiB", 1_048_576.0),
];

fn main() {
    let mut arguments = env::args().skip_while(|argument| argument != PROGRAM).skip(1);
    if let Some(events) = arguments.next() {
        return program(events.parse().expect("a number of events"));
    }
    let rounds: usize = if memtrace_measure::smoke_bench() { 5 } else { 300 };
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");
    for (title, events, rounds) in
        [("does nothing", 0, rounds), ("a million events", 1_000_000, rounds.div_ceil(3))]
    {
        print(title, events, rounds, &folder.path().join("log.trace"));
    }
}

fn print(title: &str, events: u64, rounds: usize, log: &Path) {
    let mut off = FIGURES.map(|(name, _)| Samples::new(name));
    let mut on = off.clone();
    for round in 0..2 * rounds {
        // Off, on, on, off: neither is always the first of a pair.
        let records = matches!(round % 4, 1 | 2);
        let measured = run(events, records.then_some(log));
        let side = if records { &mut on } else { &mut off };
        for (samples, value) in side.iter_mut().zip(measured) {
            samples.values.push(value);
        }
    }
    println!(
        "\n{title:<28} {:>9} {:>9} {:>9} {:<16} {:>9} {:>9}",
        "off", "on", "added", "[95%]", "p99 off", "p99 on"
    );
    for ((off, on), (name, unit)) in off.iter().zip(&on).zip(FIGURES) {
        let (off, on) = (off.times(1.0 / unit), on.times(1.0 / unit));
        let Interval { median, low, high } = on.above(&off).interval();
        println!(
            "{name:<28} {:>9.3} {:>9.3} {median:>9.3} {:<16} {:>9.3} {:>9.3}",
            off.interval().median,
            on.interval().median,
            format!("[{low:.3}, {high:.3}]"),
            off.quantile(0.99),
            on.quantile(0.99),
        );
    }
}

/// The figures of one run, in nanoseconds and bytes.
fn run(events: u64, log: Option<&Path>) -> [f64; FIGURES.len()] {
    let mut command = Command::new(env::current_exe().expect("this program has a name"));
    command.args([PROGRAM, &events.to_string()]).env_remove("MEMTRACE_FILE").stdout(Stdio::piped());
    if let Some(log) = log {
        command.env("MEMTRACE_FILE", log);
    }
    let started = monotonic_ns();
    let output = command.output().expect("this program can be started");
    let gone = monotonic_ns();
    assert!(output.status.success());
    if let Some(log) = log {
        fs::remove_file(log).expect("the program recorded");
    }
    let text = String::from_utf8(output.stdout).expect("the program prints numbers");
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().expect("a number"));
    let mut next = || numbers.next().expect("four numbers");
    let (begun, ended, peak, anonymous) = (next(), next(), next(), next());
    [begun - started, gone - ended, peak, anonymous].map(|figure| figure as f64)
}

/// The measured program.
fn program(events: u64) {
    let begun = monotonic_ns();
    if events > 0 {
        let pool = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);
        (0..events).for_each(|i| pool.block_free(Address(i), Bytes(512)));
    }
    let (peak, anonymous) = (status("VmHWM:"), status("RssAnon:"));
    println!("{begun} {} {peak} {anonymous}", monotonic_ns());
}

/// A line of this process's status, in bytes.
fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("with this line");
    let kibibytes: u64 = line.trim_end_matches("kB").trim().parse().expect("which is a number");
    kibibytes << 10
}
