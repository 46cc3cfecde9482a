//! Plain data that all layers above share: the report, the timeline and snapshots that come out, the selections that go in, and what
//! events are told by on the way.

mod call_site;
mod device_balance;
mod keys;
mod moment;
mod progress;
mod selection;

pub mod report;
pub mod snapshot;
pub mod timeline;

pub use call_site::{CallSite, cut_middle, fit_frame, own_frames};
pub(crate) use device_balance::{Balance, Free, FreeSource, Held, OwnProcess, Sampled};
pub use keys::{HeapKey, TransferKey};
pub use moment::EventContext;
pub(crate) use moment::{TimedEvent, Waypoint};
pub use progress::Progress;
pub use selection::{Filter, SnapshotAt, TraceRange};
