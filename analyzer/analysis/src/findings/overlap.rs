//! Loads that forwards waited for, although computation before could have hidden them.

use memtrace_format::Bytes;

use super::{Case, Judgement, Rule, percent_of_run, share_of_run};
use crate::{
    report::{Module, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule = Rule {
    id: "overlap",
    title: "forwards wait for weights that could have been loaded ahead",
    topic: Topic::Swaps,
    judge,
};

/// Loading ahead takes a stream, pinned memory and room for two modules: for less of the run than this nobody does it.
const WORTH_IT: f64 = 0.05;

/// What comes next is known when the order has shown itself, not after a handful of waits.
const WAITS: u64 = 8;

fn judge(report: &Report) -> Judgement {
    if report.modules.iter().all(|module| module.forwards == 0) {
        return Judgement::Na("no forward is recorded".to_owned());
    }
    let transfers = &report.transfers;
    let (hideable, hidden) = (transfers.hideable_ns, transfers.hidden_ns);
    let share = share_of_run(report, hideable);
    if share < WORTH_IT || transfers.reload_waits < WAITS {
        let percent = percent_of_run(report, hideable);
        return Judgement::Ok(format!(
            "loading ahead could hide {hideable} ({percent}); {hidden} are hidden"
        ));
    }
    let mut waited: Vec<&Module> =
        report.modules.iter().filter(|module| module.loads > 1 && module.stall_ns.0 > 0).collect();
    waited.sort_by_key(|module| std::cmp::Reverse(module.stall_ns));
    let largest = waited.iter().filter_map(|module| module.bytes).max().unwrap_or(Bytes(0));
    Judgement::Warn(Case {
        evidence: format!(
            "forwards waited {} times, {} in all, for modules that had been on the device before; the forwards before could \
             have hidden {hideable} of that ({}), with room for the next module beside the one in use (the largest takes \
             {largest})",
            grouped(transfers.reload_waits),
            transfers.reload_stall_ns,
            percent_of_run(report, hideable),
        ),
        advice: "load the next module on its own stream while this one computes, from pinned memory with \
                 non_blocking=True; diffusers: enable_group_offload with use_stream=True; Forge: --cuda-stream"
            .to_owned(),
        places: waited
            .into_iter()
            .map(|module| Place { module: Some(module.name.clone()), bytes: module.bytes, ..Place::default() })
            .collect(),
    })
}
