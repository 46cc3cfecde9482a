//! What a failed request's job still needed: its phase by what earlier runs took, a module with what it was seen to compute with.

use crate::{
    collectors::{FailedRequest, PhaseRecord, Work},
    oom::{Need, NeedOf},
    source::Definitions,
};

/// Puts what a module was seen to compute with in place of the least that it must.
pub(super) fn add_work(needs: &mut [Need], device: u32, work: &Work, definitions: &Definitions) {
    for need in needs {
        if let NeedOf::Load(module) = need.of
            && let Some(seen) = work.of_unit(definitions, device, module)
        {
            need.work = seen;
        }
    }
}

/// What the phases that were open on the request's thread still needed: the one that asked for the most. `phases` are in the order in
/// which they began.
pub(super) fn rest_of_phases(failed: &FailedRequest, phases: &[PhaseRecord]) -> Option<Need> {
    let (time, thread) = (failed.now.time, failed.now.thread);
    let open = phases.iter().enumerate().filter(|(_, phase)| {
        phase.thread == thread && phase.from <= time && time <= phase.to && (phase.to > time || !phase.ended)
    });
    let needs = open.filter_map(|(at, phase)| rest_of(failed, phase, &phases[..at]));
    needs.max_by_key(Need::still)
}

/// The first run of a phase may load what all others find. So a single run before it says only how full the heap has to become, and
/// later ones by how much.
fn rest_of(failed: &FailedRequest, phase: &PhaseRecord, before: &[PhaseRecord]) -> Option<Need> {
    let alike = |earlier: &&PhaseRecord| {
        earlier.name == phase.name
            && earlier.thread == phase.thread
            && earlier.ended
            && earlier.to <= phase.from
    };
    let mut earlier = before.iter().rev().filter(alike);
    let (latest, more) = (earlier.next()?.heaps.get(failed.heap)?, earlier.next().is_some());
    let began = phase.heaps.get(failed.heap).map_or(0, |span| span.at_begin.allocated);
    let rise = latest.peak_allocated.saturating_sub(latest.at_begin.allocated);
    let whole = if more { rise } else { rise.min(latest.peak_allocated.saturating_sub(began)) };
    let there = failed.allocated.saturating_sub(began);
    Some(Need { of: NeedOf::Phase(phase.name), whole, work: 0, there })
}
