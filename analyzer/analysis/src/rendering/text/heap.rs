//! A heap: its peak and the owners of it, how fragmented it got.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{NAME, and_more, breakdown, fragmentation, maybe, percent, plural};
use crate::{
    model::{fit_frame, own_frames},
    report::{Block, BlockSizes, Heap, Share},
    table::{Table, grouped, shorten},
};

/// The most blocks that are listed.
const BLOCKS: usize = 10;
/// The most distinct peaks that are listed.
const PEAKS: usize = 8;
/// The most of their stacks, and the most frames of each.
const STACKS: usize = 3;
const FRAMES: usize = 6;
/// The widest of them.
const FRAME: usize = 150;

/// `capacity` is all of its device's memory.
pub(super) fn heap(f: &mut Formatter<'_>, heap: &Heap, capacity: Option<Bytes>) -> fmt::Result {
    let device = heap.device.map_or_else(String::new, |ordinal| format!(" {ordinal}"));
    writeln!(f, "\nHEAP {} ({}{device}), {}", shorten(&heap.name, NAME), heap.kind, heap.known.name())?;
    let peak = &heap.peak;
    let share = |bytes: Bytes| {
        let share = |capacity: Bytes| {
            format!(", {} of {capacity}", percent(bytes.0 as f64 / capacity.0.max(1) as f64))
        };
        capacity.map_or_else(String::new, share)
    };
    let most = peak.by.of(&peak.figures);
    let blocks = format!("{} {}", grouped(peak.blocks_total), plural(peak.blocks_total, "block"));
    let (by, share_of_peak) = (peak.by.name(), share(most));
    // Where nothing happened, nothing made the peak.
    if heap.allocs > 0 {
        let (time, event) = (peak.time_ns, grouped(peak.event_index));
        writeln!(f, "  peak {most} {by} at {time} (event {event}, {blocks}){share_of_peak}")?;
        if let Some(reserved) = &heap.reserved_peak {
            let share = share(reserved.bytes);
            writeln!(f, "  most reserved {} at {}{share}", reserved.bytes, reserved.time_ns)?;
        }
    } else {
        writeln!(f, "  live {most} {by} from the beginning ({blocks}){share_of_peak}")?;
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
            maybe(figures.requested_bytes),
            figures.allocated_bytes.to_string(),
            figures.active_bytes.to_string(),
            maybe(figures.reserved_bytes),
        ]);
    }
    write!(f, "\n{table}")?;
    let whole = peak.by.of(&peak.figures);
    breakdown::shares(f, "peak by module", &peak.by_module, whole)?;
    breakdown::shares(f, "peak by scope", &peak.by_scope, whole)?;
    breakdown::threads(f, "peak by thread", &peak.by_thread, whole)?;
    breakdown::lines(f, "peak by your own line", &peak.by_line, whole)?;
    breakdown::stacks(f, "peak by stack", &peak.by_stack, whole)?;
    breakdown::sizes(f, "peak by block size", &peak.by_size, whole)?;
    breakdown::ages(f, "peak by age", &peak.by_age, whole)?;
    peaks(f, heap)?;
    block_table(f, "largest blocks at the peak", &peak.blocks, peak.blocks_total)?;
    stacks(f, heap)?;
    heap.fragmentation.as_ref().map_or(Ok(()), |found| fragmentation::fragmentation(f, found))
}

/// What was live at the other distinct peaks, and whose most of it was.
fn peaks(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    if heap.peaks.len() < 2 {
        return Ok(());
    }
    let by = heap.peak.by;
    let mut table = Table::new(["highest peaks", "at", "event", "up from", "mostly of", "mostly in"]);
    for peak in heap.peaks.iter().take(PEAKS) {
        let most = |shares: &[Share]| {
            shares.first().map_or_else(|| "?".to_owned(), |share| shorten(&share.name, 24))
        };
        table.row([
            by.of(&peak.figures).to_string(),
            peak.time_ns.to_string(),
            grouped(peak.event_index),
            peak.valley_bytes.to_string(),
            most(&peak.breakdown.by_module),
            most(&peak.breakdown.by_scope),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, heap.peaks_total, PEAKS, "peaks")
}

/// The largest blocks.
pub(crate) fn block_table(f: &mut Formatter<'_>, title: &str, blocks: &[Block], total: u64) -> fmt::Result {
    if blocks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "age", "module", "scope"]);
    for block in blocks.iter().take(BLOCKS) {
        table.row([
            block.address.to_string(),
            block.bytes.to_string(),
            block.age_ns.to_string(),
            shorten(&block.module, 24),
            shorten(&block.scope, 24),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, total, BLOCKS, "blocks")
}

/// Where the largest blocks were asked for.
fn stacks(f: &mut Formatter<'_>, heap: &Heap) -> fmt::Result {
    let with_stack = heap.peak.blocks.iter().take(BLOCKS).filter(|block| !block.stack.is_empty());
    for (index, block) in with_stack.take(STACKS).enumerate() {
        if index == 0 {
            writeln!(f, "\n  who asked for them, the innermost call first")?;
        }
        writeln!(f, "    {} ({})", block.address, block.bytes)?;
        let frames = own_frames(&block.stack);
        for frame in frames.iter().take(FRAMES) {
            writeln!(f, "      {}", fit_frame(frame, FRAME))?;
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
