//! Allocators whose own sum differs from their events: some events were not recorded, or recorded twice.

use super::{Case, Judgement, Rule};
use crate::{
    Nanos,
    report::{AllocatorTotals, Heap, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule = Rule {
    id: "allocator-totals",
    title: "an allocator's own sums differ from its events",
    topic: Topic::Peak,
    judge,
};

/// Where several threads record, sums may differ while a thread is between its sum and its event. It may lose its processor
/// there and others go on meanwhile, but not for so long; a program that is stopped makes no samples.
const IN_PASSING: Nanos = Nanos(1_000_000_000);
const SAMPLES_IN_PASSING: u64 = 32;

/// So small a part of the peak leaves it what it is.
const BEARABLE: f64 = 0.01;

fn judge(report: &Report) -> Judgement {
    if report.trace.dropped.any() || report.trace.damaged_chunks > 0 {
        return Judgement::Na("sums differ because events are missing".to_owned());
    }
    let told: Vec<_> = report.heaps.iter().filter_map(|heap| Some((heap, heap.allocator?))).collect();
    if told.is_empty() {
        return Judgement::Na("no allocator reported its own sum".to_owned());
    }
    let (began_late, known): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, totals)| began_late(totals));
    let mut wrong: Vec<_> = known.iter().filter(|(_, totals)| differs(totals)).collect();
    if wrong.is_empty() {
        let Some((heap, totals)) = began_late.first() else {
            return Judgement::Ok(seen(known.iter().map(|(_, totals)| totals)));
        };
        return Judgement::Na(format!(
            "the allocator of {} had handed out {} before its first event",
            heap.name,
            totals.first.difference()
        ));
    }
    wrong.sort_by_key(|(_, totals)| std::cmp::Reverse(totals.worst.difference()));
    let bad = wrong.iter().any(|(heap, totals)| {
        let peak = heap.peak.figures.allocated_bytes.0 as f64;
        totals.worst.difference().0 as f64 > peak * BEARABLE
    });
    let evidence: Vec<_> = wrong.iter().map(|(heap, totals)| evidence(heap, totals)).collect();
    let case = Case {
        evidence: evidence.join("; "),
        advice: "figures of this heap are wrong by that much: look at the events around that time (memtrace events --around), \
                 and report them to memtrace with the version of PyTorch"
            .to_owned(),
        places: wrong.iter().map(|(heap, totals)| place(heap, totals)).collect(),
    };
    if bad { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

/// Blocks had been handed out before the first event: its sum differs, and not in passing.
fn began_late(totals: &AllocatorTotals) -> bool {
    let passed = totals.several_threads && !differs(totals) && totals.differing < totals.samples;
    totals.first.difference().0 != 0 && !passed
}

fn differs(totals: &AllocatorTotals) -> bool {
    if totals.several_threads {
        return totals.longest_ns > IN_PASSING && totals.longest_row > SAMPLES_IN_PASSING;
    }
    totals.differing > 0
}

fn seen<'a>(all: impl Iterator<Item = &'a AllocatorTotals>) -> String {
    let (samples, differing) =
        all.fold((0, 0), |sum: (u64, u64), totals| (sum.0 + totals.samples, sum.1 + totals.differing));
    let passing =
        if differing == 0 { String::new() } else { format!(", except {} in passing", grouped(differing)) };
    format!("all of {} sums agree{passing}", grouped(samples))
}

fn evidence(heap: &Heap, totals: &AllocatorTotals) -> String {
    let worst = &totals.worst;
    format!(
        "the allocator of {} reported {} at {}, but its events add up to {} ({} of {} sums differ, {} in a row)",
        heap.name,
        worst.told_bytes,
        worst.time_ns,
        worst.added_up_bytes,
        grouped(totals.differing),
        grouped(totals.samples),
        grouped(totals.longest_row),
    )
}

fn place(heap: &Heap, totals: &AllocatorTotals) -> Place {
    Place {
        time_ns: Some(totals.worst.time_ns),
        heap: Some(heap.name.clone()),
        bytes: Some(totals.worst.difference()),
        ..Place::default()
    }
}
