//! Weights that move repeatedly through pageable host memory: the driver copies them twice, and nothing overlaps.

use super::{Case, Judgement, Rule, percent_of_run, share_of_run};
use crate::{
    report::{Direction, Module, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule = Rule {
    id: "pageable-transfers",
    title: "weights move repeatedly through pageable memory",
    topic: Topic::Swaps,
    judge,
};

/// Page-locked memory about halves the time of a copy, so below this share of the run it gains less than anybody notices. The
/// first copy of a module each way does not count: locking its pages costs as much as it saves.
const WORTH_IT: f64 = 0.05;

fn judge(report: &Report) -> Judgement {
    let transfers = &report.transfers;
    let memory = &transfers.by_memory;
    if memory.unknown.count > 0 && memory.pageable.count == 0 && memory.pinned.count == 0 {
        return Judgement::Na("the engine does not report the kind of host memory".to_owned());
    }
    let again = transfers.pageable_again;
    let share = share_of_run(report, again.ns);
    if share < WORTH_IT {
        let percent = percent_of_run(report, again.ns);
        return Judgement::Ok(format!("repeated pageable copies take {} ({percent})", again.ns));
    }
    let speed = |direction: &Direction| direction.gbps.map(|gbps| format!(" at {:.1} GB/s (p50)", gbps.p50));
    let mut evidence = format!(
        "{} repeated copies of weights used pageable memory: {} in {} ({}){}",
        grouped(again.count),
        again.bytes,
        again.ns,
        percent_of_run(report, again.ns),
        speed(&memory.pageable).unwrap_or_default(),
    );
    if let Some(pinned) = speed(&memory.pinned) {
        evidence.push_str(&format!("; pinned copies ran{pinned}"));
    }
    let mut movers: Vec<&Module> =
        report.modules.iter().filter(|module| module.loads > 1 || module.evictions > 1).collect();
    movers.sort_by_key(|module| std::cmp::Reverse(module.transfer_ns));
    Judgement::Warn(Case {
        evidence,
        advice: "keep weights that move often in page-locked memory: pin_memory() once, then .to(device, non_blocking=True); \
                 Forge: --pin-shared-memory; diffusers: enable_group_offload with use_stream=True. Page-locked memory cannot \
                 be swapped out, and takes as much host memory as the weights"
            .to_owned(),
        places: movers
            .into_iter()
            .map(|module| Place {
                module: Some(module.name.clone()),
                bytes: Some(module.transfer_bytes),
                ..Place::default()
            })
            .collect(),
    })
}
