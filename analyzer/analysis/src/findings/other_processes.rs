//! Other processes on the device that leave this one too little.

use memtrace_format::{Bytes, SampledCounter};

use super::{Case, Judgement, Rule, sampled};
use crate::{
    Nanos, Text,
    report::{LedgerEntry, LedgerMoment, Place, Report, Topic},
    table::{grouped, shorten},
};

pub(super) const RULE: Rule = Rule {
    id: "other-processes",
    title: "other processes leave too little of the device",
    topic: Topic::Ledger,
    judge,
};

/// With more than this part of the device free at all times, others are in nobody's way.
const TIGHT: u64 = 10;

/// What is less than this part of the device is not what makes it tight.
const MUCH: u64 = 20;

/// The widest name in a sentence.
const NAME: usize = 40;

/// What others have of a device that is nearly full.
struct Crowd {
    device: u32,
    time: Nanos,
    most: u64,
    grew: u64,
    least_free: u64,
    total: u64,
    /// How many requests failed that what others had would have been enough for, and when the first did.
    failed: (u64, Option<Nanos>),
}

fn judge(report: &Report) -> Judgement {
    let mut ok = Vec::new();
    let mut crowds = Vec::new();
    for least in report.ledger.iter().filter(|entry| entry.at.contains(&LedgerMoment::LeastFree)) {
        let others = sampled::counter(report, SampledCounter::OtherDeviceMemory, Some(least.device));
        let (Some(others), Some(free), Some(total)) = (others, least.free, least.total) else { continue };
        let (most, fewest) = (sampled::bytes(others.max), sampled::bytes(others.min));
        let failed = failed(report, least.device);
        let tight = free.0 < total.0 / TIGHT || failed.0 > 0;
        if tight && most >= total.0 / MUCH {
            let (device, time, grew) = (least.device, least.time_ns, most - fewest);
            crowds.push(Crowd { device, time, most, grew, least_free: free.0, total: total.0, failed });
        } else {
            ok.push(format!(
                "device {}: other processes had at most {}, and {free} stayed free",
                least.device,
                Bytes(most)
            ));
        }
    }
    let Some(worst) = crowds.into_iter().max_by_key(|crowd| (crowd.failed.0, crowd.most)) else {
        return match ok.into_iter().next() {
            Some(evidence) => Judgement::Ok(evidence),
            None => Judgement::Na(sampled::why_not(report, SampledCounter::OtherDeviceMemory)),
        };
    };
    let mut evidence = format!(
        "device {}: other processes had up to {} of {} while only {} was free",
        worst.device,
        Bytes(worst.most),
        Bytes(worst.total),
        Bytes(worst.least_free),
    );
    if let Some((name, most)) = sampled::largest_process(report, worst.device) {
        evidence.push_str(&format!("; most by {} ({})", shorten(&Text::new(name), NAME), Bytes(most)));
    }
    if worst.grew > 0 {
        evidence.push_str(&format!("; they took {} of it during this run", Bytes(worst.grew)));
    }
    if worst.failed.0 > 0 {
        evidence.push_str(&format!(
            "; {} failed requests would have fitted without them",
            grouped(worst.failed.0)
        ));
    }
    let case = Case {
        evidence,
        advice: "list them (nvidia-smi) and end those that are not needed, such as other web UIs and the acceleration of a \
                 browser; or give this run its own device (CUDA_VISIBLE_DEVICES), or a smaller part of this one \
                 (--medvram, vLLM's --gpu-memory-utilization)"
            .to_owned(),
        places: vec![Place {
            time_ns: Some(worst.failed.1.unwrap_or(worst.time)),
            bytes: Some(Bytes(worst.most)),
            ..Place::default()
        }],
    };
    if worst.failed.0 > 0 { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

/// The failed requests that what others had would have been enough for, and the first of them.
fn failed(report: &Report, device: u32) -> (u64, Option<Nanos>) {
    let entries =
        report.ledger.iter().filter(|entry| entry.device == device && entry.at == [LedgerMoment::Oom]);
    let fitting = entries.filter(|entry| {
        let mut requests = report.ooms.iter().filter(|oom| oom.time_ns == entry.time_ns);
        requests.any(|oom| would_fit(entry, oom.requested_bytes))
    });
    let times: Vec<_> = fitting.map(|entry| entry.time_ns).collect();
    (times.len() as u64, times.first().copied())
}

fn would_fit(entry: &LedgerEntry, requested: Bytes) -> bool {
    let (Some(others), Some(free)) = (entry.other_processes, entry.free) else { return false };
    free.0 < requested.0 && free.0.saturating_add(others.0) >= requested.0
}
