//! The comparison of two instants in words and tables: what came, what went, and nothing that stayed.

use std::fmt::{self, Display, Formatter};

use memtrace_format::Bytes;

use super::diff::{NAME, ROWS, STACKS, if_any, if_any_of, row, signed};
use crate::diff::{Flow, HeapFlow, Lot, OwnerFlow, SnapshotsDiff};
use crate::{
    rendering::{age_words, block_table, size_words, stack_lines},
    report::is_nobody,
    table::{Table, grouped, shorten},
};

/// A comparison of two instants as text.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotsDiffText<'a>(pub &'a SnapshotsDiff);

impl Display for SnapshotsDiffText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let diff = self.0;
        writeln!(f, "A  at {}\nB  at {}", diff.a_ns, diff.b_ns)?;
        let (devices, others): (Vec<_>, Vec<_>) = diff.heaps.iter().partition(|heap| heap.of_device);
        devices.into_iter().chain(others).try_for_each(|of| heap(f, of))
    }
}

fn heap(f: &mut Formatter<'_>, heap: &HeapFlow) -> fmt::Result {
    let title = format!("HEAP {}", shorten(&heap.name, NAME));
    if heap.is_same() {
        return writeln!(f, "\n  {title}: nothing came or went");
    }
    let mut table = Table::new([&title, "A", "B", "B − A"]);
    row(&mut table, "requested", &heap.requested_bytes);
    row(&mut table, "allocated", &heap.allocated_bytes);
    row(&mut table, "active", &heap.active_bytes);
    row(&mut table, "reserved", &heap.reserved_bytes);
    write!(f, "\n{table}")?;
    let all = &heap.all;
    let lot = |lot: Lot| format!("{} in {}", lot.bytes, grouped(lot.blocks));
    writeln!(
        f,
        "  blocks: new {}, gone {}; {} at A, {} at B",
        lot(all.new),
        lot(all.gone),
        lot(all.a),
        lot(all.b)
    )?;
    owners(f, "by module", &heap.by_module)?;
    owners(f, "by scope", &heap.by_scope)?;
    // Where all is one thread's, or of one class, that says nothing.
    if heap.by_thread.len() > 1 {
        owners(f, "by thread", &heap.by_thread)?;
    }
    stacks(f, heap)?;
    let sizes = heap.by_size.iter().rev().filter(|class| !class.flow.is_same());
    flows(f, "by block size", "classes", sizes.map(|class| (size_words(class.from_bytes), class.flow)))?;
    let ages = heap.by_age.iter().filter(|class| class.flow.a != class.flow.b);
    let ages = ages.map(|class| (age_words(class.from_ns, class.below_ns), class.flow));
    flows(f, "by age at the time", "classes", ages)?;
    block_table(f, "new, the largest", &heap.new_blocks, all.new.blocks)?;
    block_table(f, "gone, the largest", &heap.gone_blocks, all.gone.blocks)
}

/// Nothing where nobody owns anything.
fn owners(f: &mut Formatter<'_>, title: &str, owners: &[OwnerFlow]) -> fmt::Result {
    if owners.iter().all(|owner| is_nobody(&owner.name)) {
        return Ok(());
    }
    flows(f, title, "owners", owners.iter().map(|owner| (shorten(&owner.name, NAME), owner.flow)))
}

fn flows(
    f: &mut Formatter<'_>,
    title: &str,
    what: &str,
    flows: impl Iterator<Item = (String, Flow)>,
) -> fmt::Result {
    let mut table = Table::new([title, "A", "B", "B − A", "new", "gone"]);
    let mut count = 0;
    for (name, flow) in flows {
        if count < ROWS {
            flow_row(&mut table, name, &flow);
        }
        count += 1;
    }
    if_any(f, &table, count, what)
}

fn flow_row(table: &mut Table, name: String, flow: &Flow) {
    let difference = i128::from(flow.b.bytes.0) - i128::from(flow.a.bytes.0);
    let (new, gone) = (flow.new.bytes.to_string(), flow.gone.bytes.to_string());
    let (a, b) = (flow.a.bytes.to_string(), flow.b.bytes.to_string());
    let size = u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX);
    table.row([name, a, b, signed(difference < 0, Bytes(size)), new, gone]);
}

/// Nothing where no stack was recorded.
fn stacks(f: &mut Formatter<'_>, heap: &HeapFlow) -> fmt::Result {
    let stacks = &heap.by_stack;
    if stacks.iter().all(|stack| stack.stack.is_empty()) {
        return Ok(());
    }
    let mut table = Table::new(["by stack", "A", "B", "B − A", "new", "gone"]);
    for stack in stacks.iter().take(STACKS) {
        let mut lines = stack_lines(&stack.stack);
        flow_row(&mut table, lines.next().unwrap_or_else(|| "(no stack)".to_owned()), &stack.flow);
        lines.for_each(|line| table.row([line]));
    }
    if_any_of(f, &table, (stacks.len(), STACKS), "stacks")
}
