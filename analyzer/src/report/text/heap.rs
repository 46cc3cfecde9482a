//! A heap: its peak and the owners of it, how fragmented it got.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{NAME, ROWS, and_more, maybe, percent, plural};
use crate::{
    Text,
    report::{
        BlockSizes, FragmentationAt, Heap, Share,
        table::{Table, grouped, shorten},
    },
};

/// The most blocks that are listed.
const BLOCKS: usize = 10;
/// The most of their stacks, and the most frames of each.
const STACKS: usize = 3;
const FRAMES: usize = 6;

pub(super) fn heap(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    let device = heap.device.map_or_else(String::new, |ordinal| format!(" {ordinal}"));
    writeln!(f, "\nHEAP {} ({}{device}), {}", shorten(&heap.name, NAME), heap.kind, heap.known.name())?;
    let peak = &heap.peak;
    writeln!(
        f,
        "  peak {} {} at {} (event {}, {} {})",
        peak.by.of(&peak.figures),
        peak.by.name(),
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
        writeln!(
            f,
            "  before the events that were kept: {bytes} allocated at {time}, owners not known any more"
        )?;
    }
    let counted = |count: u64, word| format!("{} {}", grouped(count), plural(count, word));
    let (allocs, frees) = (counted(heap.allocs, "alloc"), counted(heap.frees, "free"));
    writeln!(f, "  {allocs}, {frees}, {} live at the end", counted(heap.end_blocks, "block"))?;
    if heap.baseline_bytes.0 > 0 {
        let baseline = heap.baseline_bytes;
        let counted =
            if heap.baseline_counted { "the figures count" } else { "the figures below do not count" };
        writeln!(f, "  {baseline} were live before recording began; {counted} them")?;
    }
    if heap.block_sizes == BlockSizes::Deduced {
        writeln!(
            f,
            "  block sizes are not recorded; they follow from what was asked for and the allocator's rules"
        )?;
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
        shares(f, title, owners, peak.by.of(&peak.figures))?;
    }
    blocks(f, heap)?;
    stacks(f, heap)?;
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

/// Where the largest blocks were asked for. Frames without a line are left out where others have one: they are the allocator's
/// and the interpreter's own.
fn stacks(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    let with_stack = heap.peak.blocks.iter().take(BLOCKS).filter(|block| !block.stack.is_empty());
    for (index, block) in with_stack.take(STACKS).enumerate() {
        if index == 0 {
            writeln!(f, "\n  who asked for them, the innermost call first")?;
        }
        writeln!(f, "    {} ({})", block.address, block.bytes)?;
        // As definitions write them: `function (file:line)`.
        let line = |frame: &Text| frame.recorded().rsplit_once(':')?.1.strip_suffix(')')?.parse::<u32>().ok();
        let has_source = |frame: &&Text| line(frame).is_some();
        let mut frames: Vec<&Text> = block.stack.iter().filter(has_source).collect();
        if frames.is_empty() {
            frames = block.stack.iter().collect();
        }
        for frame in frames.iter().take(FRAMES) {
            writeln!(f, "      {}", shorten(frame, 94))?;
        }
        let left_out = block.stack.len() - frames.len().min(FRAMES);
        if left_out > 0 {
            writeln!(
                f,
                "      … and {left_out} more {} (--json has them)",
                plural(left_out as u64, "frame")
            )?;
        }
    }
    Ok(())
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
