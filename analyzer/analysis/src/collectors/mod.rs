//! Collectors keep what the report needs of a replay.
//!
//! A collector is a type in a file of its own that implements [`Collector`](collector::Collector) for the events it listens to, and a
//! line in the list of [`list`]. The report builder reads what it has kept.

mod activity;
mod collector;
mod costliest;
mod devices;
mod failures;
mod growth;
mod heap_watch;
mod ledger;
mod list;
mod loads;
mod lower_bound;
mod module;
mod movement;
mod overlap;
mod parts;
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
mod work;

pub(crate) use activity::Activity;
pub(crate) use devices::{DeviceIndex, DeviceSnapshot, DeviceWatch, Devices};
pub(crate) use failures::{FailedRequest, Failures};
pub(crate) use growth::{Census, CyclePoint, CycleWatch, Growth, HEAPS as GROWTH_HEAPS};
pub(crate) use heap_watch::{FOLLOWED, FragmentationSnapshot, HeapWatch, TRACKED};
pub(crate) use ledger::Ledger;
pub(crate) use list::Collectors;
pub(crate) use module::{ModuleRecord, WaySums};
pub(crate) use movement::Movement;
pub(crate) use peak::PeakWatch;
pub(crate) use peaks::{PeakRecord, PeaksWatch};
pub(crate) use phases::{PhaseRecord, Phases};
pub(crate) use profiles::{ProfileRecord, Profiles};
pub(crate) use samples::{CounterRecord, Counters, MarkRecord, Marks};
pub(crate) use swaps::{SwapRecord, Swaps as SwapWatch};
pub(crate) use totals::{Totals, TotalsSample, TotalsWatch};
pub(crate) use uses::Uses;
pub(crate) use work::Work;
