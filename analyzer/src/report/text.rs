//! The report in words and tables, to be pasted into a bug report: at most about a hundred columns, nothing but printable
//! characters.

use std::fmt::{self, Display, Formatter};

use memtrace_format::Bytes;

use super::{
    CounterNumber, Direction, Ended, FragmentationAt, Heap, HeapInPhase, Info, Report, Share, Trace,
    table::{Table, grouped, shorten, utc},
};

/// The widest name in a table.
const NAME: usize = 40;
/// The most rows of a table; the rest is counted.
const ROWS: usize = 20;
/// The most blocks that are listed.
const BLOCKS: usize = 10;

/// A report as text.
#[derive(Clone, Copy, Debug)]
pub struct ReportText<'a>(pub &'a Report);

impl Display for ReportText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        header(f, &report.trace)?;
        losses(f, &report.trace)?;
        // Accelerator memory is what people come for.
        let (devices, others): (Vec<&Heap>, Vec<&Heap>) =
            report.heaps.iter().partition(|heap| heap.device.is_some());
        for heap in devices.into_iter().chain(others) {
            self::heap(f, heap)?;
        }
        modules(f, report)?;
        transfers(f, report)?;
        swaps(f, report)?;
        phases(f, report)?;
        counters(f, report)?;
        marks(f, report)?;
        failures(f, report)
    }
}

/// What `memtrace info` says, as text.
#[derive(Clone, Copy, Debug)]
pub struct InfoText<'a>(pub &'a Info);

impl Display for InfoText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Info { trace, file_bytes, session, .. } = self.0;
        header(f, trace)?;
        let chunks = &trace.chunks;
        writeln!(f, "file        {file_bytes}, format {}, session {session}", trace.format_version)?;
        writeln!(
            f,
            "chunks      {} of events ({} not finished), {} of definitions, {} never used ({})",
            grouped(chunks.events),
            grouped(chunks.unsealed),
            grouped(chunks.definitions),
            grouped(chunks.free),
            trace.never_used_bytes,
        )?;
        losses(f, trace)?;
        let mut table = Table::new(["EVENTS", "count"]);
        for (kind, count) in &self.0.events_by_kind {
            table.row([(*kind).to_owned(), grouped(*count)]);
        }
        write!(f, "\n{table}")?;
        let mut table = Table::new(["DEFINITIONS", "count"]);
        for (kind, count) in &self.0.definitions {
            table.row([(*kind).to_owned(), grouped(*count)]);
        }
        write!(f, "\n{table}")?;
        let mut table = Table::new(["THREADS", "id", "os id", "events", "chunks"]);
        for thread in self.0.threads.iter().take(ROWS) {
            table.row([
                shorten(&thread.name, NAME),
                thread.id.to_string(),
                thread.os_id.map_or_else(|| "?".to_owned(), |id| id.to_string()),
                grouped(thread.events),
                grouped(thread.chunks),
            ]);
        }
        write!(f, "\n{table}")?;
        and_more(f, self.0.threads.len() as u64, ROWS, "threads")
    }
}

fn header(f: &mut Formatter<'_>, trace: &Trace) -> fmt::Result {
    let engine = match (&trace.engine, &trace.engine_version) {
        (Some(engine), Some(version)) => format!("{} {}", shorten(engine, NAME), shorten(version, NAME)),
        (Some(engine), None) => shorten(engine, NAME),
        (None, _) => "unknown engine".to_owned(),
    };
    let ended = match trace.ended {
        Ended::Clean => "cleanly",
        Ended::Killed => "without a word: the process was killed; what it had recorded is here",
        Ended::Running => "not yet: the process is still recording",
    };
    writeln!(f, "engine      {engine}, process {}", trace.pid)?;
    writeln!(f, "recorded    {}, for {}", utc(trace.start_unix_ns), trace.duration_ns)?;
    writeln!(f, "ended       {ended}")?;
    if let Some(from) = trace.kept_from_ns {
        writeln!(f, "kept        from {from} on (ring); what was live then is known, counts and peaks are from then on")?;
    }
    if let Some(why) = &trace.stopped_why {
        writeln!(f, "stopped     {}", shorten(why, 88))?;
    }
    let (events, threads) = (grouped(trace.events), grouped(trace.threads));
    writeln!(
        f,
        "events      {events} of {threads} {}, clock {}",
        plural(trace.threads, "thread"),
        trace.clock
    )
}

fn losses(f: &mut Formatter<'_>, trace: &Trace) -> fmt::Result {
    if trace.dropped.total == 0 && trace.damaged_chunks == 0 && trace.oddities.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nLOSSES (figures below lack what is missing here)")?;
    for (cause, &count) in trace.dropped.by_cause.iter().filter(|(_, count)| **count > 0) {
        writeln!(f, "  {} {} dropped: {cause}", grouped(count), plural(count, "event"))?;
    }
    if trace.damaged_chunks > 0 {
        let (chunks, word) = (grouped(trace.damaged_chunks), plural(trace.damaged_chunks, "chunk"));
        writeln!(f, "  {chunks} damaged {word}, {} unreadable", trace.unreadable_bytes)?;
    }
    for place in &trace.damage {
        writeln!(f, "    {place}")?;
    }
    for (what, &count) in &trace.oddities {
        writeln!(f, "  {} × {what}", grouped(count))?;
    }
    Ok(())
}

fn heap(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    let device = heap.device.map_or_else(String::new, |ordinal| format!(" {ordinal}"));
    writeln!(f, "\nHEAP {} ({}{device}), {}", shorten(&heap.name, NAME), heap.kind, heap.known.name())?;
    let peak = &heap.peak;
    writeln!(
        f,
        "  peak {} allocated at {} (event {}, {} {})",
        peak.figures.allocated_bytes,
        peak.time_ns,
        grouped(peak.event_index),
        grouped(peak.blocks_total),
        plural(peak.blocks_total, "block"),
    )?;
    if let Some(reserved) = &heap.reserved_peak {
        writeln!(f, "  most reserved {} at {}", reserved.bytes, reserved.time_ns)?;
    }
    if let Some(before) = &heap.peak_before {
        let (bytes, time) = (before.allocated_bytes, before.time_ns);
        writeln!(f, "  before the events that were kept: {bytes} allocated at {time}, owners not known any more")?;
    }
    let counted = |count: u64, word| format!("{} {}", grouped(count), plural(count, word));
    let (allocs, frees) = (counted(heap.allocs, "alloc"), counted(heap.frees, "free"));
    writeln!(f, "  {allocs}, {frees}, {} live at the end", counted(heap.end_blocks, "block"))?;
    if heap.baseline_bytes.0 > 0 {
        let baseline = heap.baseline_bytes;
        writeln!(f, "  {baseline} were live before recording began; the figures below do not count them")?;
    }
    let mut table = Table::new(["", "requested", "allocated", "active", "reserved"]);
    for (name, figures) in [("at the peak", &peak.figures), ("at the end", &heap.end)] {
        table.row([
            name.to_owned(),
            figures.requested_bytes.to_string(),
            figures.allocated_bytes.to_string(),
            figures.active_bytes.to_string(),
            maybe(figures.reserved_bytes),
        ]);
    }
    write!(f, "\n{table}")?;
    for (title, owners) in [
        ("peak by module", &peak.by_module),
        ("peak by scope", &peak.by_scope),
        ("peak by thread", &peak.by_thread),
    ] {
        shares(f, title, owners, peak.figures.allocated_bytes)?;
    }
    blocks(f, heap)?;
    fragmentation(f, heap)
}

fn shares(f: &mut Formatter<'_>, title: &str, owners: &[Share], whole: Bytes) -> fmt::Result {
    if owners.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share"]);
    for owner in owners.iter().take(ROWS) {
        let share = percent(owner.bytes.0 as f64 / whole.0.max(1) as f64);
        table.row([shorten(&owner.name, 60), owner.bytes.to_string(), share]);
    }
    write!(f, "\n{table}")?;
    and_more(f, owners.len() as u64, ROWS, "owners")
}

fn blocks(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    if heap.peak.blocks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["largest blocks at the peak", "bytes", "age", "module", "scope"]);
    for block in heap.peak.blocks.iter().take(BLOCKS) {
        table.row([
            block.address.to_string(),
            block.bytes.to_string(),
            block.age_ns.to_string(),
            shorten(&block.module, 24),
            shorten(&block.scope, 24),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, heap.peak.blocks_total, BLOCKS, "blocks")
}

fn fragmentation(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    let Some(fragmentation) = &heap.fragmentation else { return Ok(()) };
    let mut table =
        Table::new(["fragmentation", "at", "inactive", "holes", "largest", "external", "in use", "internal"]);
    let mut row = |name: &str, at: &FragmentationAt| {
        table.row([
            name.to_owned(),
            at.time_ns.to_string(),
            at.inactive_bytes.to_string(),
            grouped(at.free_blocks),
            at.largest_free_bytes.to_string(),
            at.external.map_or_else(|| "-".to_owned(), percent),
            at.active_over_reserved.map_or_else(|| "-".to_owned(), percent),
            at.internal_bytes.to_string(),
        ]);
    };
    row("at the peak", &fragmentation.at_peak);
    row("worst", &fragmentation.worst);
    row("at the end", &fragmentation.end);
    write!(f, "\n{table}")
}

fn modules(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.modules.is_empty() {
        return Ok(());
    }
    let mut table =
        Table::new(["MODULES", "size", "forwards", "loads", "evicted", "moved", "in transfer", "on device"]);
    for module in report.modules.iter().take(ROWS * 2) {
        let on_device = module.resident_ns.iter().filter(|(tier, _)| tier.starts_with("device"));
        let on_device = on_device.fold(crate::Nanos(0), |sum, (_, ns)| sum.plus(*ns));
        table.row([
            shorten(&module.name, 32),
            maybe(module.bytes),
            grouped(module.forwards),
            grouped(module.loads),
            grouped(module.evictions),
            module.transfer_bytes.to_string(),
            module.transfer_ns.to_string(),
            if module.residency_why.is_some() { "?".to_owned() } else { on_device.to_string() },
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.modules.len() as u64, ROWS * 2, "modules")
}

fn transfers(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let transfers = &report.transfers;
    if transfers.count == 0 && transfers.unfinished == 0 {
        return Ok(());
    }
    let mut table = Table::new(["TRANSFERS", "count", "bytes", "time", "GB/s p50", "p99", "max"]);
    let by = &transfers.by_direction;
    let directions: [(&str, &Direction); 6] = [
        ("host to device", &by.h2d),
        ("device to host", &by.d2h),
        ("device to device", &by.d2d),
        ("host to host", &by.h2h),
        ("disk", &by.disk),
        ("other", &by.other),
    ];
    for (name, direction) in directions.into_iter().filter(|(_, direction)| direction.count > 0) {
        let speed = |pick: fn(&super::Bandwidth) -> f64| {
            direction.gbps.as_ref().map_or_else(|| "-".to_owned(), |gbps| format!("{:.2}", pick(gbps)))
        };
        table.row([
            name.to_owned(),
            grouped(direction.count),
            direction.bytes.to_string(),
            direction.ns.to_string(),
            speed(|gbps| gbps.p50),
            speed(|gbps| gbps.p99),
            speed(|gbps| gbps.max),
        ]);
    }
    write!(f, "\n{table}")?;
    let (pageable, pinned) = (transfers.pageable_bytes, transfers.pinned_bytes);
    writeln!(
        f,
        "  pageable {pageable}, pinned {pinned}; forwards waited {} for transfers",
        transfers.stall_ns
    )?;
    if transfers.unfinished > 0 {
        writeln!(f, "  {} began and did not end", grouped(transfers.unfinished))?;
    }
    Ok(())
}

fn swaps(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let swaps = &report.swaps;
    if swaps.count == 0 {
        return Ok(());
    }
    let mut table = Table::new(["SWAPS, by what came in", "count", "bytes", "time", "waited for"]);
    for module in swaps.by_module.iter().take(ROWS) {
        table.row([
            shorten(&module.name, NAME),
            grouped(module.count),
            module.bytes.to_string(),
            module.ns.to_string(),
            module.stall_ns.to_string(),
        ]);
    }
    table.row([
        "all".to_owned(),
        grouped(swaps.count),
        swaps.bytes.to_string(),
        swaps.ns.to_string(),
        swaps.stall_ns.to_string(),
    ]);
    write!(f, "\n{table}")?;
    and_more(f, swaps.by_module.len() as u64, ROWS, "modules")?;
    match (&swaps.thrash, swaps.thrash_why) {
        (Some(thrash), _) => writeln!(
            f,
            "  thrash (evicted and loaded again within one phase): {} × in {}, {} moved",
            grouped(thrash.count),
            thrash.ns,
            thrash.bytes,
        ),
        (None, why) => writeln!(f, "  thrash: not known ({})", why.unwrap_or("no reason given")),
    }
}

fn phases(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.phases.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["PHASES", "from", "took", "thread", "heap", "before", "most", "after"]);
    for phase in report.phases.iter().take(ROWS) {
        let largest = phase.heaps.iter().max_by_key(|heap| heap.peak_allocated_bytes);
        let figure = |pick: fn(&HeapInPhase) -> Bytes| maybe(largest.map(pick));
        table.row([
            shorten(&phase.name, 24),
            phase.from_ns.to_string(),
            phase.to_ns.since(phase.from_ns).to_string(),
            shorten(&phase.thread, 14),
            largest.map_or_else(|| "-".to_owned(), |heap| shorten(&heap.heap, 10)),
            figure(|heap| heap.at_begin.allocated_bytes),
            figure(|heap| heap.peak_allocated_bytes),
            figure(|heap| heap.at_end.allocated_bytes),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.phases_total, ROWS.min(report.phases.len()), "phases")
}

fn counters(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
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

fn marks(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
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

fn failures(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
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

fn and_more(f: &mut Formatter<'_>, all: u64, shown: usize, what: &str) -> fmt::Result {
    match all.checked_sub(shown as u64) {
        Some(more @ 1..) => writeln!(f, "  … and {} more {what} (--json has what is kept)", grouped(more)),
        _ => Ok(()),
    }
}

fn maybe(bytes: Option<Bytes>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| bytes.to_string())
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
