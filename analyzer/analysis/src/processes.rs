//! A run of several processes with a trace each: names, peaks and findings side by side.
//!
//! Their clocks are the same but their addresses are not, so they are told side by side and not as one.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::{
    Nanos, Text,
    report::{Ended, FindingVerdict, Report},
};

/// One process of a run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Process {
    /// Its trace.
    pub file: Text,
    /// Its id.
    pub pid: Option<u32>,
    /// What it calls itself, or its program's name.
    pub engine: Option<Text>,
    /// When recording began.
    pub start_unix_ns: Option<u64>,
    /// How long it was recorded.
    pub duration_ns: Nanos,
    /// How the recording ended; null for one that does not say.
    pub ended: Ended,
    /// The peak of each heap, by the heaps' names.
    pub peaks: Vec<HeapPeak>,
    /// The rules that found something, the worst first.
    pub findings: Vec<Found>,
}

/// The most that a heap held.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeapPeak {
    /// The heap.
    pub heap: Text,
    /// What was allocated at its peak.
    pub bytes: Bytes,
}

/// A rule that found something.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// The rule, as in `docs/findings.md`.
    pub id: &'static str,
    /// How bad it is.
    pub verdict: FindingVerdict,
}

impl Process {
    /// What `report`, of the trace in `file`, says of its process.
    pub fn of(file: Text, report: &Report) -> Self {
        let peak = |heap: &crate::report::Heap| HeapPeak {
            heap: heap.name.clone(),
            bytes: heap.peak.figures.allocated_bytes,
        };
        let findings = report.findings.iter().filter(|finding| finding.verdict.is_bad());
        Self {
            file,
            pid: report.trace.pid,
            engine: report.trace.engine.clone(),
            start_unix_ns: report.trace.start_unix_ns,
            duration_ns: report.trace.duration_ns,
            ended: report.trace.ended,
            peaks: report.heaps.iter().map(peak).collect(),
            findings: findings.map(|finding| Found { id: finding.id, verdict: finding.verdict }).collect(),
        }
    }
}
