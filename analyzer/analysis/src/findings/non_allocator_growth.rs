//! Device memory beside the allocator that keeps growing: contexts, libraries, graphs, communicators.

use memtrace_format::{Bytes, SampledCounter};

use super::{Case, Judgement, Rule, sampled};
use crate::report::{LedgerMoment, LedgerTrend, Place, Quarter, Report, Topic};

pub(super) const RULE: Rule = Rule {
    id: "non-allocator-growth",
    title: "device memory beside the allocator grows",
    topic: Topic::Ledger,
    judge,
};

/// Libraries make a workspace of some tens of MiB when they are first called, and that is no growth.
const LEAST: u64 = 64 << 20;

/// Nor does what is less than a hundredth of the device matter in a run of this length.
const SHARE_OF_DEVICE: u64 = 100;

/// Growth goes on: each half of it has at least this part. A step is something that was set up once.
const STEADY: i64 = 8;

/// So often the list of processes must have been read for its figures to show a trend.
const PROCESS_SAMPLES: u64 = 8;

/// What had grown between two quarters of a run.
struct Growth<'a> {
    trend: &'a LedgerTrend,
    from: i64,
    to: i64,
    bytes: u64,
    /// Whether it is known that it is this process's.
    own: bool,
}

fn judge(report: &Report) -> Judgement {
    if report.ledger_trends.is_empty() {
        let few = "too few samples of device memory to show growth";
        let sampled = report.ledger.iter().any(|entry| entry.free.is_some());
        return Judgement::Na(if sampled {
            few.to_owned()
        } else {
            sampled::why_not(report, SampledCounter::DriverFree)
        });
    }
    let growths = report.ledger_trends.iter().filter_map(|trend| growth(report, trend));
    let Some(worst) = growths.max_by_key(|growth| growth.bytes) else {
        return Judgement::Ok("device memory beside the allocator stays about the same".to_owned());
    };
    let quarters = &worst.trend.quarters;
    let took = quarters[3].from_ns.since(quarters[1].from_ns);
    let whose = if worst.own {
        "of this process".to_owned()
    } else {
        format!("owner unknown ({})", sampled::why_not(report, SampledCounter::OwnDeviceMemory))
    };
    let case = Case {
        evidence: format!(
            "device {}: {} beside the allocator in the second quarter of the run, {} in the last: {} more in {took}, {whose}",
            worst.trend.device,
            signed(worst.from),
            signed(worst.to),
            Bytes(worst.bytes),
        ),
        advice: "find what is created repeatedly: CUDA graphs (torch.cuda.CUDAGraph.reset()), NCCL communicators \
                 (torch.distributed.destroy_process_group()), streams with a cuBLAS workspace each \
                 (CUBLAS_WORKSPACE_CONFIG=:16:8); until then, leave room for it (vLLM: a smaller --gpu-memory-utilization)"
            .to_owned(),
        places: vec![Place {
            time_ns: Some(quarters[3].from_ns),
            bytes: Some(Bytes(worst.bytes)),
            ..Place::default()
        }],
    };
    // At this rate the run would have ended for want of memory when it had gone on for as long again.
    let free = quarters[1].free.map_or(u64::MAX, |free| free.0);
    if worst.own && worst.bytes > free / 2 { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

/// The growth of one device, if it is one.
fn growth<'a>(report: &Report, trend: &'a LedgerTrend) -> Option<Growth<'a>> {
    let [_, second, third, last] = &trend.quarters[..] else { return None };
    let own = |quarter: &Quarter| quarter.non_allocator;
    let beside = |quarter: &Quarter| {
        let others = quarter.other_processes.map_or(0, |bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX));
        Some(quarter.beside_allocator?.saturating_sub(others))
    };
    let is_own = trend.process_samples >= PROCESS_SAMPLES;
    let pick = |quarter| if is_own { own(quarter) } else { beside(quarter) };
    let (from, middle, to) = (pick(second)?, pick(third)?, pick(last)?);
    let bytes = u64::try_from(to.saturating_sub(from)).ok()?;
    let end = report
        .ledger
        .iter()
        .rfind(|entry| entry.device == trend.device && entry.at.contains(&LedgerMoment::End));
    let total = end.and_then(|entry| entry.total).map_or(0, |total| total.0);
    let least = LEAST.max(total / SHARE_OF_DEVICE);
    let part = i64::try_from(bytes).unwrap_or(i64::MAX) / STEADY;
    let steady = middle.saturating_sub(from) >= part && to.saturating_sub(middle) >= part;
    (bytes >= least && steady).then_some(Growth { trend, from, to, bytes, own: is_own })
}

fn signed(bytes: i64) -> String {
    format!("{}{}", if bytes < 0 { "−" } else { "" }, Bytes(bytes.unsigned_abs()))
}
