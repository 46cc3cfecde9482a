//! Two runs compared: the same heaps, modules and phases side by side, and what is worse in the second.
//!
//! Heaps are brought together by their names, modules by their full names (the instances of one name are taken together),
//! phases by their names and ordinals. Nothing is computed here that the two reports do not say.
//! (`instants/` compares two instants of one trace, by their blocks.)

mod change;
mod growth;
mod owners;
mod parts;
mod snapshots;
mod worse;

use serde::Serialize;

use crate::{
    Nanos, Text,
    report::{Ended, Filtered, Range, Report},
};
pub use change::{Change, Figure, Side};
pub use growth::{CycleDiff, CycleHeapDiff};
pub use owners::{ShareDiff, StackDiff};
pub use parts::{DirectionDiff, HeapDiff, HeapInPhaseDiff, ModuleDiff, PhaseDiff, SwapsDiff, TransfersDiff};
pub use snapshots::{AgeFlow, Flow, HeapFlow, Lot, OwnerFlow, SizeFlow, SnapshotsDiff, StackFlow};
pub use worse::{Judgement, Tolerance, Worse};

/// The version of the keys.
const SCHEMA_VERSION: u32 = 1;

/// What differs between two runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// The first run.
    pub a: Run,
    /// The second run.
    pub b: Run,
    /// Heaps; those of devices first.
    pub heaps: Vec<HeapDiff>,
    /// The transfers, taken together.
    pub transfers: TransfersDiff,
    /// The swaps, taken together.
    pub swaps: SwapsDiff,
    /// Modules, the largest change in bytes moved first.
    pub modules: Vec<ModuleDiff>,
    /// What repeated, in the order of names.
    pub growth: Vec<CycleDiff>,
    /// Phases, in the order of their names and ordinals.
    pub phases: Vec<PhaseDiff>,
    /// Why there are none, though the runs have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phases_why: Option<&'static str>,
    /// Requests that failed.
    pub failed_requests: Change<u64>,
    /// What is worse in B beyond a tolerance; none unless one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// One of the runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Run {
    /// The engine, if it gave its name.
    pub engine: Option<Text>,
    /// How long it was recorded.
    pub duration_ns: Nanos,
    /// The range that was asked for, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// What alone of it was looked at, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filtered>,
    /// The events that could be read.
    pub events: u64,
    /// How the recording ended.
    pub ended: Ended,
    /// Why its figures may be too small, if they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<&'static str>,
}

impl Diff {
    /// Compares B with A.
    pub fn between(a: &Report, b: &Report) -> Self {
        let (phases, phases_why) = parts::phases(a, b);
        Self {
            schema_version: SCHEMA_VERSION,
            a: Run::of(a),
            b: Run::of(b),
            heaps: parts::heaps(a, b),
            transfers: parts::transfers(a, b),
            swaps: parts::swaps(a, b),
            modules: parts::modules(a, b),
            growth: growth::cycles(a, b),
            phases,
            phases_why,
            failed_requests: change::Sides::both(a, b).change(|report| report.ooms_total),
            judgement: None,
        }
    }
}

impl Run {
    fn of(report: &Report) -> Self {
        let trace = &report.trace;
        Self {
            engine: trace.engine.clone(),
            duration_ns: trace.duration_ns,
            range: trace.range.clone(),
            filter: trace.filter.clone(),
            events: trace.events,
            ended: trace.ended,
            losses: losses(report),
        }
    }
}

/// Why the figures of a report may be too small, if they may.
fn losses(report: &Report) -> Option<&'static str> {
    let trace = &report.trace;
    if trace.dropped.any() {
        Some("the tracer dropped events")
    } else if trace.damaged_chunks > 0 {
        Some("a part of the trace is damaged")
    } else if trace.stopped_why.is_some() {
        Some("recording stopped before the process ended")
    } else if trace.kept_from_ns.is_some() {
        Some("only the newest events were kept")
    } else {
        None
    }
}
