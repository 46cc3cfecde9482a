//! Failed requests, and what would have served them.

use super::{Case, Judgement, Rule};
use crate::{
    model::CallSite,
    report::{OutOfMemory, Place, Proof, Report, Topic, Verdict},
    table::{grouped, shorten},
};

pub(super) const RULE: Rule =
    Rule { id: "out-of-memory", title: "requests for memory failed", topic: Topic::Ooms, judge };

/// The most remedies of the moment that the advice repeats.
const REMEDIES: usize = 2;

/// The widest name in a sentence.
const NAME: usize = 48;

/// One request that fails ends a job, or the run.
fn judge(report: &Report) -> Judgement {
    if let Some(why) = report.ooms_why {
        return Judgement::Na(why.to_owned());
    }
    if report.ooms_total == 0 {
        let requests = report.heaps.iter().map(|heap| heap.allocs).sum();
        return Judgement::Ok(format!("none of {} requests failed", grouped(requests)));
    }
    // The first that something is known of.
    let known = |oom: &&OutOfMemory| oom.verdict != Verdict::Unknown && oom.would_have_fit_why.is_none();
    let Some(first) = report.ooms.iter().find(known).or(report.ooms.first()) else {
        return Judgement::Na("the failed requests were not kept".to_owned());
    };
    let pins = first.pinning.iter().map(|pin| Place {
        time_ns: Some(first.time_ns),
        heap: Some(first.heap.clone()),
        module: Some(pin.module.clone()),
        bytes: Some(pin.bytes),
    });
    let requests = report.ooms.iter().map(|oom| Place {
        time_ns: Some(oom.time_ns),
        heap: Some(oom.heap.clone()),
        module: Some(oom.module.clone()),
        bytes: Some(oom.requested_bytes),
    });
    let places = requests.chain(pins).collect();
    Judgement::Fail(Case { evidence: evidence(report, first), advice: advice(first), places })
}

/// What the user wants to know first, then where it was, then the sums.
fn evidence(report: &Report, first: &OutOfMemory) -> String {
    let more = match report.ooms_total {
        1 => String::new(),
        all => format!("{} requests failed; one of them: ", grouped(all)),
    };
    let asker = CallSite::of(&first.stack).map_or_else(String::new, |site| format!(", at {site}"));
    let headline = if first.adds_a_headline() { format!("{}; ", first.headline) } else { String::new() };
    let mut evidence = format!(
        "{more}{headline}at {} on {}, by {} in {}{asker}; cause: {}: {}",
        first.time_ns,
        shorten(&first.heap, NAME),
        shorten(&first.module, NAME),
        shorten(&first.scope, NAME),
        first.verdict.name(),
        first.evidence
    );
    if let Some(why) = first.verdict_why {
        evidence.push_str(&format!("; cause unknown: {why}"));
    }
    if let Some(pin) = first.pinning.iter().max_by_key(|pin| pin.bytes) {
        evidence.push_str(&format!(
            "; without {} {} there would have been room: the largest has {}, of module {} in {}",
            grouped(first.pinning_total),
            if first.pinning_total == 1 { "block" } else { "blocks" },
            pin.bytes,
            shorten(&pin.module, NAME),
            shorten(&pin.scope, NAME)
        ));
    }
    evidence
}

/// What was proved, the whole course first; then what follows from the cause.
fn advice(first: &OutOfMemory) -> String {
    let proved = |proof: Proof| first.would_have_fit.iter().filter(move |remedy| remedy.proof == proof);
    let mut tips: Vec<String> = Vec::new();
    match first.verdict {
        Verdict::Capacity => tips.push(less_at_once(first)),
        Verdict::Fragmentation => {
            tips.extend(proved(Proof::Course).map(|remedy| format!("{} (proved by a model of the whole run)", remedy.what)));
            if first.pinning_total > 0 {
                tips.push("allocate the blocks that stay before those that come and go".to_owned());
            }
        }
        Verdict::OtherProcesses => tips.push(
            "end the other processes on the device (nvidia-smi lists them), or give each process a share of it".to_owned(),
        ),
        Verdict::Unknown if first.device_free_bytes.is_none() => {
            tips.push("record what the device has free (MEMTRACE_SAMPLE=driver=20)".to_owned());
        }
        Verdict::Unknown => tips.push("look at what was live then (--at oom)".to_owned()),
    }
    let of_state: Vec<_> = proved(Proof::State).take(REMEDIES).collect();
    if !of_state.is_empty() {
        let all: Vec<_> =
            of_state.iter().map(|remedy| format!("{} ({})", remedy.what, remedy.bytes)).collect();
        let what = if first.alone().is_empty() { "it" } else { "this request alone" };
        tips.push(format!("at that moment {what} would have been served by {}", all.join(", or ")));
    }
    tips.join("; ")
}

/// What the recorded models would need with less of them on the device at a time.
fn less_at_once(first: &OutOfMemory) -> String {
    let fitting: Vec<_> = first.strategies.iter().filter(|way| way.fits == Some(true)).collect();
    if !fitting.is_empty() {
        let ways =
            fitting.iter().map(|way| format!("{}, which needs {} at its peak", way.setting, way.bytes));
        return ways.collect::<Vec<_>>().join(", or ");
    }
    let not_known: Vec<_> = first.strategies.iter().filter(|way| way.fits.is_none()).collect();
    let smaller = "smaller images, batches or contexts, or weights of fewer bits";
    if not_known.is_empty() {
        return smaller.to_owned();
    }
    let ways = not_known.iter().map(|way| format!("{}, which needs {} and more", way.setting, way.bytes));
    format!("{}; {smaller}", ways.collect::<Vec<_>>().join(", or "))
}
