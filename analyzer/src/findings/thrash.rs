//! Modules that are evicted and loaded again within one phase: the swaps undo each other.

use super::{Case, Judgement, Rule};
use crate::report::{Place, Report, Topic, table::grouped};

pub(super) const RULE: Rule =
    Rule { id: "thrash", title: "modules are evicted and needed again at once", topic: Topic::Swaps, judge };

/// Where reloads take more of the run than this, they are what makes it slow.
const BAD: f64 = 0.1;

/// The most modules that the evidence names.
const NAMES: usize = 3;

fn judge(report: &Report) -> Judgement {
    let swaps = &report.swaps;
    let Some(thrash) = swaps.thrash else {
        return Judgement::Na(swaps.thrash_why.unwrap_or("the trace does not tell").to_owned());
    };
    if thrash.count == 0 {
        return Judgement::Ok(format!("{} swaps, none of them undone in its phase", grouped(swaps.count)));
    }
    let share = thrash.ns.0 as f64 / report.trace.duration_ns.0.max(1) as f64;
    let movers = swaps.by_module.iter().take(NAMES);
    let names: Vec<_> = movers.clone().map(|module| module.name.to_string()).collect();
    let case = Case {
        evidence: format!(
            "{} times a module came back in the phase that evicted it: {} moved in {} ({:.1}% of the run), most for {}",
            grouped(thrash.count),
            thrash.bytes,
            thrash.ns,
            share * 100.0,
            names.join(", "),
        ),
        advice: "let these modules stay on the device together (a larger budget for resident modules, or --medvram in place \
                 of --lowvram), or run each for longer before the next (fewer live previews)"
            .to_owned(),
        places: movers
            .map(|module| Place {
                module: Some(module.name.clone()),
                bytes: Some(module.bytes),
                ..Place::default()
            })
            .collect(),
    };
    if share > BAD { Judgement::Fail(case) } else { Judgement::Warn(case) }
}
