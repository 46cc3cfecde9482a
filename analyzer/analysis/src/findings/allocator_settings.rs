//! Settings of PyTorch's allocator, as rules may advise them: not what is on, and not what was refuted.

use crate::{
    allocator_model::SETTING,
    report::{Heap, Report},
};

/// Segments that grow where they are.
pub(super) const EXPANDABLE: &str = "expandable_segments:True";

/// Whether it may help to try a setting: it is not on, and no model has followed the course with it in vain.
pub(super) fn is_worth_trying(report: &Report, setting: &str) -> bool {
    !is_on(report, setting) && !is_refuted(report, setting)
}

/// Whether a model followed the whole course with it, and a request failed all the same.
fn is_refuted(report: &Report, setting: &str) -> bool {
    let tried = report.ooms.iter().flat_map(|oom| &oom.would_not_have_fit);
    tried.filter(|tried| tried.refuted).any(|tried| tried.what.recorded().ends_with(setting))
}

/// By what an import says of the settings, and by what the segments are.
fn is_on(report: &Report, setting: &str) -> bool {
    let said = setting.to_lowercase().replace(':', "=");
    let is_said = |name: &str| name.strip_prefix(SETTING).is_some_and(|name| name == said);
    report.marks.iter().any(|mark| is_said(mark.name.recorded()))
        || (setting == EXPANDABLE && report.heaps.iter().any(has_growing_segments))
}

fn has_growing_segments(heap: &Heap) -> bool {
    let instants =
        heap.fragmentation.iter().flat_map(|at| [&at.at_peak, &at.worst, &at.most_pinned, &at.end]);
    instants.flat_map(|at| &at.layout.segments).any(|segment| segment.is_expandable)
}
