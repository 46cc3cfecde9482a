//! Growth: the cycles, the memory that each retains, and its owners.

mod births;
mod duplicates;
mod idle;
mod owners;
mod trend;

pub(super) use births::Births;
pub(super) use duplicates::find_duplicates;
pub(super) use idle::idle;
pub use trend::trend;

use memtrace_format::{Bytes, DeviceId};

use super::{
    deferred::{DeferredDetails, HEAPS},
    names::Names,
};
use crate::{
    Nanos, Text,
    collectors::{self, CycleWatch},
    model::HeapKey,
    replay::ReplayHeap,
    report::{Cycle, CycleHeap, CycleSource, Ended, Growth, LevelAt, Shape, TraceInfo, Trend},
};
use owners::Courses;

/// The most cycles that are reported.
const CYCLES: usize = 32;

/// Of the first so many, if they grow, it is looked up what each cycle had left at the last end.
const LOOKED_AT: usize = 8;

/// A cycle whose last end lies before this share of the run is over: what it kept belongs to that part of the run.
const OVER: f64 = 0.5;

/// A span that ended with at least this share of the run still to come was a part of the run, not all of it.
const REST: f64 = 0.05;

const METHOD: &str =
    "slope: median of all pairs of ends (Theil-Sen); confidence: 1 - p of Mann-Kendall, one-sided";

/// What is looked at of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    from: Nanos,
    to: Nanos,
    /// Whether the program had its chance to give back what it had.
    ended: bool,
}

impl Run {
    pub(super) fn of(trace: &TraceInfo, end: Nanos) -> Self {
        let kept = trace.kept_from_ns.unwrap_or_default();
        let from = trace.range.as_ref().map_or(kept, |range| range.from_ns);
        Self {
            from,
            to: end,
            ended: matches!(trace.ended, Ended::Clean | Ended::Untold) && trace.range.is_none(),
        }
    }

    /// How much of it lies before an instant.
    fn share(&self, time: Nanos) -> f64 {
        time.since(self.from).0 as f64 / self.to.since(self.from).0.max(1) as f64
    }
}

/// What grew.
pub(super) fn report(
    watch: &collectors::Growth<'_>,
    heaps: &[ReplayHeap],
    run: Run,
    names: &mut Names<'_>,
    deferred: &mut DeferredDetails,
) -> Growth {
    let heaps = &heaps[..heaps.len().min(collectors::GROWTH_HEAPS)];
    let mut found: Vec<Found<'_>> = watch.repeated().map(|cycle| Found::of(cycle, heaps.len())).collect();
    let births: Vec<Births> =
        if found.is_empty() { Vec::new() } else { heaps.iter().map(Births::of).collect() };
    found.iter_mut().for_each(|found| found.judge(&births, run));
    // What the program names itself tells better what repeats.
    if watch.wanted().is_none() && found.iter().any(Found::is_named_and_tells) {
        found.retain(|found| found.watch.source != CycleSource::Forward);
    }
    found.sort_by_cached_key(Found::rank);
    let left_out = found.len().saturating_sub(CYCLES);
    found.truncate(CYCLES);
    for (index, found) in found.iter().enumerate().take(LOOKED_AT) {
        found.look_at_last_end(index, deferred);
    }
    let cycles: Vec<_> = found.into_iter().map(|found| found.report(heaps, &births, names)).collect();
    Growth {
        method: METHOD,
        cycles_why: cycles.is_empty().then(|| why(watch, names)),
        cycles,
        cycles_left_out: watch.left_out + left_out as u64,
        ..Growth::default()
    }
}

fn why(watch: &collectors::Growth<'_>, names: &Names<'_>) -> Text {
    match watch.wanted() {
        Some(wanted) if watch.cycles.is_empty() => {
            Text::new(format!("no phase, scope, mark or module is called {}", wanted.recorded()))
        }
        Some(wanted) => Text::new(format!("{} came only once", wanted.recorded())),
        None if names.is_imported() && watch.cycles.is_empty() => {
            Text::new("the imported recording has no annotations that could repeat")
        }
        None => Text::new("no phase, scope, mark, module or forward repeated"),
    }
}

/// A cycle, and how each heap went.
struct Found<'a> {
    watch: &'a CycleWatch,
    together: Trend,
    heaps: Vec<Trend>,
}

impl<'a> Found<'a> {
    fn of(watch: &'a CycleWatch, heaps: usize) -> Self {
        let level = |heap: usize| {
            watch.points().map(move |point| (point.number, point.levels.get(heap).copied().unwrap_or(0)))
        };
        let sums = watch.points().map(|point| {
            (point.number, point.levels.iter().fold(0, |sum: u64, level| sum.saturating_add(*level)))
        });
        Self {
            watch,
            together: trend::trend(&sums.collect::<Vec<_>>()),
            heaps: (0..heaps).map(|heap| trend::trend(&level(heap).collect::<Vec<_>>())).collect(),
        }
    }

    /// What looks like a leak from the ends alone may be none.
    fn judge(&mut self, births: &[Births], run: Run) {
        let watch = self.watch;
        let part = watch
            .enclosure
            .and_then(|enclosure| enclosure.until)
            .is_some_and(|until| run.share(until) < 1.0 - REST);
        let over = part || run.share(watch.latest.time) < OVER;
        let warm = |trend: &Trend| {
            let end = watch.points().find(|point| point.number > trend.warm_up_cycles);
            end.map_or(Nanos(0), |point| point.time)
        };
        let left = |trend: &Trend, births: &[Births]| {
            births.iter().map(|births| births.between(warm(trend), watch.latest.time).0).sum::<u64>()
        };
        let given_back = |trend: &Trend, births: &[Births]| {
            let kept = trend.kept_bytes.unsigned_abs();
            run.ended && watch.enclosure.is_some() && left(trend, births) < kept / 2
        };
        let judge = |trend: &mut Trend, births: &[Births]| match trend.shape {
            Shape::Grows if over => trend.shape = Shape::Over,
            Shape::Grows if given_back(trend, births) => trend.shape = Shape::GivenBack,
            _ => {}
        };
        judge(&mut self.together, births);
        for (trend, births) in self.heaps.iter_mut().zip(births) {
            judge(trend, std::slice::from_ref(births));
        }
    }

    /// What is left of each cycle is asked at the last end: at the end of the trace a program has mostly given back everything.
    fn look_at_last_end(&self, cycle: usize, deferred: &mut DeferredDetails) {
        let grow = self.heaps.iter().enumerate().take(HEAPS).filter(|(_, trend)| trend.shape == Shape::Grows);
        for (heap, _) in grow {
            if let Some(event) = self.watch.latest_events.get(heap).and_then(|events| events.checked_sub(1)) {
                deferred.add_survivors(cycle, (self.watch.latest.time, heap, event), ends(self.watch));
            }
        }
    }

    /// Whether the program names it, and it came often enough to tell.
    fn is_named_and_tells(&self) -> bool {
        let is_named =
            matches!(self.watch.source, CycleSource::Phase | CycleSource::Scope | CycleSource::Mark);
        is_named && self.heaps.iter().any(|trend| !matches!(trend.shape, Shape::TooFew | Shape::Over))
    }

    /// What grows comes first; of that, what the program names itself, and the larger part of a run.
    fn rank(&self) -> (Shape, bool, u64, CycleSource, Text) {
        let worst = self.heaps.iter().map(|trend| trend.shape).min().unwrap_or(Shape::TooFew);
        let source = self.watch.source;
        let by_modules = matches!(source, CycleSource::Definition | CycleSource::Load | CycleSource::Forward);
        (worst, by_modules, self.watch.count, source, self.watch.name.clone())
    }

    fn report(self, heaps: &[ReplayHeap], births: &[Births], names: &mut Names<'_>) -> Cycle {
        let Self { watch, together, heaps: trends } = self;
        let mut all = Courses::over(watch, &together);
        let mut reports = Vec::new();
        for (index, ((heap, trend), births)) in heaps.iter().zip(trends).zip(births).enumerate() {
            let mut own = Courses::over(watch, &trend);
            own.add(index, names);
            all.add(index, names);
            reports.push(CycleHeap {
                heap: names.heap(heap.key),
                device: device(heap, names),
                trend,
                by_module: own.by_module(),
                by_scope: own.by_scope(),
                by_stack: own.by_stack(),
                levels: levels(watch, index),
                survivors: births.survivors(&ends(watch)),
            });
        }
        Cycle {
            name: watch.name.clone(),
            source: watch.source,
            count: watch.count,
            first_ns: watch.first,
            last_ns: watch.latest.time,
            inside: watch.enclosure.map(|enclosure| names.scope(enclosure.scope)),
            trend: together,
            by_module: all.by_module(),
            by_scope: all.by_scope(),
            by_stack: all.by_stack(),
            by_module_why: all.why(),
            heaps: reports,
        }
    }
}

/// When each of the ends was that were kept, and its number.
fn ends(watch: &CycleWatch) -> Vec<(Nanos, u64)> {
    watch.points().map(|point| (point.time, point.number)).collect()
}

fn levels(watch: &CycleWatch, heap: usize) -> Vec<LevelAt> {
    let points = watch.points();
    let level = |point: &collectors::CyclePoint| LevelAt {
        cycle: point.number,
        time_ns: point.time,
        bytes: Bytes(point.levels.get(heap).copied().unwrap_or(0)),
    };
    points.map(level).collect()
}

fn device(heap: &ReplayHeap, names: &Names<'_>) -> Option<u32> {
    let HeapKey::Heap(id) = heap.key else { return None };
    let device = DeviceId(names.definitions.heap(id)?.device);
    Some(device)
        .filter(|id| !id.is_none())
        .and_then(|id| names.definitions.device(id))
        .map(|device| device.ordinal)
}
