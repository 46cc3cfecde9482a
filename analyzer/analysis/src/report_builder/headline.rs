//! What is said of a failed request first: what was needed, what there was, and with what it would have gone.

use memtrace_format::Bytes;

use crate::{
    oom::{Diagnosis, Need, NeedOf, greatest},
    report::{JobNeed, Proof, Remedy, Strategy, Verdict},
    table::shorten,
};

use super::names::Names;

/// The widest name in a sentence.
const NAME: usize = 48;

/// What the job needed, with names.
pub(super) fn job_need(diagnosis: &Diagnosis, names: &mut Names<'_>) -> Option<JobNeed> {
    let need = greatest(&diagnosis.needs, diagnosis.context.block())?;
    let (what, name) = match need.of {
        NeedOf::Load(module) => ("module", names.module(module)),
        NeedOf::Phase(phase) => ("phase", names.definitions.name(phase)),
    };
    let Need { whole, work, there, .. } = *need;
    Some(JobNeed {
        what,
        name,
        bytes: Bytes(whole),
        work_bytes: Bytes(work),
        there_bytes: Bytes(there),
        still_bytes: Bytes(need.still()),
    })
}

/// What happened, and what would do.
pub(super) fn headline(
    diagnosis: &Diagnosis,
    need: Option<&JobNeed>,
    strategies: &[Strategy],
    remedies: &[Remedy],
) -> String {
    let context = &diagnosis.context;
    let room = context.room();
    let asked = Bytes(context.requested);
    let wanted = match (need, room) {
        (Some(need), Some(room)) if need.what == "module" => {
            let there = Bytes(room.saturating_add(need.there_bytes.0));
            let work = match need.bytes <= there {
                true => format!(" and at least {} to compute with", need.work_bytes),
                false => String::new(),
            };
            let name = shorten(&need.name, NAME);
            format!("{name} needs {}{work}, and the device has {there} for it", need.bytes)
        }
        (Some(need), Some(room)) => format!(
            "phase {} needs {} more, by its earlier runs, and the device has {}",
            shorten(&need.name, NAME),
            need.still_bytes,
            Bytes(room)
        ),
        (_, Some(room)) => format!("{asked} were asked for, and the device has {}", Bytes(room)),
        (_, None) => format!("{asked} were asked for"),
    };
    match diagnosis.verdict {
        Verdict::Capacity => format!("{wanted}{}", smaller(strategies)),
        Verdict::OtherProcesses => {
            let others = context.other_processes.or(context.foreign()).unwrap_or_default();
            format!("{wanted}: it would fit without the {} of other processes", Bytes(others))
        }
        Verdict::Fragmentation => {
            let proved = remedies.iter().find(|remedy| remedy.proof == Proof::Course);
            let proved = proved.map_or_else(String::new, |remedy| format!("; with {} it fits", remedy.what));
            format!("{wanted}, in pieces that are too small{proved}")
        }
        Verdict::Unknown => format!("{wanted}: why it failed is not known"),
    }
}

/// What would need less. What was not seen to compute can only be said to need its weights.
fn smaller(strategies: &[Strategy]) -> String {
    let fitting: Vec<_> = strategies.iter().filter(|strategy| strategy.fits == Some(true)).collect();
    if !fitting.is_empty() {
        let ways: Vec<_> =
            fitting.iter().map(|way| format!("{} ({} at its peak)", way.setting, way.bytes)).collect();
        return format!(". It fits with {}", ways.join(" or "));
    }
    match strategies.last() {
        Some(least) if least.fits == Some(false) => {
            format!(". Even with {} it needs {}", least.setting, least.bytes)
        }
        Some(least) if least.at_least => format!(
            ". With {} it needs {} for weights, and what it computes with, which was not recorded",
            least.setting, least.weights_bytes
        ),
        _ => String::new(),
    }
}
