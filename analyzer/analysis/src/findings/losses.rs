//! Events that are missing from the trace: its figures are then guesses.

use memtrace_format::DropCause;

use super::{Case, Judgement, Rule};
use crate::{
    report::{Dropped, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule =
    Rule { id: "losses", title: "events are missing from the trace", topic: Topic::Trace, judge };

/// So small a share of lost events leaves peaks and sums right to a thousandth, unless one of them was large.
const BEARABLE: f64 = 0.001;

/// The most places of damage that the evidence names.
const PLACES: usize = 2;

fn judge(report: &Report) -> Judgement {
    let trace = &report.trace;
    let (dropped, damaged) = (trace.dropped.total, trace.damaged_chunks);
    // Whoever cuts a trace loses nothing.
    let stopped = trace.stopped_why.as_ref().filter(|_| !trace.is_cut_off());
    if !trace.dropped.any() && damaged == 0 && stopped.is_none() {
        if trace.is_imported() {
            return Judgement::Na(
                "the imported recording does not say whether events are missing".to_owned(),
            );
        }
        return Judgement::Ok(format!("all {} events are there", grouped(trace.events)));
    }
    let (mut evidence, mut advice) = (Vec::new(), Vec::new());
    if dropped > 0 {
        let all = grouped(trace.events.saturating_add(dropped));
        let causes = trace.dropped.by_cause.iter().filter(|(_, count)| **count > 0);
        let causes: Vec<_> = causes.map(|(cause, &count)| format!("{} {cause}", grouped(count))).collect();
        let (told, causes) = (trace.dropped.told(dropped), causes.join(", "));
        // Of how many is not known if it is not known how many were dropped.
        let of = if trace.dropped.at_least { String::new() } else { format!("of {all} ") };
        evidence.push(format!("{told} {of}events were dropped ({causes})"));
        for (cause, &count) in &trace.dropped.by_cause {
            let help = help(cause);
            if count > 0 && !advice.contains(&help) {
                advice.push(help);
            }
        }
    } else if trace.dropped.at_least {
        evidence.push(Dropped::UNTOLD.to_owned());
        advice.push(help(DropCause::NoChunk.name()));
    }
    if damaged > 0 {
        let places: Vec<_> = trace.damage.iter().take(PLACES).map(ToString::to_string).collect();
        let more = if trace.damage.len() > PLACES { ", …" } else { "" };
        let places = if places.is_empty() { String::new() } else { format!(": {}{more}", places.join(", ")) };
        evidence.push(format!(
            "{} of {} chunks cannot be read ({}){places}",
            grouped(damaged),
            grouped(damaged.saturating_add(trace.chunks.events + trace.chunks.definitions)),
            trace.unreadable_bytes,
        ));
        advice.push("copy the trace again from the machine that recorded it");
    }
    if let Some(why) = stopped {
        evidence.push(format!("recording stopped at {}, before the process ended: {why}", trace.duration_ns));
        if advice.is_empty() {
            advice.push("make room, or keep only the newest events with MEMTRACE_MODE=ring");
        }
    }
    let places = stopped.is_some().then(|| Place { time_ns: Some(trace.duration_ns), ..Place::default() });
    let case = Case {
        evidence: evidence.join("; "),
        advice: advice.join("; "),
        places: places.into_iter().collect(),
    };
    let bearable = dropped as f64 <= trace.events as f64 * BEARABLE;
    if damaged == 0 && bearable { Judgement::Warn(case) } else { Judgement::Fail(case) }
}

/// What helps against a cause, by the name that it has in every report.
fn help(cause: &str) -> &'static str {
    match cause {
        "disk full" => {
            "record to a disk with more room, or keep only the newest events with MEMTRACE_MODE=ring"
        }
        "size limit" => "raise MEMTRACE_MAX_SIZE, or keep only the newest events with MEMTRACE_MODE=ring",
        "no chunk ready" => {
            "record fewer events (`memtrace record --host-threshold` leaves out small blocks), leave a processor free for the tracer's \
             own thread, or make threads wait for room with MEMTRACE_FULL=wait"
        }
        _ => "record to a faster disk, or leave a processor free for the tracer's own thread",
    }
}
