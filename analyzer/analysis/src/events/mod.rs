//! The log by place: from any instant on, backwards, and searched, without reading what lies elsewhere.
//!
//! ```
//! # fn show(trace: &memtrace_analysis::Trace) -> Result<(), memtrace_analysis::ReadError> {
//! use memtrace_analysis::{Nanos, events::{Browser, EventLine}};
//! let browser = Browser::new(trace);
//! for entry in browser.from(Nanos(1_500_000_000)).take(20) {
//!     let line = EventLine::new(&entry?.recorded, trace.definitions());
//!     println!("{} {} {}", line.time_ns, line.kind, line.about());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The events come in the order of [`Trace::events`](crate::Trace::events), and each has a [`EventPlace`] in it. What a chunk's
//! header tells of its time says where to begin; memory is one chunk a thread, and a page.

mod browser;
mod line;
mod place;
mod query;
mod seek;

pub use browser::{Browser, SeekSide, Watch};
pub use line::EventLine;
pub use place::{Entry, EventPlace};
pub use query::Query;
pub use seek::EventsFrom;
