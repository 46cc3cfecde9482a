//! A process that ended without a word.

use memtrace_format::{Bytes, SampledCounter};

use super::{Case, Judgement, Rule, sampled};
use crate::report::{Ended, Place, Report, Topic};

pub(super) const RULE: Rule =
    Rule { id: "killed", title: "the process did not end in order", topic: Topic::Trace, judge };

/// With less than this part of its memory available, the kernel is likely to have been who killed.
const LITTLE: f64 = 0.05;

fn judge(report: &Report) -> Judgement {
    match report.trace.ended {
        _ if report.trace.is_cut_off() => {
            return Judgement::Na("a part of a run does not tell how it ended".to_owned());
        }
        Ended::Clean => return Judgement::Ok("the process ended in order".to_owned()),
        Ended::Running => return Judgement::Na("the process is still running".to_owned()),
        Ended::Killed => {}
    }
    let end = report.trace.duration_ns;
    let last = |counter| sampled::counter(report, counter, None).map(|counter| sampled::bytes(counter.last));
    let host = last(SampledCounter::HostAvailable).zip(last(SampledCounter::HostTotal));
    let short = host.filter(|&(available, total)| (available as f64) < total as f64 * LITTLE);
    let (why, advice) = match short {
        Some((available, total)) => (
            format!("; {} of {} of host memory was available then", Bytes(available), Bytes(total)),
            "see whether the kernel killed it for want of memory (journalctl -k, or a container's memory.events); if so, keep \
             less in host memory",
        ),
        None => (
            String::new(),
            "nothing that it recorded is lost; its own log, a core dump or journalctl -k may say who ended it (SIGKILL, abort, \
             a crash in a library)",
        ),
    };
    Judgement::Warn(Case {
        evidence: format!("it recorded until {end} and ended without a word: it was killed, or crashed{why}"),
        advice: advice.to_owned(),
        places: vec![Place { time_ns: Some(end), ..Place::default() }],
    })
}
