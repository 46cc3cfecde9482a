//! Modules that are evicted and loaded again within one phase: the swaps undo each other.

use super::{Case, Judgement, Rule, percent_of_run, share_of_run};
use crate::{
    report::{ModuleSwaps, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule =
    Rule { id: "thrash", title: "modules are evicted and soon loaded again", topic: Topic::Swaps, judge };

/// Where reloads take more of the run than this, they are what makes it slow.
const BAD: f64 = 0.1;

/// Where they take less of it than this, nobody gains by preventing them.
const BEARABLE: f64 = 0.01;

/// With the same room, so much less would have to be loaded that who leaves is the matter, and not how much room there is.
const POOR_CHOICE: f64 = 0.75;

/// The most modules that the evidence names.
const NAMES: usize = 3;

fn judge(report: &Report) -> Judgement {
    let swaps = &report.swaps;
    let Some(thrash) = swaps.thrash else {
        return Judgement::Na(swaps.thrash_why.unwrap_or("the trace does not show it").to_owned());
    };
    if thrash.count == 0 {
        return Judgement::Ok(format!(
            "none of {} swaps brings a module back in the phase that evicted it",
            grouped(swaps.count)
        ));
    }
    let share = share_of_run(report, thrash.ns);
    let percent = percent_of_run(report, thrash.ns);
    if share < BEARABLE {
        return Judgement::Ok(format!(
            "{} swaps that bring a module back in the phase that evicted it take {percent}",
            grouped(thrash.count)
        ));
    }
    let mut movers: Vec<&ModuleSwaps> =
        swaps.by_module.iter().filter(|module| module.thrash.count > 0).collect();
    movers.sort_by_key(|module| std::cmp::Reverse(module.thrash.ns));
    let names: Vec<_> = movers.iter().take(NAMES).map(|module| module.name.to_string()).collect();
    let mut evidence = format!(
        "a module came back {} times in the phase that evicted it: {} moved in {} ({percent}), most for {}",
        grouped(thrash.count),
        thrash.bytes,
        thrash.ns,
        names.join(", "),
    );
    let mut advice = "keep these modules on the device together (a larger budget for resident modules, or --medvram instead of \
                      --lowvram), or run each for longer before the next (fewer live previews)"
        .to_owned();
    if let Some(bound) = &swaps.lower_bound {
        let (loaded, achievable) = (bound.loaded_bytes, bound.achievable_bytes);
        evidence.push_str(&format!(
            "; {loaded} were loaded, and {achievable} would have been enough in the same memory, had others been evicted"
        ));
        if (achievable.0 as f64) < loaded.0 as f64 * POOR_CHOICE {
            advice.push_str("; or evict what is needed last instead of what was used least recently: forwards repeat their order");
        }
    }
    let places = movers
        .iter()
        .map(|module| Place {
            module: Some(module.name.clone()),
            bytes: Some(module.thrash.bytes),
            time_ns: swaps
                .costliest
                .iter()
                .find(|swap| swap.thrash && swap.module == module.name)
                .map(|swap| swap.time_ns),
            ..Place::default()
        })
        .collect();
    let case = Case { evidence, advice, places };
    if share > BAD { Judgement::Fail(case) } else { Judgement::Warn(case) }
}
