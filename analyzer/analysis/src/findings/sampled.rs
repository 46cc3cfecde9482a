//! Sampled counters, as rules need them.

use memtrace_format::{SampledCounter, well_known::OTHER_PROCESS};

use crate::report::{Counter, CounterNumber, Report};

/// The counter of this name, of this device or of none. The program may have one of the same name: the recorder's comes later.
pub(super) fn counter(report: &Report, sampled: SampledCounter, device: Option<u32>) -> Option<&Counter> {
    let mut counters = report.samples.counters.iter().rev();
    counters.find(|counter| counter.name.recorded() == sampled.name() && counter.device == device)
}

/// The other process that had the most of a device at once, if others are named, and how much that was.
pub(super) fn largest_process(report: &Report, device: u32) -> Option<(&str, u64)> {
    let counters = report.samples.counters.iter().filter(|counter| counter.device == Some(device));
    let named = counters.filter_map(|counter| {
        Some((counter.name.recorded().strip_prefix(OTHER_PROCESS)?, bytes(counter.max)))
    });
    named.max_by_key(|(_, bytes)| *bytes)
}

/// Why there is none: what the recorder said, or that nobody asked.
pub(super) fn why_not(report: &Report, sampled: SampledCounter) -> String {
    let names = [sampled.name(), sampled.source().name()];
    let mut unavailable = report.samples.unavailable.iter();
    match unavailable.find(|missing| names.contains(&missing.what.recorded())) {
        Some(missing) => format!("{} was not sampled: {}", sampled.name(), missing.why),
        None => format!("{} was not sampled", sampled.name()),
    }
}

/// A number as a fraction, to be compared with one.
pub(super) fn number(number: CounterNumber) -> f64 {
    match number {
        CounterNumber::Integer(n) => n as f64,
        CounterNumber::Float(x) => x,
    }
}

/// A number of bytes.
pub(super) fn bytes(number: CounterNumber) -> u64 {
    match number {
        CounterNumber::Integer(n) => n,
        CounterNumber::Float(x) => x as u64,
    }
}
