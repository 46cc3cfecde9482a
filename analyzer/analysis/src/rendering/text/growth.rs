//! Growth: the cycles and the memory that each retains, its owners, and duplicate weights.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{NAME, and_more, percent};
use crate::{
    report::{Cycle, CycleHeap, Duplicate, Report, Retained, Shape, Survivors, Trend, is_nobody},
    table::{Table, grouped, shorten},
};

/// The most cycles whose owners are shown: those that grow the most.
const OWNED: usize = 2;

/// The most owners of one kind.
const OWNERS: usize = 6;

/// The most names in a line.
const NAMES: usize = 8;

/// The most rows of cycles.
const ROWS: usize = 12;

/// The most groups of cycles in the line of survivors.
const GROUPS: usize = 8;

pub(super) fn growth(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let growth = &report.growth;
    if let Some(why) = &growth.cycles_why {
        writeln!(f, "\n  GROWTH: not known, for {why}")?;
    } else {
        cycles(f, report)?;
        let growing =
            growth.cycles.iter().flat_map(|cycle| cycle.heaps.iter().map(move |heap| (cycle, heap)));
        let growing = growing.filter(|(_, heap)| heap.trend.shape == Shape::Grows);
        for (cycle, heap) in growing.take(OWNED) {
            owners(f, cycle, heap)?;
        }
    }
    duplicates(f, &growth.duplicates)?;
    for idle in &growth.idle {
        writeln!(
            f,
            "  {}: {} of {} reserved were unused from {} to {}",
            shorten(&idle.heap, NAME),
            idle.bytes,
            idle.reserved_bytes,
            idle.from_ns,
            idle.to_ns,
        )?;
    }
    Ok(())
}

fn cycles(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let growth = &report.growth;
    let mut table = Table::new([
        "GROWTH by cycle",
        "ends",
        "heap",
        "kept a cycle",
        "slope",
        "95% of it",
        "confidence",
        "shape",
    ]);
    let (mut rows, mut flat, mut few) = (0, Vec::new(), Vec::new());
    for cycle in &growth.cycles {
        let name = format!("{} {}", cycle.source.name(), shorten(&cycle.name, 24));
        let changing = |heap: &&CycleHeap| !matches!(heap.trend.shape, Shape::Flat | Shape::TooFew);
        let changing: Vec<_> = cycle.heaps.iter().filter(changing).collect();
        if changing.is_empty() {
            let too_few = cycle.heaps.iter().any(|heap| heap.trend.shape == Shape::TooFew);
            if too_few { &mut few } else { &mut flat }.push(format!("{name} ({} ×)", grouped(cycle.count)));
            continue;
        }
        for heap in changing {
            rows += 1;
            let trend = &heap.trend;
            if rows <= ROWS {
                table.row([
                    name.clone(),
                    grouped(cycle.count),
                    shorten(&heap.heap, 10),
                    trend.retained_bytes_per_cycle.map_or_else(|| "?".to_owned(), signed),
                    trend.slope_bytes.map_or_else(|| "?".to_owned(), slope),
                    interval(trend),
                    trend.confidence.map_or_else(|| "?".to_owned(), percent),
                    trend.shape.name().to_owned(),
                ]);
            }
        }
    }
    if rows > 0 {
        write!(f, "\n{table}")?;
        and_more(f, rows as u64, ROWS, "rows")?;
    } else {
        writeln!(f, "\n  GROWTH by cycle: none is seen")?;
    }
    names(f, "the same at every end", &flat)?;
    names(f, "ended too seldom to tell", &few)?;
    and_more(f, growth.cycles_left_out, 0, "cycles that are left out")
}

/// One line of names.
fn names(f: &mut Formatter<'_>, title: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    writeln!(f, "  {title}: {}{more}", names[..names.len().min(NAMES)].join(", "))
}

fn interval(trend: &Trend) -> String {
    match (trend.slope_low_bytes, trend.slope_high_bytes) {
        (Some(low), Some(high)) => format!("{} … {}", slope(low), slope(high)),
        _ => "?".to_owned(),
    }
}

fn owners(f: &mut Formatter<'_>, cycle: &Cycle, heap: &CycleHeap) -> fmt::Result {
    writeln!(
        f,
        "\n  retained by each {} in {}{}",
        shorten(&cycle.name, NAME),
        shorten(&heap.heap, NAME),
        cycle
            .inside
            .as_ref()
            .map_or_else(String::new, |inside| format!(" (inside {})", shorten(inside, NAME))),
    )?;
    if let Some(why) = cycle.by_module_why {
        return writeln!(f, "  not known: {why}");
    }
    for (title, owners) in
        [("by module", &heap.by_module), ("by scope", &heap.by_scope), ("by stack", &heap.by_stack)]
    {
        if owners.iter().any(|owner| !is_nobody(&owner.name)) {
            retained(f, title, owners)?;
        }
    }
    survivors(f, &heap.survivors)
}

fn retained(f: &mut Formatter<'_>, title: &str, owners: &[Retained]) -> fmt::Result {
    let mut table = Table::new([title, "kept a cycle", "held", "grew in"]);
    for owner in owners.iter().take(OWNERS) {
        table.row([
            shorten(&owner.name, 60),
            signed(owner.bytes),
            owner.held_bytes.to_string(),
            percent(owner.grew_in),
        ]);
    }
    write!(f, "{table}")?;
    and_more(f, owners.len() as u64, OWNERS, "owners")
}

/// What is left of each cycle at the last end, oldest first.
fn survivors(f: &mut Formatter<'_>, survivors: &[Survivors]) -> fmt::Result {
    let groups = survivors.chunks(survivors.len().div_ceil(GROUPS).max(1)).map(|group| {
        let bytes = Bytes(group.iter().fold(0, |sum, survivors| sum.saturating_add(survivors.bytes.0)));
        match (group.first(), group.last()) {
            (Some(first), Some(last)) if first.first_cycle < last.last_cycle => {
                format!("{}-{}: {bytes}", first.first_cycle, last.last_cycle)
            }
            (Some(first), _) => format!("{}: {bytes}", first.first_cycle),
            _ => String::new(),
        }
    });
    writeln!(f, "  left at the last end, by the cycle of birth: {}", groups.collect::<Vec<_>>().join(", "))
}

fn duplicates(f: &mut Formatter<'_>, duplicates: &[Duplicate]) -> fmt::Result {
    if duplicates.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["WEIGHTS in memory twice", "bytes", "wasted", "from", "to", "together"]);
    for duplicate in duplicates.iter().take(ROWS) {
        let names: Vec<_> = duplicate.names.iter().map(ToString::to_string).collect();
        table.row([
            shorten(&names.join(" = "), 48),
            duplicate.bytes.to_string(),
            duplicate.wasted_bytes.to_string(),
            duplicate.from_ns.to_string(),
            duplicate.to_ns.to_string(),
            duplicate.together_ns.to_string(),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, duplicates.len() as u64, ROWS, "fingerprints")
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "" };
    format!("{sign}{}", Bytes(bytes.unsigned_abs()))
}

fn slope(bytes: f64) -> String {
    signed(bytes.round() as i64)
}
