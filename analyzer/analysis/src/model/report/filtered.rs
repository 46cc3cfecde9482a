//! A report of a part of what happened: what is not known of the part has another reason than of the whole.

use super::{Figures, Filtered, Report};
use crate::{Filter, Text};

const NOBODYS: &str = "segments are a heap's, not a thread's";
const SAMPLED_ELSEWHERE: &str = "what was sampled is a device's, not a thread's";

impl Report {
    /// Says what alone was looked at, and what cannot be said of that.
    pub(crate) fn note_filter(&mut self, filter: &Filter) {
        let thread = filter.thread.as_ref().map(|name| Text::new(name.as_str()));
        if thread.is_some() {
            self.forget_segments();
            self.ledger.clear();
            self.ledger_trends.clear();
        }
        self.trace.filter = Some(Filtered { device: filter.device, thread });
    }

    /// Of a thread's blocks it is known that they lie in no segment of its own, not that there are no segments.
    fn forget_segments(&mut self) {
        let explain = |why: &mut Option<&'static str>| {
            if why.is_some() {
                *why = Some(NOBODYS);
            }
        };
        let figures = |figures: &mut Figures| explain(&mut figures.reserved_bytes_why);
        for heap in &mut self.heaps {
            explain(&mut heap.reserved_peak_why);
            explain(&mut heap.fragmentation_why);
            figures(&mut heap.end);
            figures(&mut heap.peak.figures);
        }
        for heap in self.phases.iter_mut().flat_map(|phase| &mut phase.heaps) {
            explain(&mut heap.peak_reserved_bytes_why);
            figures(&mut heap.at_begin);
            figures(&mut heap.at_end);
        }
        for failed in &mut self.ooms {
            explain(&mut failed.inactive_bytes_why);
            explain(&mut failed.largest_free_bytes_why);
        }
        for monitor in &mut self.samples.monitor {
            explain(&mut monitor.reserved_why);
            explain(&mut monitor.reserved_peak_why);
            for why in [
                &mut monitor.free_why,
                &mut monitor.total_why,
                &mut monitor.min_free_why,
                &mut monitor.system_peak_why,
            ] {
                if why.is_some() {
                    *why = Some(SAMPLED_ELSEWHERE);
                }
            }
        }
    }
}
