//! Processes that ended without closing the trace: killed or crashed.

use memtrace_format::{Bytes, SampledCounter};

use super::{Case, Judgement, Rule, sampled};
use crate::report::{Ended, Place, Report, Topic};

pub(super) const RULE: Rule =
    Rule { id: "killed", title: "the process was killed or crashed", topic: Topic::Trace, judge };

/// With less than this part of its memory available, the kernel is likely to have been who killed.
const LITTLE: f64 = 0.05;

fn judge(report: &Report) -> Judgement {
    match report.trace.ended {
        _ if report.trace.is_cut_off() => {
            return Judgement::Na("a part of a run does not show how the run ended".to_owned());
        }
        Ended::Clean => return Judgement::Ok("the process closed the trace when it ended".to_owned()),
        Ended::Untold => {
            return Judgement::Na("the imported recording does not say how the process ended".to_owned());
        }
        Ended::Running => return Judgement::Na("the process is still running".to_owned()),
        Ended::Killed => {}
    }
    let end = report.trace.duration_ns;
    let last = |counter| sampled::counter(report, counter, None).map(|counter| sampled::bytes(counter.last));
    let host = last(SampledCounter::HostAvailable).zip(last(SampledCounter::HostTotal));
    let short = host.filter(|&(available, total)| (available as f64) < total as f64 * LITTLE);
    let (why, advice) = match short {
        Some((available, total)) => (
            format!("; {} of {} host memory was available then", Bytes(available), Bytes(total)),
            "check whether the kernel killed it because memory ran out (journalctl -k, or a container's memory.events); if so, \
             keep less in host memory",
        ),
        None => (
            String::new(),
            "no recorded event is lost; the program's log, a core dump or journalctl -k may show the cause (SIGKILL, abort, a \
             crash in a library)",
        ),
    };
    Judgement::Warn(Case {
        evidence: format!("the process ended at {end} without closing the trace (killed or crashed){why}"),
        advice: advice.to_owned(),
        places: vec![Place { time_ns: Some(end), ..Place::default() }],
    })
}
