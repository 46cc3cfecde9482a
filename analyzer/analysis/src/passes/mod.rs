//! Ways through the events of a log: the driver that all take, and the passes that are made with it.
//!
//! The first pass replays everything and lets the collectors watch. [`second_pass`] goes back to instants that the first one found,
//! [`rehearsal`] follows the whole course with other settings of the allocator, [`composition`](mod@composition) counts by part or module over time,
//! [`walk`] shows each event with the state that it led to. [`checkpoints`] are where a replay can start.

mod checkpoints;
mod composition;
mod filter;
mod range;
mod rehearsal;
mod replay_driver;
mod second_pass;
pub mod walk;

pub use checkpoints::Checkpoints;
pub(crate) use checkpoints::{CheckpointWriter, PLACES};
pub(crate) use composition::composition;
pub use composition::{Composition, CompositionPart, Grouping};
pub(crate) use filter::EventFilter;
pub use filter::thread_names;
pub use range::RangeError;
pub(crate) use range::RangeTracker;
pub(crate) use rehearsal::rehearse;
pub(crate) use replay_driver::{ReplayDriver, Replayed, replay_whole};
pub(crate) use second_pass::revisit;
