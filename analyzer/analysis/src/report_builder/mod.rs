//! Builds the report and the timeline from the collectors: sums are sorted, ids get names, unknowns get reasons.

mod breakdown;
mod deferred;
mod device;
mod fragmentation;
mod growth;
mod headline;
mod heap;
mod info;
mod ledger;
mod module;
mod names;
mod need;
mod oom;
mod run;
mod snapshot;
mod span;
mod state;
mod strategies;
mod swaps;
mod timeline;

use crate::{
    collectors::{Collectors, HeapWatch},
    merge::Events,
    replay::Replay,
    report::{self, Known, Range, Report, Samples},
    timeline::Timeline,
};
pub(crate) use breakdown::age_class;
pub(crate) use deferred::DeferredDetails;
pub use growth::trend;
pub(crate) use info::describe;
use names::Names;
pub(crate) use snapshot::snapshot;
pub(crate) use state::state;
use strategies::Models;

/// The version of the report's keys.
const SCHEMA_VERSION: u32 = 1;

/// Why nothing is said of what was asked for.
const NO_REQUESTS: &str = "the allocator reports its blocks, and not what was asked for";

const NO_SEGMENTS: &str = "the engine reports no segments of this heap";

/// What is built from one pass, and what of it is still to be filled in.
pub(crate) struct Built {
    pub(crate) report: Report,
    pub(crate) timeline: Timeline,
    /// What is said of the report by going back to an event.
    pub(crate) deferred: DeferredDetails,
}

/// Builds the report and the timeline of a finished replay: of the whole log, or of a range of it. `of_threads`: of what some threads
/// did alone.
pub(crate) fn build<'a>(
    mut replay: Replay<'a>,
    mut collectors: Collectors<'a>,
    events: &Events<'_>,
    range: Option<Range>,
    of_threads: bool,
) -> Built {
    let mut trace = run::trace(&replay, &collectors, events, range);
    let end = trace.range.as_ref().map_or(trace.duration_ns, |range| range.to_ns);
    collectors.movement.finish(end);
    let (phases, phases_total) = collectors.phases.finish(end, &replay.heaps, &mut collectors.heaps);
    let (work, definitions) = (&collectors.movement.work, replay.log.definitions());
    collectors.failures.conclude(|failed, needs| {
        if let Some(device) = failed.device {
            need::add_work(needs, device, work, definitions);
        }
        needs.extend(need::rest_of_phases(failed, &phases));
    });
    let mut names = Names::new(replay.log, &replay.owners, &replay.scopes);
    // In a range of an imported recording it is not asked what is left of what was live before all of it.
    let inferred = trace.range.is_some() && replay.log.is_imported() && replay.log.kept_from().is_some();
    let complete = !trace.dropped.any() && trace.damaged_chunks == 0 && !inferred;
    let known_if = |exact: bool| if exact { Known::Exact } else { Known::Baseline };
    let monitor = device::monitors(&replay.heaps, &collectors);
    let profile = device::profiles(&replay.heaps, &collectors);
    let heaps = std::mem::take(&mut replay.heaps);
    let heaps_total = heaps.len() as u64;
    let mut watches = std::mem::take(&mut collectors.heaps);
    let mut deferred = DeferredDetails::default();
    for (index, (heap, watch)) in heaps.iter().zip(&mut watches).enumerate() {
        deferred.add(index, heap, watch);
    }
    let known = |watch: &HeapWatch| known_if(complete && watch.unknown_frees == 0 && watch.baseline == 0);
    let samples = span::samples(&collectors.counters, &collectors.marks, &names);
    let ledgers = ledger::ledgers(&collectors, (&heaps, &watches), &samples, end, known);
    let tracks = timeline::tracks(&heaps, &watches, &mut names, end);
    let mut growth =
        growth::report(&collectors.growth, &heaps, growth::Run::of(&trace, end), &mut names, &mut deferred);
    growth.idle = growth::idle(&tracks, &growth.cycles, end);
    let heap_reports: Vec<_> = heaps
        .into_iter()
        .zip(watches)
        .enumerate()
        .map(|(index, (heap, watch))| {
            let known = known(&watch);
            let before = heap::peak_before(replay.log, heap.key).filter(|_| trace.range.is_none());
            // Of threads' blocks alone no allocator has a sum.
            let told = collectors.totals.of(heap.key).filter(|_| !of_threads).map(heap::totals);
            let report = heap::report(index, (heap, watch), known, before, end, &mut names);
            report::Heap { allocator: told, ..report }
        })
        .collect();
    let phases = phases.into_iter().map(|phase| span::phase(phase, &heap_reports, &mut names)).collect();
    let movement = &collectors.movement;
    let modules = module::modules(movement, &mut names);
    growth::find_duplicates(&modules, &mut growth);
    let mut timeline = timeline::timeline(&collectors, tracks, &modules, &heap_reports, &mut names, end);
    timeline.ledgers = ledgers.tracks;
    trace.run_failed = oom::run_failed(&collectors.failures, &heap_reports);
    let modules: Vec<_> = modules.into_iter().map(|(report, _)| report).collect();
    let ooms = {
        let models = Models::new(&modules, &movement.work, trace.engine.as_ref());
        oom::failures(&collectors.failures, &heap_reports, &models, &mut names)
    };
    let report = Report {
        schema_version: SCHEMA_VERSION,
        trace,
        findings: Vec::new(),
        transfers: movement.sums.report(movement.unfinished()),
        swaps: swaps::swaps(movement, complete, &mut names),
        growth,
        phases,
        heaps_total,
        phases_total,
        marks: span::marks(&collectors.marks, &names),
        samples: Samples { monitor, ..samples },
        profile,
        ledger: ledgers.entries,
        ledger_trends: ledgers.trends,
        ooms,
        ooms_total: collectors.failures.total,
        ooms_why: oom::unknown(replay.log, &collectors.failures, &heap_reports),
        modules,
        heaps: heap_reports,
    };
    Built { report, timeline, deferred }
}
