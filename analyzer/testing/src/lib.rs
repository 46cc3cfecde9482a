//! Logs made in memory, for the tests and benchmarks of the analyzer's crates: it knows the format alone.
//!
//! ```
//! use memtrace_testing::recording::{DEVICE, Recording, alloc, free};
//!
//! let mut run = Recording::new();
//! run.at(1, 10, alloc(DEVICE, 0x1000, 512, 500));
//! run.at(1, 20, free(DEVICE, 0x1000));
//! assert!(memtrace_format::FileHeader::parse(&run.bytes()).is_ok());
//! ```
//!
//! [`recording`] is an engine's run, written event by event; [`log`](mod@log) a thread's events and nothing else; [`generated`] a
//! run of any length; [`Many`] a run with very many things of one kind. [`perfetto`] reads what an export wrote.
#![forbid(unsafe_code)]

pub mod generated;
mod log;
mod many;
pub mod perfetto;
pub mod recording;

pub use log::{log, log_file};
pub use many::Many;
