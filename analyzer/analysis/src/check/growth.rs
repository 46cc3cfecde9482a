//! Limits on the growth per cycle.

use memtrace_format::Bytes;

use super::{Budget, Checker};
use crate::report::{Cycle, Report, Shape, Trend};

const NO_CYCLE: &str = "nothing repeated often enough to tell";
const NOT_THERE: &str = "nothing of this name repeats";
const TOO_FEW: &str = "it repeated too seldom to tell";

impl Checker {
    /// Holds each heap against what all cycles may leave behind, by the one that leaves the most (the first of several); and named ones by themselves.
    pub(super) fn growth(&mut self, report: &Report, budget: &Budget) {
        let cycles = &report.growth.cycles;
        if let Some(limit) = &budget.max_growth {
            let mut told = false;
            for heap in &report.heaps {
                let of =
                    |cycle: &'_ Cycle| Some((kept(trend(cycle, heap)?, Shape::Over)?, cycle.name.clone()));
                if let Some((kept, name)) = cycles.iter().rev().filter_map(of).max_by_key(|(kept, _)| *kept) {
                    told = true;
                    let figure = format!("kept by {} a {}", heap.name.recorded(), name.recorded());
                    self.limit(figure, "bytes", limit.bytes.0, kept, self.trust);
                }
            }
            if !told {
                self.unknown("kept a cycle".to_owned(), limit.bytes, NO_CYCLE);
            }
        }
        for (name, limits) in &budget.cycles {
            let Some(limit) = limits.max_growth else { continue };
            let named: Vec<&Cycle> = cycles.iter().filter(|cycle| cycle.name.recorded() == name).collect();
            if named.is_empty() {
                self.unknown(format!("kept a {name}"), limit, NOT_THERE);
            }
            for heap in &report.heaps {
                self.named(name, limit, &named, heap);
            }
        }
    }

    /// Of a phase and a mark of one name, the one that leaves the most counts.
    fn named(&mut self, name: &str, limit: Bytes, cycles: &[&Cycle], heap: &crate::report::Heap) {
        let trends: Vec<&Trend> = cycles.iter().filter_map(|cycle| trend(cycle, heap)).collect();
        let figure = format!("kept by {} a {name}", heap.name.recorded());
        match trends.iter().filter_map(|trend| kept(trend, Shape::TooFew)).max() {
            Some(kept) => self.limit(figure, "bytes", limit.0, kept, self.trust),
            None if trends.is_empty() => {}
            None => self.unknown(figure, limit, TOO_FEW),
        }
    }
}

fn trend<'a>(cycle: &'a Cycle, heap: &crate::report::Heap) -> Option<&'a Trend> {
    cycle.heaps.iter().find(|of| of.heap == heap.name).map(|of| &of.trend)
}

/// What is kept each time: the robust slope, which a cache that has filled leaves at zero; where it grows for sure, what was
/// kept indeed. None: it ended too seldom to tell, or `not` so that it counts.
fn kept(trend: &Trend, not: Shape) -> Option<u64> {
    if trend.shape == Shape::TooFew || trend.shape == not {
        return None;
    }
    let slope = trend.slope_bytes?.max(0.0) as u64;
    let retained = trend.retained_bytes_per_cycle.filter(|_| trend.shape == Shape::Grows).unwrap_or(0);
    Some(slope.max(u64::try_from(retained).unwrap_or(0)))
}
