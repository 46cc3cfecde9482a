//! The comparison in words and tables: what changed, and nothing that did not.

use std::fmt::{self, Display, Formatter};

use crate::diff::{
    Change, CycleHeapDiff, Diff, Figure, HeapDiff, Judgement, Run, ShareDiff, Side, StackDiff,
};
use crate::{
    rendering::{filter_words, range_words, stack_lines},
    report::{Ended, Shape, is_nobody},
    table::{Table, shorten},
};

/// The widest name in a table.
pub(super) const NAME: usize = 40;
/// The most rows of a table; the rest is counted.
pub(super) const ROWS: usize = 20;

/// The most stacks that are listed.
pub(super) const STACKS: usize = 5;
/// The most owners of each kind that are listed of what a cycle keeps.
const OWNERS: usize = 2;

/// A comparison as text.
#[derive(Clone, Copy, Debug)]
pub struct DiffText<'a>(pub &'a Diff);

impl Display for DiffText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let diff = self.0;
        run(f, "A", &diff.a)?;
        run(f, "B", &diff.b)?;
        match &diff.judgement {
            Some(judgement) => judged(f, judgement)?,
            None => writeln!(f)?,
        }
        trade(f, diff)?;
        for of in &diff.heaps {
            heap(f, of)?;
        }
        movement(f, diff)?;
        modules(f, diff)?;
        growth(f, diff)?;
        phases(f, diff)
    }
}

/// What B takes more of and what less, in a line: the fullest heap's peak, waits, swaps, failed requests.
fn trade(f: &mut Formatter<'_>, diff: &Diff) -> fmt::Result {
    let mut traded = Vec::new();
    let fullest = diff
        .heaps
        .iter()
        .max_by_key(|heap| (heap.of_device, heap.peak_allocated_bytes.a.max(heap.peak_allocated_bytes.b)));
    if let Some(heap) = fullest {
        let name = shorten(&heap.name, NAME);
        traded.extend(exchanged(&format!("peak of {name}"), &heap.peak_allocated_bytes));
        traded.extend(exchanged(&format!("left in {name}"), &heap.end_allocated_bytes));
    }
    traded.extend(exchanged("waits for weights", &diff.transfers.stall_ns));
    traded.extend(exchanged("time of swaps", &diff.swaps.ns));
    traded.extend(exchanged("swaps", &diff.swaps.count));
    traded.extend(exchanged("failed requests", &diff.failed_requests));
    let traded =
        if traded.is_empty() { "the same peak, waits and swaps".to_owned() } else { traded.join(", ") };
    writeln!(f, "B against A: {traded}")
}

/// A figure that changed, as what B has more or less of it.
fn exchanged<T: Figure>(what: &str, change: &Change<T>) -> Option<String> {
    let by = change.difference.filter(|&by| by != 0)?;
    Some(format!("{what} {}", signed(by < 0, T::from_number(by.unsigned_abs()))))
}

fn run(f: &mut Formatter<'_>, name: &str, run: &Run) -> fmt::Result {
    let engine =
        run.engine.as_ref().map_or_else(|| "unknown engine".to_owned(), |engine| shorten(engine, NAME));
    writeln!(
        f,
        "{name}  {engine}, {} events in {}{}",
        run.events,
        run.duration_ns,
        match run.ended {
            Ended::Untold => String::new(),
            ended => format!(", ended {}", ended.name()),
        }
    )?;
    if let Some(range) = &run.range {
        writeln!(f, "   {}", range_words(range))?;
    }
    if let Some(filter) = &run.filter {
        writeln!(f, "   only {}", filter_words(filter))?;
    }
    match run.losses {
        Some(losses) => writeln!(f, "   sums may be too small: {losses}"),
        None => Ok(()),
    }
}

fn heap(f: &mut Formatter<'_>, heap: &HeapDiff) -> fmt::Result {
    let mut table =
        Table::new([&format!("HEAP {}{}", shorten(&heap.name, NAME), only(heap.only_in)), "A", "B", "B − A"]);
    row(&mut table, "peak allocated", &heap.peak_allocated_bytes);
    row(&mut table, "peak reserved", &heap.peak_reserved_bytes);
    row(&mut table, "allocated at the end", &heap.end_allocated_bytes);
    row(&mut table, "reserved at the end", &heap.end_reserved_bytes);
    write!(f, "\n{table}")?;
    shares(f, "peak by module", &heap.peak_by_module)?;
    shares(f, "peak by scope", &heap.peak_by_scope)?;
    stacks(f, &heap.peak_by_stack)
}

fn shares(f: &mut Formatter<'_>, title: &str, shares: &[ShareDiff]) -> fmt::Result {
    let changed: Vec<&ShareDiff> = shares.iter().filter(|share| !share.bytes.is_same()).collect();
    let mut table = Table::new([title, "A", "B", "B − A"]);
    for share in changed.iter().take(ROWS) {
        row(&mut table, &shorten(&share.name, NAME), &share.bytes);
    }
    if_any(f, &table, changed.len(), "owners")
}

/// Nothing where no stack was recorded.
fn stacks(f: &mut Formatter<'_>, stacks: &[StackDiff]) -> fmt::Result {
    if stacks.iter().all(|stack| stack.stack.is_empty()) {
        return Ok(());
    }
    let changed: Vec<&StackDiff> = stacks.iter().filter(|stack| !stack.bytes.is_same()).collect();
    let mut table = Table::new(["peak by stack", "A", "B", "B − A"]);
    for stack in changed.iter().take(STACKS) {
        let mut lines = stack_lines(&stack.stack);
        row(&mut table, &lines.next().unwrap_or_else(|| "(no stack)".to_owned()), &stack.bytes);
        lines.for_each(|line| table.row([line]));
    }
    if_any_of(f, &table, (changed.len(), STACKS), "stacks")
}

fn movement(f: &mut Formatter<'_>, diff: &Diff) -> fmt::Result {
    let mut table = Table::new(["MOVES", "A", "B", "B − A"]);
    for direction in &diff.transfers.by_direction {
        let way = way(direction.direction);
        row(&mut table, &format!("{way}, transfers"), &direction.count);
        row(&mut table, &format!("{way}, bytes"), &direction.bytes);
    }
    row(&mut table, "pageable", &diff.transfers.pageable_bytes);
    row(&mut table, "pinned", &diff.transfers.pinned_bytes);
    row(&mut table, "time of transfers", &diff.transfers.ns);
    row(&mut table, "forwards waited", &diff.transfers.stall_ns);
    row(&mut table, "swaps", &diff.swaps.count);
    row(&mut table, "bytes of swaps", &diff.swaps.bytes);
    row(&mut table, "time of swaps", &diff.swaps.ns);
    row(&mut table, "thrash", &diff.swaps.thrash_count);
    row(&mut table, "bytes of thrash", &diff.swaps.thrash_bytes);
    row(&mut table, "failed requests", &diff.failed_requests);
    write!(f, "\n{table}")
}

/// A direction in the words of the report.
fn way(key: &str) -> &str {
    match key {
        "h2d" => "host to device",
        "d2h" => "device to host",
        "d2d" => "device to device",
        "h2h" => "host to host",
        key => key,
    }
}

fn modules(f: &mut Formatter<'_>, diff: &Diff) -> fmt::Result {
    let changed: Vec<_> = diff
        .modules
        .iter()
        .filter(|module| {
            let counts = [&module.instances, &module.forwards, &module.loads, &module.evictions];
            !module.transfer_bytes.is_same() || counts.iter().any(|count| !count.is_same())
        })
        .collect();
    let mut table =
        Table::new(["MODULES that differ", "instances", "forwards", "loads", "evicted", "moved", "B − A"]);
    for module in changed.iter().take(ROWS) {
        table.row([
            format!("{}{}", shorten(&module.name, NAME), only(module.only_in)),
            pair(&module.instances),
            pair(&module.forwards),
            pair(&module.loads),
            pair(&module.evictions),
            pair(&module.transfer_bytes),
            difference(&module.transfer_bytes),
        ]);
    }
    if_any(f, &table, changed.len(), "modules")
}

fn growth(f: &mut Formatter<'_>, diff: &Diff) -> fmt::Result {
    let heaps = diff.growth.iter().flat_map(|cycle| cycle.heaps.iter().map(move |heap| (cycle, heap)));
    let changed: Vec<_> = heaps
        .filter(|(_, heap)| heap.retained_bytes_per_cycle.difference.is_some_and(|by| by != 0))
        .collect();
    let mut told = Vec::new();
    let mut table = Table::new(["KEPT a cycle, where it differs", "heap", "ends", "A", "B", "B − A"]);
    for (cycle, heap) in changed.iter().take(ROWS) {
        let kept = &heap.retained_bytes_per_cycle;
        table.row([
            format!("{} {}", cycle.source.name(), shorten(&cycle.name, NAME)),
            shorten(&heap.heap, NAME),
            pair(&cycle.count),
            shaped(one(kept.a), heap.a_shape),
            shaped(one(kept.b), heap.b_shape),
            difference(kept),
        ]);
        // Whose it is matters where it goes on growing, and is about the same for all that repeats with it.
        let grows = [heap.a_shape, heap.b_shape].contains(&Some(Shape::Grows));
        if grows && !told.contains(&&heap.heap) {
            owners(&mut table, heap);
            told.push(&heap.heap);
        }
    }
    if_any(f, &table, changed.len(), "cycles")
}

fn owners(table: &mut Table, heap: &CycleHeapDiff) {
    for (by, owners) in [("module", &heap.by_module), ("scope", &heap.by_scope), ("at", &heap.by_stack)] {
        let changed = owners.iter().filter(|owner| !owner.bytes.is_same() && !is_nobody(&owner.name));
        for owner in changed.take(OWNERS) {
            let name = format!("  {by} {}", shorten(&owner.name, NAME));
            let [a, b] = [owner.bytes.a, owner.bytes.b].map(one);
            table.row([name, String::new(), String::new(), a, b, difference(&owner.bytes)]);
        }
    }
}

fn shaped(kept: String, shape: Option<Shape>) -> String {
    shape.map_or_else(|| kept.clone(), |shape| format!("{kept} ({})", shape.name()))
}

fn phases(f: &mut Formatter<'_>, diff: &Diff) -> fmt::Result {
    if let Some(why) = diff.phases_why {
        return writeln!(f, "\n  phases are not compared: {why}");
    }
    let changed = diff.phases.iter().flat_map(|phase| phase.heaps.iter().map(move |heap| (phase, heap)));
    let changed: Vec<_> = changed
        .filter(|(_, heap)| !heap.peak_allocated_bytes.is_same() || !heap.end_allocated_bytes.is_same())
        .collect();
    let mut table =
        Table::new(["PHASES that differ", "heap", "time A → B", "peak A → B", "B − A", "end, B − A"]);
    for (phase, heap) in changed.iter().take(ROWS) {
        table.row([
            format!("{} #{}{}", shorten(&phase.name, NAME), phase.ordinal + 1, only(phase.only_in)),
            shorten(&heap.heap, NAME),
            pair(&phase.duration_ns),
            pair(&heap.peak_allocated_bytes),
            difference(&heap.peak_allocated_bytes),
            difference(&heap.end_allocated_bytes),
        ]);
    }
    if_any(f, &table, changed.len(), "phases")
}

fn judged(f: &mut Formatter<'_>, judgement: &Judgement) -> fmt::Result {
    let share = |share: Option<f64>| {
        share.map_or_else(|| "not judged".to_owned(), |share| format!("{}%", share * 100.0))
    };
    let (bytes, times) = (share(judgement.tolerance.bytes), share(judgement.tolerance.times));
    writeln!(f, "\nWORSE in B (tolerance: bytes and counts {bytes}, times {times})")?;
    for worse in &judgement.worse {
        writeln!(f, "  {}: {} → {}", worse.figure, worse.a, worse.b)?;
    }
    for unknown in &judgement.unknown {
        writeln!(f, "  {}: not known ({})", unknown.figure, unknown.why)?;
    }
    if judgement.is_well(false) { writeln!(f, "  nothing") } else { Ok(()) }
}

pub(super) fn row<T: Figure>(table: &mut Table, name: &str, change: &Change<T>) {
    if change.a.is_some() || change.b.is_some() {
        table.row([name.to_owned(), one(change.a), one(change.b), difference(change)]);
    }
}

fn one<T: Figure>(figure: Option<T>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

fn pair<T: Figure>(change: &Change<T>) -> String {
    if change.is_same() { one(change.a) } else { format!("{} → {}", one(change.a), one(change.b)) }
}

fn difference<T: Figure>(change: &Change<T>) -> String {
    match change.difference {
        None => "?".to_owned(),
        Some(difference) => signed(difference < 0, T::from_number(difference.unsigned_abs())),
    }
}

pub(super) fn signed<T: Figure>(is_less: bool, size: T) -> String {
    match size.number() {
        0 => "=".to_owned(),
        _ => format!("{}{size}", if is_less { '−' } else { '+' }),
    }
}

fn only(side: Option<Side>) -> &'static str {
    match side {
        Some(Side::A) => " (only in A)",
        Some(Side::B) => " (only in B)",
        None => "",
    }
}

pub(super) fn if_any(f: &mut Formatter<'_>, table: &Table, rows: usize, what: &str) -> fmt::Result {
    if_any_of(f, table, (rows, ROWS), what)
}

/// The table if it has rows; `listed` is the most that it has.
pub(super) fn if_any_of(
    f: &mut Formatter<'_>,
    table: &Table,
    (rows, listed): (usize, usize),
    what: &str,
) -> fmt::Result {
    if rows == 0 {
        return Ok(());
    }
    write!(f, "\n{table}")?;
    match rows.checked_sub(listed) {
        Some(more @ 1..) => writeln!(f, "  … and {more} more {what} (--json has them all)"),
        _ => Ok(()),
    }
}
