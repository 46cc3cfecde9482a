//! Replays a memtrace log and answers: whose was the peak, why was there no room, which module was where, what did swapping
//! cost.
//!
//! ```
//! # use memtrace_format::{CHUNK_BYTES, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind, Closing};
//! # use memtrace_format::{Address, BlockAlloc, Bytes, DropCounts, Event, FileHeader, ModuleId, PoolId, StackId, ThreadId, Ticks};
//! # let start = Calibration::default();
//! # let header = FileHeader { compatible: 0, incompatible: 0, session: 1, boot: 0, pid: 7, clock: ClockKind::Monotonic, start, minor: 0 };
//! # let chunk = ChunkHeader {
//! #     kind: ChunkKind::Events, session: 1, sequence: 0, thread: ThreadId(1), thread_sequence: 0,
//! #     base_time: Ticks(0), calibration: start, drops: DropCounts::default(), seal: None,
//! # };
//! # let mut builder = ChunkBuilder::new(chunk);
//! # let alloc = BlockAlloc {
//! #     pool: PoolId(1), address: Address(4096), size: Bytes(1024), requested: Bytes(1000),
//! #     module: ModuleId::NONE, stack: StackId::NONE,
//! # };
//! # builder.event(Ticks(5), &Event::BlockAlloc(alloc)).expect("room");
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("run.trace");
//! # std::fs::write(&path, [&header.to_bytes()[..], &[0; Closing::BYTES], &builder.finish()[..]].concat())?;
//! let analysis = memtrace_analysis::analyze(&path)?;
//! for heap in &analysis.report.heaps {
//!     println!("{}: {} at {}", heap.name, heap.peak.figures.allocated_bytes, heap.peak.time_ns);
//! }
//! assert_eq!(analysis.report.heaps[0].peak.figures.allocated_bytes, Bytes(1024));
//!
//! let trace = memtrace_analysis::Trace::open(&path)?;
//! for recorded in trace.events() {
//!     let recorded = recorded?;
//!     println!("{} thread {}: {:?}", recorded.time, recorded.thread, recorded.event);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It reads files, writes none but those that it is asked for (cuts, pseudonyms, [packs](pack)), knows the log ([`memtrace_format`]) and not
//! the tracer, and never maps a file: one that is cut short while it is read ends early. What a trace cannot tell is said to be unknown, with the reason; it is never 0.
#![forbid(unsafe_code)]

mod table;
mod text;
mod time;

mod model;

mod source;

mod merge;

pub mod events;

pub mod allocator_model;
pub mod replay;

mod oom;

mod collectors;

mod passes;

mod report_builder;

pub mod check;
pub mod diff;
mod findings;
pub mod processes;

pub mod rendering;

mod chunk_writer;
pub mod cut;
pub mod pack;
pub mod scrub;

mod analyze;
mod seek;
mod so_far;
mod trace;

pub use analyze::Analysis;
pub use chunk_writer::ChunkWriter;
pub use merge::{Events, Recorded};
pub use model::{
    CallSite, EventContext, Filter, HeapKey, Progress, SnapshotAt, TraceRange, TransferKey, cut_middle,
    fit_frame, own_frames, report, snapshot, timeline,
};
pub use passes::{Checkpoints, Composition, CompositionPart, Grouping, RangeError, thread_names, walk};
pub use report_builder::trend;
pub use seek::SnapshotAtError;
pub use so_far::{HeapSoFar, SoFar};
pub use source::{Call, Damage, Definitions, Log, Losses, ReadError, RegularFile};
pub use table::{grouped, utc};
pub use text::{Text, as_cell, is_unsafe};
pub use time::{Nanos, TimeError, are_positions, as_positions};
pub use trace::{Trace, analyze};
