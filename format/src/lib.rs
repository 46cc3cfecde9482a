//! The memtrace log as it lies on disk, and nothing else.
//!
//! ```
//! use memtrace_format::{Address, BlockAlloc, Bytes, Event, ModuleId, PoolId, StackId, Ticks};
//!
//! let event = Event::BlockAlloc(BlockAlloc {
//!     pool: PoolId(1),
//!     address: Address(0x7000_0000),
//!     size: Bytes(1024),
//!     requested: Bytes(1000),
//!     module: ModuleId::NONE,
//!     stack: StackId::NONE,
//! });
//! let encoded = event.encode(Ticks(42));
//! assert_eq!(Event::decode(&encoded.record, encoded.extension.as_ref()), Some(event));
//! ```
//!
//! A log is a [`FileHeader`], a place for a [`Closing`] block, and [chunks](ChunkHeader) of [records](Record) and
//! [definitions](Definition); `docs/format.md` draws it byte by byte. This crate reads no files and knows neither the
//! tracer nor the analyzer: a second engine, another language or an importer needs this crate (or that page) alone.
//! It does not judge what it decodes: whether a block was live when it was freed is the reader's business.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod units;

mod id;

mod place;

mod sampled;

mod record;

mod event;

mod drops;

mod clock;

mod bytes;

pub mod header;

pub mod closing;

pub mod chunk;

pub mod definition;

pub mod well_known;

mod builder;

pub use builder::{ChunkBuilder, ChunkFull};
pub use bytes::Field;
pub use chunk::{CHUNK_BYTES, CHUNK_RECORDS, ChunkError, ChunkHeader, ChunkKind, FIRST_CHUNK_OFFSET, Seal};
pub use clock::{Calibration, ClockKind};
pub use closing::{CLOSING_OFFSET, Closing, Ending};
pub use definition::{
    CounterDefinition, Definition, DefinitionError, DefinitionFault, DeviceDefinition, EngineDefinition,
    HeapDefinition, MAX_TEXT_BYTES, ModuleDefinition, NameDefinition, PoolDefinition, SCHEMA_HASH,
    StackDefinition, ThreadDefinition, definitions,
};
pub use drops::{DropCause, DropCounts};
pub use event::{
    BlockAlloc, BlockFree, BlockOwned, CounterValue, Encoded, Event, Extension, Folded, OutOfMemory,
    PeakPassed, Segment, TransferBegin, TransferEnd,
};
pub use header::{FileHeader, HeaderError, LACKS_THREADS, LACKS_TIMES, RING, SIZES_DEDUCED};
pub use id::{CounterId, DeviceId, HeapId, ModuleId, NameId, PoolId, StackId, ThreadId};
pub use place::{HostMemory, MemoryKind, Reason, Tier, Unit};
pub use record::{Kind, Record, Word};
pub use sampled::{NotSampled, SampleSource, SampledCounter};
pub use units::{Address, Bytes, ParseBytesError, Ticks};
