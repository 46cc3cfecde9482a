//! Ring mode: chunks are used again, and what they held is folded into a baseline first.
//!
//! ```text
//!   chunks of all threads ──▶ streams ──▶ fold ──▶ baseline ──▶ chunks of kind 3
//!        (read in place)     (by time)   (state)   (records)
//! ```
//!
//! Everything here happens on the helper thread. The crate `memtrace-baseline` folds; `docs/format.md` says what a baseline is.

mod streams;

pub(crate) use streams::{Streams, WatchedChunk};
