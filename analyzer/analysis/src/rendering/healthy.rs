//! What is said of a run in which no rule found anything wrong: how full it was, what room there was, what swapping cost.

use std::fmt::{self, Display, Formatter};

use super::text::percent;
use crate::{
    report::Report,
    table::{grouped, shorten},
};

/// The widest name.
const NAME: usize = 40;

/// A sentence of a run in which nothing is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Healthy<'a>(pub &'a Report);

impl Display for Healthy<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        f.write_str("Nothing wrong found")?;
        if let Some(heap) = report.main_heap().map(|main| &report.heaps[main]) {
            let peak = heap.peak.by.of(&heap.peak.figures);
            write!(f, ": {} had {peak} at its peak", shorten(&heap.name, NAME))?;
            if let Some(capacity) = report.capacity(heap) {
                write!(f, " of {capacity}")?;
            }
            let monitor = report.samples.monitor.iter().find(|monitor| Some(monitor.device) == heap.device);
            if let Some(free) = monitor.and_then(|monitor| monitor.min_free) {
                write!(f, ", with {free} free at the least")?;
            }
        }
        let swaps = &report.swaps;
        if swaps.count > 0 {
            let share = swaps.ns.0 as f64 / report.trace.told_ns().0.max(1) as f64;
            let (count, ns, stall) = (grouped(swaps.count), swaps.ns, swaps.stall_ns);
            write!(
                f,
                "; {count} swaps took {ns} ({} of the run), and forwards waited {stall}",
                percent(share)
            )?;
        }
        f.write_str(".")
    }
}
