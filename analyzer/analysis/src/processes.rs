//! A run of several processes, each with a trace of its own: which they were, what each had at its peak, what is wrong with it.
//!
//! Their clocks are the same but their addresses are not, so they are told side by side and not as one.

use std::{
    cmp::Reverse,
    fmt::{self, Display, Formatter},
};

use memtrace_format::Bytes;
use serde::Serialize;

use crate::{
    Nanos, Text,
    report::{FindingVerdict, Report, table::Table},
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
    /// How the recording ended.
    pub ended: &'static str,
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
            ended: report.trace.ended.name(),
            peaks: report.heaps.iter().map(peak).collect(),
            findings: findings.map(|finding| Found { id: finding.id, verdict: finding.verdict }).collect(),
        }
    }
}

/// The processes of a run as a table, those with most memory first.
#[derive(Clone, Copy, Debug)]
pub struct ProcessesText<'a>(pub &'a [Process]);

impl Display for ProcessesText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(["PROCESS", "id", "recorded for", "ended", "largest heap", "peak", "findings"]);
        let largest = |process: &Process| process.peaks.iter().max_by_key(|peak| peak.bytes).cloned();
        let mut processes: Vec<&Process> = self.0.iter().collect();
        processes.sort_by_key(|process| Reverse(largest(process).map(|peak| peak.bytes)));
        for process in &processes {
            let peak = largest(process);
            let shown = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
            let none = || "-".to_owned();
            table.row([
                shown(process.engine.as_ref().map(Text::to_string)),
                shown(process.pid.map(|pid| pid.to_string())),
                process.duration_ns.to_string(),
                process.ended.to_owned(),
                peak.as_ref().map_or_else(none, |peak| peak.heap.to_string()),
                peak.map_or_else(none, |peak| peak.bytes.to_string()),
                findings(process),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "Each in full:")?;
        processes.iter().try_for_each(|process| writeln!(f, "  memtrace analyze {}", process.file))
    }
}

fn findings(process: &Process) -> String {
    let named: Vec<String> =
        process.findings.iter().map(|found| format!("{} {}", found.verdict.name(), found.id)).collect();
    if named.is_empty() { "-".to_owned() } else { named.join(", ") }
}
