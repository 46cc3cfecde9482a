//! Events that contradict each other although none is missing: the engine's hooks are wrong.

use super::{Case, Judgement, Rule};
use crate::{
    report::{Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule =
    Rule { id: "oddities", title: "events contradict each other", topic: Topic::Trace, judge };

/// What is no contradiction where recording began in the middle of a program, or ended in it.
const BORDERS: &str = "is not recorded";

/// The most kinds that the evidence names.
const KINDS: usize = 3;

/// So small a part of the events leaves every figure as it is; more of them, and sums drift.
const BEARABLE: f64 = 0.001;

fn judge(report: &Report) -> Judgement {
    let trace = &report.trace;
    if trace.dropped.total > 0 || trace.damaged_chunks > 0 {
        return Judgement::Na(
            "events are missing, so the others may seem to contradict each other".to_owned(),
        );
    }
    let odd = trace.oddities.iter().filter(|(what, _)| !what.ends_with(BORDERS));
    let mut odd: Vec<_> = odd.map(|(what, &count)| (count, *what)).collect();
    if odd.is_empty() {
        return Judgement::Ok("no event contradicts another".to_owned());
    }
    odd.sort_unstable_by(|a, b| b.cmp(a));
    let kinds: Vec<_> =
        odd.iter().take(KINDS).map(|(count, what)| format!("{} × {what}", grouped(*count))).collect();
    let case = Case {
        evidence: kinds.join("; "),
        advice: "check the engine's hooks: record a free before it happens and an alloc after it happened, record every path that \
                 frees, and end scopes and forwards on the thread that began them"
            .to_owned(),
        places: Vec::new(),
    };
    let count = odd.iter().map(|(count, _)| *count).fold(0, u64::saturating_add);
    if count as f64 <= trace.events as f64 * BEARABLE { Judgement::Warn(case) } else { Judgement::Fail(case) }
}
