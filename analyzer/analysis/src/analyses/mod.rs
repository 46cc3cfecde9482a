//! What is looked for while a trace is replayed. Each analysis watches one replay and keeps what its part of the report needs.

mod activity;
mod bound;
mod costliest;
mod devices;
mod failures;
mod growth;
mod heap_watch;
mod ledger;
mod module;
mod movement;
mod overlap;
mod peak;
mod peaks;
mod phases;
mod profiles;
mod residency;
mod samples;
mod speeds;
mod swaps;
mod totals;
mod transfers;
mod uses;

pub(crate) use activity::Activity;
pub(crate) use devices::{DeviceIndex, DeviceSnapshot, DeviceWatch, Devices};
pub(crate) use failures::{FailedRequest, Failures};
pub(crate) use growth::{Census, CyclePoint, CycleWatch, Growth, HEAPS as GROWTH_HEAPS};
pub(crate) use heap_watch::{FragmentationSnapshot, HeapWatch, Level, TRACKED};
pub(crate) use ledger::{Balance, Free, FreeSource, Ledger};
pub(crate) use module::{ModuleRecord, WaySums};
pub(crate) use movement::{Movement, UnderWay};
pub(crate) use peak::PeakWatch;
pub(crate) use peaks::{PeaksWatch, Summit};
pub(crate) use phases::{PhaseRecord, Phases};
pub(crate) use profiles::{ProfileRecord, Profiles};
pub(crate) use samples::{CounterRecord, Counters, MarkRecord, Marks};
pub(crate) use swaps::{SwapRecord, Swaps as SwapWatch};
pub(crate) use totals::{Totals, TotalsSample, TotalsWatch};
pub(crate) use uses::Uses;

use crate::{Nanos, Text, replay::Heap, source::Definitions};

/// The analyses that watch the whole trace. Those that watch one heap are in its [`HeapWatch`].
#[derive(Debug)]
pub(crate) struct Analyses<'a> {
    pub(crate) movement: Movement<'a>,
    pub(crate) phases: Phases,
    pub(crate) marks: Marks,
    pub(crate) counters: Counters,
    pub(crate) totals: Totals<'a>,
    pub(crate) failures: Failures,
    pub(crate) devices: Devices<'a>,
    pub(crate) profiles: Profiles<'a>,
    pub(crate) growth: Growth<'a>,
}

impl<'a> Analyses<'a> {
    /// `cycle` is the only one whose growth is looked for, if one was asked for.
    pub(crate) fn new(definitions: &'a Definitions, threads: usize, cycle: Option<Text>) -> Self {
        Self {
            movement: Movement::new(definitions, threads),
            phases: Phases::default(),
            marks: Marks::default(),
            counters: Counters::default(),
            totals: Totals::new(definitions),
            failures: Failures::default(),
            devices: Devices::new(definitions, threads),
            profiles: Profiles::new(definitions),
            growth: Growth::new(definitions, threads, cycle),
        }
    }

    /// Begins to count anew: from `now` on events are of the recording that was kept. What is open stays open, and what is
    /// somewhere stays there.
    pub(crate) fn forget_the_past(&mut self, now: Nanos, heaps: &mut [Heap]) {
        self.movement.forget_the_past(now);
        self.phases.forget_the_past(heaps);
        self.marks = Marks::default();
        self.counters.forget_the_past(now);
        self.totals.forget_the_past();
        self.failures.forget_the_past();
        self.devices.forget_the_past(now, heaps);
        self.profiles.forget_the_past();
        self.growth.forget_the_past();
    }
}
