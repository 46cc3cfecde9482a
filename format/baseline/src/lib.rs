//! Events folded into a baseline: the records that a log has in place of events that it does not hold.
//!
//! ```
//! use memtrace_baseline::Fold;
//! use memtrace_format::{Address, BlockFree, Bytes, Event, PoolId, ThreadId, Ticks};
//!
//! let mut fold = Fold::default();
//! let free = Event::BlockFree(BlockFree { pool: PoolId(1), address: Address(4096), size: Bytes(0) });
//! fold.apply(Ticks(5), ThreadId(1), &free);
//! let mut records = Vec::new();
//! fold.baseline(&[], |time, event| records.push((time, event)));
//! assert!(!records.contains(&(Ticks(5), free)));
//! ```
//!
//! `docs/format.md` says what a baseline is. A ring folds what it is about to overwrite, a cut what lies before it. It reads and
//! writes no files.
#![forbid(unsafe_code)]

mod fold;
mod nesting;
mod records;

pub use fold::Fold;
