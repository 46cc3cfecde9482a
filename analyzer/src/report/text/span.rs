//! What happened over time: phases, counters, marks, failed requests.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{NAME, ROWS, and_more, maybe};
use crate::report::{
    CounterNumber, HeapInPhase, Report,
    table::{Table, grouped, shorten},
};

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
        return Ok(());
    }
    let mut table = Table::new(["COUNTERS", "unit", "samples", "min", "max", "last"]);
    for counter in counters.iter().take(ROWS) {
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
    and_more(f, counters.len() as u64, ROWS, "counters")
}

pub(super) fn marks(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.marks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["MARKS", "count", "first", "last"]);
    for mark in report.marks.iter().take(ROWS) {
        let times = [mark.first_ns.to_string(), mark.last_ns.to_string()];
        let [first, last] = times;
        table.row([shorten(&mark.name, NAME), grouped(mark.count), first, last]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.marks.len() as u64, ROWS, "names")
}

pub(super) fn failures(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.ooms_total == 0 {
        return Ok(());
    }
    let mut table = Table::new([
        "OUT OF MEMORY",
        "heap",
        "asked for",
        "inactive",
        "largest hole",
        "device free",
        "module",
    ]);
    for failed in report.ooms.iter().take(ROWS) {
        table.row([
            format!("at {}", failed.time_ns),
            shorten(&failed.heap, 10),
            failed.requested_bytes.to_string(),
            maybe(failed.inactive_bytes),
            maybe(failed.largest_free_bytes),
            maybe(failed.device_free_bytes),
            shorten(&failed.module, 24),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.ooms_total, ROWS.min(report.ooms.len()), "failed requests")
}
