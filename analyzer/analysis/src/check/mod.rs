//! Checks a run against a budget.

mod budget;
mod growth;

use memtrace_format::Bytes;
use serde::Serialize;

pub use budget::{
    Budget, BudgetError, CycleBudget, GrowthLimit, HeapBudget, ParseGrowthLimitError, ParseTimeLimitError,
    TimeLimit,
};

use crate::{
    Nanos, Text,
    report::{Ended, Finding, FindingVerdict, Heap, Known, PeakBy, Report},
};

/// The version of the keys.
const SCHEMA_VERSION: u32 = 1;

/// Every limit of a budget, and whether the run kept it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// The limits.
    pub limits: Vec<Limit>,
    /// The findings that fail, where none may; left out where they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_findings: Option<Vec<Finding>>,
}

/// One limit.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Limit {
    /// What is limited.
    pub figure: Text,
    /// `bytes`, `ns` or `count`.
    pub unit: &'static str,
    /// The most that it may be.
    pub limit: u64,
    /// What it was; none if it is not known at all.
    pub found: Option<u64>,
    /// Whether the limit was kept.
    pub verdict: LimitVerdict,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// Whether a limit was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitVerdict {
    /// It was.
    Pass,
    /// It was not.
    Fail,
    /// Nobody can tell.
    Unknown,
}

/// How far figures can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// They are what they say.
    Exact,
    /// The truth may be larger.
    AtLeast(&'static str),
    /// The truth may be anything.
    None(&'static str),
}

impl Check {
    /// Holds a report against a budget.
    pub fn of(report: &Report, budget: &Budget) -> Self {
        let mut checker = Checker { trust: trust(report), limits: Vec::new() };
        if budget.devices != HeapBudget::default() {
            let mut devices = report.heaps.iter().filter(|heap| heap.device.is_some()).peekable();
            if devices.peek().is_none() {
                checker.absent("each device's heap", &budget.devices, "the trace has no heap of a device");
            }
            devices.for_each(|heap| checker.heap(report, heap, &budget.devices));
        }
        for (name, limits) in &budget.heaps {
            match report.heaps.iter().find(|heap| heap.name.recorded() == name) {
                Some(heap) => checker.heap(report, heap, limits),
                None => checker.absent(name, limits, "the trace has no heap of this name"),
            }
        }
        let duration = report.trace.told_ns();
        checker.time("swap time", report.swaps.ns, budget.max_swap_time, duration);
        checker.time("stall time", report.transfers.stall_ns, budget.max_stall_time, duration);
        if let Some(limit) = budget.max_failed_requests {
            let trust = report.ooms_why.map_or(checker.trust, Trust::AtLeast);
            checker.limit("failed requests".to_owned(), "count", limit, report.ooms_total, trust);
        }
        checker.growth(report, budget);
        let failed = report.findings.iter().filter(|finding| finding.verdict == FindingVerdict::Fail);
        let failed_findings = budget.no_fail_findings.then(|| failed.cloned().collect());
        Self { schema_version: SCHEMA_VERSION, limits: checker.limits, failed_findings }
    }

    /// Whether all limits were kept, and no finding fails where none may. What is not known is not kept, unless that is
    /// `allowed`; a rule that cannot tell fails nothing.
    pub fn passes(&self, unknown_allowed: bool) -> bool {
        let limits = self.limits.iter().all(|limit| match limit.verdict {
            LimitVerdict::Pass => true,
            LimitVerdict::Fail => false,
            LimitVerdict::Unknown => unknown_allowed,
        });
        limits && self.failed_findings.as_ref().is_none_or(Vec::is_empty)
    }
}

struct Checker {
    trust: Trust,
    limits: Vec<Limit>,
}

impl Checker {
    fn heap(&mut self, report: &Report, heap: &Heap, budget: &HeapBudget) {
        let trust = match (self.trust, heap.known) {
            (Trust::Exact, Known::Baseline) => Trust::AtLeast("something was live before recording began"),
            (Trust::Exact, Known::Sampled) => {
                Trust::AtLeast("it was sampled, and may have been more in between")
            }
            (trust, _) => trust,
        };
        let name = |what: &str| format!("{what} of {}", heap.name.recorded());
        if let Some(limit) = budget.max_peak {
            let peak = match heap.peak.by {
                PeakBy::Allocated => heap.peak.figures.allocated_bytes,
                PeakBy::Requested => heap.peak.figures.requested_bytes.unwrap_or_default(),
            };
            self.limit(name("peak"), "bytes", limit.0, peak.0, trust);
        }
        if let Some(limit) = budget.max_reserved {
            match heap.reserved_peak {
                Some(peak) => self.limit(name("reserved"), "bytes", limit.0, peak.bytes.0, trust),
                None => self.unknown(name("reserved"), limit, heap.reserved_peak_why.unwrap_or(NO_REASON)),
            }
        }
        if let Some(limit) = budget.max_left {
            let trust = match report.trace.ended {
                Ended::Clean | Ended::Untold => trust,
                Ended::Killed => Trust::None("the process was killed before it could free its memory"),
                Ended::Running => Trust::None("the process is still running"),
            };
            self.limit(name("left at the end"), "bytes", limit.0, heap.end.allocated_bytes.0, trust);
        }
    }

    /// A heap that has limits and is not there.
    fn absent(&mut self, heap: &str, budget: &HeapBudget, why: &'static str) {
        let limits = [
            ("peak", budget.max_peak),
            ("reserved", budget.max_reserved),
            ("left at the end", budget.max_left),
        ];
        for (what, limit) in limits {
            if let Some(limit) = limit {
                self.unknown(format!("{what} of {heap}"), limit, why);
            }
        }
    }

    fn time(&mut self, what: &str, found: Nanos, limit: Option<TimeLimit>, duration: Nanos) {
        let Some(limit) = limit else { return };
        let (figure, most) = match limit {
            TimeLimit::Share(share) => {
                (format!("{what}, {limit} of the run"), (duration.0 as f64 * share) as u64)
            }
            TimeLimit::Time(time) => (what.to_owned(), time.0),
        };
        self.limit(figure, "ns", most, found.0, self.trust);
    }

    fn limit(&mut self, figure: String, unit: &'static str, limit: u64, found: u64, trust: Trust) {
        let kept = found <= limit;
        let (verdict, why) = match trust {
            Trust::Exact if kept => (LimitVerdict::Pass, None),
            Trust::AtLeast(why) if kept => (LimitVerdict::Unknown, Some(why)),
            Trust::Exact | Trust::AtLeast(_) => (LimitVerdict::Fail, None),
            Trust::None(why) => (LimitVerdict::Unknown, Some(why)),
        };
        self.limits.push(Limit { figure: Text::new(figure), unit, limit, found: Some(found), verdict, why });
    }

    fn unknown(&mut self, figure: String, limit: Bytes, why: &'static str) {
        let (figure, verdict) = (Text::new(figure), LimitVerdict::Unknown);
        self.limits.push(Limit {
            figure,
            unit: "bytes",
            limit: limit.0,
            found: None,
            verdict,
            why: Some(why),
        });
    }
}

const NO_REASON: &str = "the report gives no reason";

/// A dropped free makes a sum too large, a dropped alloc too small; what was never recorded only makes it too small.
fn trust(report: &Report) -> Trust {
    let trace = &report.trace;
    if trace.dropped.any() {
        Trust::None("the tracer dropped events")
    } else if trace.damaged_chunks > 0 {
        Trust::None("a part of the trace is damaged")
    } else if trace.stopped_why.is_some() {
        Trust::AtLeast("recording stopped before the process ended")
    } else if trace.kept_from_ns.is_some() {
        Trust::AtLeast("only the newest events were kept")
    } else if trace.ended == Ended::Running {
        Trust::AtLeast("the process is still running")
    } else {
        Trust::Exact
    }
}
