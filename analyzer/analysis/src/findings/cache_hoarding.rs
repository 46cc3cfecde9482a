//! A cache that keeps what one peak needed, long after it.

use memtrace_format::Bytes;

use super::{
    Case, Judgement, Rule,
    allocator_settings::{EXPANDABLE, is_worth_trying},
};
use crate::{
    Text,
    report::{Heap, Idle, Place, Report, Topic},
    table::grouped,
};

pub(super) const RULE: Rule =
    Rule { id: "cache-hoarding", title: "the cache keeps what one peak needed", topic: Topic::Growth, judge };

/// Of what is reserved: an allocator that rounds and splits keeps this much idle without a fault.
const LARGE: f64 = 0.25;

/// So often something must have repeated meanwhile without using it: time alone would tell of programs that wait.
const TIMES: usize = 3;

fn judge(report: &Report) -> Judgement {
    let segmented: Vec<_> = report.heaps.iter().filter(|heap| heap.reserved_peak.is_some()).collect();
    if segmented.is_empty() {
        return Judgement::Na("no heap has segments".to_owned());
    }
    let hoards: Vec<(&Idle, u64)> = report
        .growth
        .idle
        .iter()
        .filter(|idle| idle.bytes.0 as f64 >= LARGE * idle.reserved_bytes.0 as f64)
        .filter_map(|idle| Some((idle, idle_cycles(report, idle)?)))
        .collect();
    if hoards.is_empty() {
        return if report.has_history() { unhoarded(report) } else { of_one_instant(&segmented) };
    }
    let evidence = hoards.iter().map(|(idle, times)| {
        format!(
            "{} of {} reserved in {} were unused from {} to {}, during {} cycles",
            idle.bytes,
            idle.reserved_bytes,
            idle.heap,
            idle.from_ns,
            idle.to_ns,
            grouped(*times),
        )
    });
    let case = Case {
        evidence: evidence.collect::<Vec<_>>().join("; "),
        advice: format!(
            "release cached memory after a job that needed more than usual (torch.cuda.empty_cache()), let the allocator do it \
             (PYTORCH_CUDA_ALLOC_CONF=garbage_collection_threshold:0.8{}), or run large jobs in tiles",
            if is_worth_trying(report, EXPANDABLE) { ", or expandable_segments:True" } else { "" }
        ),
        places: hoards
            .iter()
            .map(|(idle, _)| Place {
                time_ns: Some(idle.from_ns),
                heap: Some(idle.heap.clone()),
                bytes: Some(idle.bytes),
                ..Place::default()
            })
            .collect(),
    };
    let refused =
        |idle: &Idle| report.ooms.iter().any(|oom| oom.heap != idle.heap && oom.time_ns >= idle.from_ns);
    // What one heap keeps, another was refused.
    if hoards.iter().any(|(idle, _)| refused(idle)) { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

/// Nobody hoards, as far as that is known.
fn unhoarded(report: &Report) -> Judgement {
    let repeats = report.growth.cycles.iter().any(|cycle| cycle.count >= TIMES as u64);
    let idle = report.growth.idle.iter().max_by_key(|idle| idle.bytes);
    let idle = idle.map_or_else(String::new, |idle| {
        format!(" ({} of {} reserved in {} were)", idle.bytes, idle.reserved_bytes, idle.heap)
    });
    if repeats {
        let (share, times) = (LARGE * 100.0, TIMES);
        Judgement::Ok(format!(
            "no {share:.0}% of what is reserved stayed unused while something repeated {times} times"
        ))
    } else {
        Judgement::Na(format!(
            "nothing repeated {TIMES} times, so whether what lies unused is used again is not known{idle}"
        ))
    }
}

/// Of one instant it is known what lies idle, and not for how long.
fn of_one_instant(heaps: &[&Heap]) -> Judgement {
    let idle = |heap: &&Heap| {
        let unpinned = heap.fragmentation.as_ref()?.end.layout.unpinned_bytes;
        let reserved = heap.end.reserved_bytes?;
        (unpinned.0 as f64 >= LARGE * reserved.0.max(1) as f64)
            .then(|| (heap.name.clone(), unpinned, reserved))
    };
    let idle: Vec<_> = heaps.iter().filter_map(idle).collect();
    if idle.is_empty() {
        return Judgement::Na("the recording shows one instant, and not what is used again".to_owned());
    }
    let told = |(heap, unpinned, reserved): &(Text, Bytes, Bytes)| {
        format!("{unpinned} of {reserved} reserved in {heap} are in segments that hold nothing")
    };
    Judgement::Warn(Case {
        evidence: format!(
            "{}; whether they are used again is not recorded",
            idle.iter().map(told).collect::<Vec<_>>().join("; ")
        ),
        advice: "torch.cuda.empty_cache() gives them back to the device, for other processes or another pool"
            .to_owned(),
        places: idle
            .into_iter()
            .map(|(heap, bytes, _)| Place { heap: Some(heap), bytes: Some(bytes), ..Place::default() })
            .collect(),
    })
}

/// How often something repeated while the memory lay idle; none if too seldom.
fn idle_cycles(report: &Report, idle: &Idle) -> Option<u64> {
    let inside = report.growth.cycles.iter().filter_map(|cycle| cycle.heaps.first()).map(|heap| {
        let levels = heap.levels.iter();
        let mut inside = levels.filter(|level| level.time_ns > idle.from_ns && level.time_ns < idle.to_ns);
        let first = inside.next()?;
        Some(inside.next_back()?.cycle - first.cycle + 1)
    });
    inside.flatten().max().filter(|times| *times >= TIMES as u64)
}
