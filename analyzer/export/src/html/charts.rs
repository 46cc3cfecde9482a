//! Data of the charts: numbers and names, as JSON within a page.

use std::collections::HashMap;

use memtrace_analysis::{
    Nanos, Text,
    report::{Report, Stay},
    timeline::{Extent, Happening, HeapTrack, ModuleTrack, Series, Timeline},
};
use memtrace_format::Tier;
use serde::Serialize;

/// Points of all heaps together, and those of one: a chart has about a thousand pixels, and looks closer by a few times.
const POINTS: usize = 16_000;
const POINTS_OF_ONE: (usize, usize) = (250, 4_000);
/// Modules, and stays of all of them together.
const MODULES: usize = 300;
const STAYS: usize = 20_000;
/// Phases and signs, the first of them.
const PHASES: usize = 500;
const SIGNS: usize = 500;

#[derive(Serialize)]
struct Course {
    end: u64,
    /// Whether there are no times, and positions among the events stand for them.
    positions: bool,
    /// The heap that is shown first.
    first: usize,
    heaps: Vec<HeapCourse>,
    tiers: Vec<String>,
    modules: Vec<ModuleCourse>,
    modules_left_out: usize,
    phases: Vec<(String, u64, u64)>,
    signs: Vec<(String, u64)>,
}

/// A heap in equal parts of the run, the extremes of each.
#[derive(Serialize)]
struct HeapCourse {
    name: String,
    peak: u64,
    /// All of the device's memory, if it is known.
    capacity: Option<u64>,
    allocated: Vec<Option<u64>>,
    least: Vec<Option<u64>>,
    /// Empty: the heap has no segments.
    reserved: Vec<Option<u64>>,
}

#[derive(Serialize)]
struct ModuleCourse {
    name: String,
    /// The number of its tier, and from when to when.
    stays: Vec<(usize, u64, u64)>,
    stays_left_out: usize,
}

/// The JSON, in which nothing can end the element that it stands in.
pub(super) fn json(report: &Report, timeline: &Timeline) -> String {
    let json = serde_json::to_string(&Course::new(report, timeline)).expect("numbers and text are JSON");
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

impl Course {
    fn new(report: &Report, timeline: &Timeline) -> Self {
        let points = (POINTS / timeline.heaps.len().max(1)).clamp(POINTS_OF_ONE.0, POINTS_OF_ONE.1);
        let mut tiers = Tiers::default();
        let moving: Vec<&ModuleTrack> =
            timeline.modules.iter().filter(|module| !module.inherited && !module.stays.is_empty()).collect();
        let shown = &moving[..moving.len().min(MODULES)];
        let of_one = STAYS / shown.len().max(1);
        let heaps = timeline.heaps.iter().zip(&report.heaps);
        Self {
            end: timeline.end.0.max(1),
            positions: !report.trace.has_times(),
            first: report.main_heap().unwrap_or(0),
            heaps: heaps
                .map(|(track, heap)| HeapCourse {
                    capacity: report.capacity(heap).map(|capacity| capacity.0),
                    ..heap_course(track, heap.peak.time_ns, timeline.end, points)
                })
                .collect(),
            modules: shown.iter().map(|module| module_course(module, of_one, &mut tiers)).collect(),
            modules_left_out: moving.len() - shown.len(),
            tiers: tiers.names,
            phases: report
                .phases
                .iter()
                .take(PHASES)
                .map(|phase| (phase.name.to_string(), phase.from_ns.0, phase.to_ns.0))
                .collect(),
            signs: timeline
                .instants
                .iter()
                .filter_map(|sign| Some((in_words(&sign.what)?, sign.time.0)))
                .take(SIGNS)
                .collect(),
        }
    }
}

fn heap_course(track: &HeapTrack, peak: Nanos, end: Nanos, points: usize) -> HeapCourse {
    let drawn = |series| track.draw(series, Nanos(0), end, points);
    let most = |extents: &[Option<Extent>]| extents.iter().map(|e| e.map(|e| e.max.0)).collect();
    let allocated = drawn(Series::Allocated);
    HeapCourse {
        name: track.name().to_string(),
        peak: peak.0,
        capacity: None,
        least: allocated.iter().map(|extent| extent.map(|extent| extent.min.0)).collect(),
        allocated: most(&allocated),
        reserved: if track.has_segments() { most(&drawn(Series::Reserved)) } else { Vec::new() },
    }
}

fn module_course(module: &ModuleTrack, most: usize, tiers: &mut Tiers) -> ModuleCourse {
    let mut longest: Vec<&Stay> = module.stays.iter().collect();
    let left_out = longest.len().saturating_sub(most);
    if left_out > 0 {
        longest.sort_by_key(|stay| std::cmp::Reverse(stay.to_ns.since(stay.from_ns)));
        longest.truncate(most);
        longest.sort_by_key(|stay| stay.from_ns);
    }
    ModuleCourse {
        name: module.name.to_string(),
        stays: longest
            .into_iter()
            .map(|stay| (tiers.number(stay.tier), stay.from_ns.0, stay.to_ns.0))
            .collect(),
        stays_left_out: left_out,
    }
}

fn in_words(happening: &Happening) -> Option<String> {
    let name: &Text = match happening {
        Happening::Mark { name, .. } => name,
        Happening::OutOfMemory { requested, .. } => return Some(format!("no room for {requested}")),
        _ => return None,
    };
    Some(name.to_string())
}

/// Tiers by the order in which they are met.
#[derive(Default)]
struct Tiers {
    numbers: HashMap<Tier, usize>,
    names: Vec<String>,
}

impl Tiers {
    fn number(&mut self, tier: Tier) -> usize {
        *self.numbers.entry(tier).or_insert_with(|| {
            self.names.push(tier.to_string());
            self.names.len() - 1
        })
    }
}
