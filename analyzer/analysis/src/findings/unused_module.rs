//! Modules that are on a device and never run.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{Bytes, Tier};

use super::{Case, Judgement, Rule, share_of_run};
use crate::{
    Nanos,
    report::{Ended, Module, Place, Report, Stay, Topic},
};

pub(super) const RULE: Rule = Rule {
    id: "unused-module",
    title: "modules are on a device and never run",
    topic: Topic::Residency,
    judge,
};

/// Less than this share of what the device held at most makes room for nothing.
const LARGE: f64 = 0.01;

/// A module that came less than this share of the run before its end may have been for what comes next.
const LONG: f64 = 0.01;

/// The most modules that the evidence names.
const NAMES: usize = 3;

/// The most parents that are followed up: a damaged file may have them in a circle.
const DEPTH: usize = 64;

/// A module on a device that nobody runs.
struct Unused<'a> {
    module: &'a Module,
    bytes: Bytes,
    since: Nanos,
    resident: Nanos,
}

impl Unused<'_> {
    fn weight(&self) -> f64 {
        self.bytes.0 as f64 * self.resident.0 as f64
    }
}

fn judge(report: &Report) -> Judgement {
    if report.modules.iter().all(|module| module.forwards == 0) {
        return Judgement::Na("no forward is recorded".to_owned());
    }
    let peaks = report.heaps.iter().filter(|heap| heap.device.is_some());
    let most = peaks.map(|heap| heap.peak.figures.allocated_bytes).max().unwrap_or(Bytes(0));
    let mut unused = unused(report);
    unused.retain(|unused| {
        let bytes = unused.bytes.0 as f64;
        bytes >= most.0 as f64 * LARGE
            && share_of_run(report, unused.resident) >= LONG
            && unused.weight() > 0.0
    });
    unused.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    if unused.is_empty() {
        return Judgement::Ok("every large module on a device is run".to_owned());
    }
    if report.trace.is_part() {
        return Judgement::Na("a part of a run does not show which modules the rest uses".to_owned());
    }
    if !matches!(report.trace.ended, Ended::Clean | Ended::Untold) {
        let name = &unused[0].module.name;
        return Judgement::Na(format!("the run was cut short, and {name} may have been for later"));
    }
    let told = |unused: &Unused<'_>| {
        let Unused { module, bytes, resident, .. } = unused;
        format!("{} ({bytes}) for {resident}", module.name)
    };
    let names: Vec<_> = unused.iter().take(NAMES).map(told).collect();
    let more = unused.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Judgement::Warn(Case {
        evidence: format!(
            "on a device without a forward of them, their parts or their parents: {}{more}",
            names.join(", ")
        ),
        advice: "load it when it is needed, or keep it on the host until then: module.to(\"cpu\"), or del it and \
                 torch.cuda.empty_cache(); unload what an earlier job needed (upscalers, ControlNets, refiners)"
            .to_owned(),
        places: unused
            .iter()
            .map(|unused| Place {
                time_ns: Some(unused.since),
                module: Some(unused.module.name.clone()),
                bytes: Some(unused.bytes),
                ..Place::default()
            })
            .collect(),
    })
}

fn unused(report: &Report) -> Vec<Unused<'_>> {
    let parents: HashMap<u32, u32> =
        report.modules.iter().filter_map(|module| Some((module.id, module.parent_id?))).collect();
    let line = |id: u32| std::iter::successors(Some(id), |id| parents.get(id).copied()).take(DEPTH);
    let run: HashSet<u32> =
        report.modules.iter().filter(|module| module.forwards > 0).map(|module| module.id).collect();
    // Whoever contains a module that is run is run.
    let used: HashSet<u32> = run.iter().flat_map(|&id| line(id)).collect();
    let is_used = |id: u32| used.contains(&id) || line(id).any(|id| run.contains(&id));
    report
        .modules
        .iter()
        .filter(|module| module.loads > 0 || module.evictions > 0)
        .filter(|module| !is_used(module.id))
        .filter_map(|module| {
            let on_device = |stay: &&Stay| matches!(stay.tier, Tier::Device(_));
            let since = module.residency.iter().find(on_device)?.from_ns;
            let resident = module.time_on_devices()?;
            Some(Unused { module, bytes: module.bytes?, since, resident })
        })
        .collect()
}
