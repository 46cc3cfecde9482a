//! Events that are missing from the trace: every figure is a guess then.

use super::{Case, Judgement, Rule};
use crate::report::{Report, Topic, table::grouped};

pub(super) const RULE: Rule =
    Rule { id: "losses", title: "events are missing from the trace", topic: Topic::Trace, judge };

/// So small a share of lost events leaves peaks and sums right to a thousandth, unless one of them was large.
const BEARABLE: f64 = 0.001;

fn judge(report: &Report) -> Judgement {
    let trace = &report.trace;
    let (dropped, damaged) = (trace.dropped.total, trace.damaged_chunks);
    if dropped == 0 && damaged == 0 {
        return Judgement::Ok(format!("all of {} events are here", grouped(trace.events)));
    }
    let causes: Vec<_> =
        trace.dropped.by_cause.iter().map(|(cause, count)| format!("{} {cause}", grouped(*count))).collect();
    let mut evidence = Vec::new();
    if dropped > 0 {
        let all = grouped(trace.events.saturating_add(dropped));
        evidence.push(format!("{} of {all} events were dropped ({})", grouped(dropped), causes.join(", ")));
    }
    if damaged > 0 {
        evidence.push(format!("{} chunks of the file cannot be read", grouped(damaged)));
    }
    let mut advice = Vec::new();
    if dropped > 0 {
        advice.push("record to a faster or emptier disk, or keep only the newest with MEMTRACE_MODE=ring");
    }
    if damaged > 0 {
        advice.push("copy the trace anew from where it was recorded");
    }
    let case = Case { evidence: evidence.join("; "), advice: advice.join("; "), places: Vec::new() };
    let bearable = dropped as f64 <= trace.events as f64 * BEARABLE;
    if damaged == 0 && bearable { Judgement::Warn(case) } else { Judgement::Fail(case) }
}
