//! Selections of a trace: a range, a filter, an instant.

mod filter;
mod range;
mod snapshot_at;

pub use filter::Filter;
pub use range::TraceRange;
pub use snapshot_at::SnapshotAt;
