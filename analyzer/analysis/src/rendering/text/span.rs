//! Phases, counters, marks and failed requests.

use std::fmt::{self, Formatter};

use memtrace_format::{Bytes, SampledCounter};

use super::{NAME, ROWS, and_more, maybe};
use crate::{
    report::{CounterNumber, HeapInPhase, Report, Unavailable},
    table::{Table, grouped, shorten},
};

/// The most characters of a reason, and of what it is the reason for.
const REASON: usize = 88;

pub(super) fn phases(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.phases.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["PHASES", "from", "took", "thread", "heap", "before", "most", "after"]);
    // Accelerator memory is what people come for; without any, the fullest heap of each phase.
    let device = report.heaps.iter().find(|heap| heap.device.is_some()).map(|heap| &heap.name);
    for phase in report.phases.iter().take(ROWS) {
        let on_device = phase.heaps.iter().find(|heap| Some(&heap.heap) == device);
        let shown = on_device.or_else(|| phase.heaps.iter().max_by_key(|heap| heap.peak_allocated_bytes));
        let figure = |pick: fn(&HeapInPhase) -> Bytes| maybe(shown.map(pick));
        table.row([
            shorten(&phase.name, 24),
            phase.from_ns.to_string(),
            phase.to_ns.since(phase.from_ns).to_string(),
            shorten(&phase.thread, 14),
            shown.map_or_else(|| "-".to_owned(), |heap| shorten(&heap.heap, 10)),
            figure(|heap| heap.at_begin.allocated_bytes),
            figure(|heap| heap.peak_allocated_bytes),
            figure(|heap| heap.at_end.allocated_bytes),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.phases_total, ROWS.min(report.phases.len()), "phases")
}

pub(super) fn counters(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let counters = &report.samples.counters;
    if counters.is_empty() {
        return not_sampled(f, &report.samples.unavailable);
    }
    let mut table = Table::new(["COUNTERS", "unit", "samples", "min", "max", "last"]);
    // The program's own come first, and what sampling costs last.
    let mut by_interest: Vec<_> = counters.iter().collect();
    by_interest.sort_by_key(|counter| {
        SampledCounter::named(counter.name.recorded()).map(|sampled| sampled.source().round() == sampled)
    });
    for counter in by_interest.into_iter().take(ROWS) {
        let show = |number: CounterNumber| match number {
            CounterNumber::Integer(n) if counter.unit == "bytes" => Bytes(n).to_string(),
            CounterNumber::Integer(n) => grouped(n),
            CounterNumber::Float(x) if x.abs() < 1e15 => format!("{x:.3}"),
            CounterNumber::Float(x) => format!("{x:e}"),
        };
        let device = counter.device.map_or_else(String::new, |ordinal| format!(" (device {ordinal})"));
        table.row([
            shorten(&format!("{}{device}", counter.name), NAME),
            counter.unit.to_owned(),
            grouped(counter.count),
            show(counter.min),
            show(counter.max),
            show(counter.last),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, counters.len() as u64, ROWS, "counters")?;
    not_sampled(f, &report.samples.unavailable)
}

/// A line for each reason, with all that is not there because of it.
fn not_sampled(f: &mut Formatter<'_>, unavailable: &[Unavailable]) -> fmt::Result {
    let mut by_reason: Vec<(String, Vec<String>)> = Vec::new();
    for missing in unavailable {
        let device = missing.device.map_or_else(String::new, |ordinal| format!(" (device {ordinal})"));
        let reason = format!("{}{device}", shorten(&missing.why, REASON));
        match by_reason.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, what)) => what.push(missing.what.to_string()),
            None => by_reason.push((reason, vec![missing.what.to_string()])),
        }
    }
    for (reason, what) in by_reason.iter().take(ROWS) {
        writeln!(f, "  not sampled: {}: {reason}", shorten(&what.join(", "), REASON))?;
    }
    and_more(f, by_reason.len() as u64, ROWS, "reasons why something is not sampled")
}

pub(super) fn marks(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    // What is said of the whole recording stands at its head.
    let marks: Vec<_> = report.marks.iter().filter(|mark| !mark.is_fact()).collect();
    if marks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["MARKS", "count", "first", "last"]);
    for mark in marks.iter().take(ROWS) {
        let times = [mark.first_ns.to_string(), mark.last_ns.to_string()];
        let [first, last] = times;
        table.row([shorten(&mark.name, NAME), grouped(mark.count), first, last]);
    }
    write!(f, "\n{table}")?;
    and_more(f, marks.len() as u64, ROWS, "names")
}
