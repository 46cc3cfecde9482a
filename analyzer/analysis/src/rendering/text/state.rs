//! The contents of the heaps at one instant.

use std::fmt::{self, Display, Formatter};

use super::{NAME, breakdown, fragmentation, heap::block_table, maybe, plural};
use crate::{
    report::{HeapContents, State},
    table::{grouped, shorten},
};

/// The state at an instant as text.
#[derive(Clone, Copy, Debug)]
pub struct StateText<'a>(pub &'a State);

impl Display for StateText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {}", self.0.time_ns)?;
        // Accelerator memory is what people come for.
        let (devices, others): (Vec<&HeapContents>, Vec<&HeapContents>) =
            self.0.heaps.iter().partition(|heap| heap.device.is_some());
        devices.into_iter().chain(others).try_for_each(|heap| heap_state(f, heap))
    }
}

fn heap_state(f: &mut Formatter<'_>, heap: &HeapContents) -> fmt::Result {
    let device = heap.device.map_or_else(String::new, |ordinal| format!(" {ordinal}"));
    writeln!(f, "\nHEAP {} ({}{device})", shorten(&heap.name, NAME), heap.kind)?;
    let figures = &heap.figures;
    writeln!(
        f,
        "  requested {}, allocated {}, active {}, reserved {}; {} {}, after {} {}",
        maybe(figures.requested_bytes),
        figures.allocated_bytes,
        figures.active_bytes,
        maybe(figures.reserved_bytes),
        grouped(heap.blocks_total),
        plural(heap.blocks_total, "block"),
        grouped(heap.events),
        plural(heap.events, "event"),
    )?;
    let whole = heap.live_bytes();
    let live = &heap.breakdown;
    breakdown::shares(f, "by module", &live.by_module, whole)?;
    breakdown::shares(f, "by scope", &live.by_scope, whole)?;
    breakdown::threads(f, "by thread", &live.by_thread, whole)?;
    breakdown::lines(f, "by your own line", &live.by_line, whole)?;
    breakdown::stacks(f, "by stack", &live.by_stack, whole)?;
    breakdown::sizes(f, "by block size", &live.by_size, whole)?;
    breakdown::ages(f, "by age", &live.by_age, whole)?;
    block_table(f, "largest blocks", &heap.blocks, heap.blocks_total)?;
    heap.fragmentation.as_ref().map_or(Ok(()), |at| fragmentation::in_full(f, at))
}
