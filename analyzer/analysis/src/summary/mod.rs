//! From what the analyses saw to the report and the timeline: sums are sorted, ids get names, unknowns get reasons.

mod again;
mod breakdown;
mod course;
mod device;
mod fragmentation;
mod growth;
mod heap;
mod info;
mod instant;
mod ledger;
mod module;
mod names;
mod oom;
mod run;
mod span;
mod state;
mod swaps;

use crate::{
    Analysis, Checkpoints, Progress, ReadError,
    filter::Sieve,
    findings,
    merge::Events,
    replay::{Heap, Replay},
    report::{self, Known, Range, Report, Samples},
};
use again::Gaps;
pub(crate) use breakdown::age_class;
pub use growth::trend;
pub(crate) use info::describe;
pub(crate) use instant::picture;
use names::Names;
pub(crate) use state::state;

/// The version of the report's keys.
const SCHEMA_VERSION: u32 = 1;

const NO_SEGMENTS: &str = "the engine reports no segments of this heap";

/// Sums up a finished replay, of the whole trace, of a range of it, or of what passed a sieve. Goes back to what deserves a
/// second look, from the checkpoints that were taken of it, or with a sieve like that one.
///
/// # Errors
///
/// The operating system cannot read a part of the file a second time.
pub(crate) fn summarize(
    mut replay: Replay<'_>,
    events: &Events<'_>,
    range: Option<Range>,
    sieve: Option<Sieve<'_>>,
    checkpoints: Checkpoints,
    watch: impl FnMut(Progress),
) -> Result<Analysis, ReadError> {
    let trace = run::trace(&replay, events, range);
    let end = trace.range.as_ref().map_or(trace.duration_ns, |range| range.to_ns);
    replay.analyses.movement.finish(end);
    let (phases, phases_total) = replay.analyses.phases.finish(end, &mut replay.heaps);
    let mut names = Names::new(replay.trace, &replay.owners, &replay.scopes);

    // In a range of an imported recording it is not asked what is left of what was live before all of it.
    let inferred = trace.range.is_some() && replay.trace.is_imported() && replay.trace.kept_from().is_some();
    let complete = !trace.dropped.any() && trace.damaged_chunks == 0 && !inferred;
    let known_if = |exact: bool| if exact { Known::Exact } else { Known::Baseline };
    let (monitor, profile) = (device::monitors(&replay), device::profiles(&replay));
    let mut heaps = std::mem::take(&mut replay.heaps);
    let mut gaps = Gaps::default();
    heaps.iter_mut().enumerate().for_each(|(index, heap)| gaps.add(index, heap));
    let known = |heap: &Heap| known_if(complete && heap.watch.unknown_frees == 0 && heap.watch.baseline == 0);
    let samples = span::samples(&replay.analyses.counters, &replay.analyses.marks, &names);
    let ledgers = ledger::ledgers(&replay, &heaps, &samples, end, known);
    let tracks = course::tracks(&heaps, &mut names, end);
    let mut growth =
        growth::report(&replay.analyses.growth, &heaps, growth::Run::of(&trace, end), &mut names);
    growth.idle = growth::idle(&tracks, &growth.cycles, end);
    let of_threads = sieve.as_ref().is_some_and(Sieve::is_of_threads);
    let heap_reports: Vec<_> = heaps
        .into_iter()
        .enumerate()
        .map(|(index, heap)| {
            let known = known(&heap);
            let before = heap::peak_before(replay.trace, heap.key).filter(|_| trace.range.is_none());
            // Of threads' blocks alone no allocator has a sum.
            let told = replay.analyses.totals.of(heap.key).filter(|_| !of_threads).map(heap::totals);
            report::Heap { allocator: told, ..heap::report(index, heap, known, before, end, &mut names) }
        })
        .collect();
    let phases = phases.into_iter().map(|phase| span::phase(phase, &heap_reports, &mut names)).collect();
    let modules = module::modules(&replay, &mut names);
    growth::find_duplicates(&modules, &mut growth);
    let mut timeline = course::timeline(&replay, tracks, &modules, &heap_reports, &mut names, end);
    timeline.ledgers = ledgers.tracks;
    let movement = replay.movement();
    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        trace,
        findings: Vec::new(),
        transfers: movement.sums.report(movement.unfinished()),
        swaps: swaps::swaps(movement, complete, &mut names),
        growth,
        phases,
        phases_total,
        marks: span::marks(&replay.analyses.marks, &names),
        samples: Samples { monitor, ..samples },
        profile,
        ledger: ledgers.entries,
        ledger_trends: ledgers.trends,
        ooms: oom::failures(&replay.analyses.failures, &heap_reports, &mut names),
        ooms_total: replay.analyses.failures.total,
        ooms_why: oom::unknown(&replay, &heap_reports),
        modules: modules.into_iter().map(|(report, _)| report).collect(),
        heaps: heap_reports,
    };
    replay.trace.revisit(&checkpoints, gaps.stops(), sieve, watch, |replay, stop| {
        gaps.fill(stop, replay, &mut report.heaps)
    })?;
    report.findings = findings::judge(&report);
    Ok(Analysis { report, timeline, checkpoints })
}
