//! The event: what a record means. Both sides of the file use this one mapping.

use core::time::Duration;

use crate::{
    Address, Bytes, CounterId, DropCause, HeapId, HostMemory, Kind, ModuleId, NameId, PoolId, Reason, Record,
    StackId, ThreadId, Ticks, Tier, Word,
};

/// Something that happened, at a time and on a thread that the record and its chunk tell.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A segment was reserved from the driver.
    SegmentAlloc(Segment),
    /// A segment was given back to the driver.
    SegmentFree(Segment),
    /// A part of a reserved address range got memory.
    SegmentMap(Segment),
    /// A part of a reserved address range lost its memory.
    SegmentUnmap(Segment),
    /// A block was handed out.
    BlockAlloc(BlockAlloc),
    /// A block was given back and can be reused at once.
    BlockFree(BlockFree),
    /// A block was given back but a stream may still use it.
    BlockFreeRequested(BlockFree),
    /// The last stream was done with a block whose free had been requested.
    BlockFreeCompleted(BlockFree),
    /// A request failed.
    OutOfMemory(OutOfMemory),
    /// A module came into being.
    ModuleDefined(ModuleId),
    /// A module was dropped by the engine.
    ModuleReleased(ModuleId),
    /// A forward of a module began on this thread.
    ForwardBegin(ModuleId),
    /// A forward of a module ended on this thread.
    ForwardEnd(ModuleId),
    /// A transfer began.
    TransferBegin(TransferBegin),
    /// A transfer ended.
    TransferEnd(TransferEnd),
    /// A scope was entered on this thread.
    ScopeBegin {
        /// Its name.
        name: NameId,
        /// Whether it is a phase: one of the few spans that reports list one by one.
        phase: bool,
    },
    /// A scope was left on this thread.
    ScopeEnd {
        /// Its name.
        name: NameId,
    },
    /// A named instant.
    Mark {
        /// Its name.
        name: NameId,
        /// A number of the program's own.
        value: u64,
    },
    /// A named instant in the course of a heap: it counts among the heap's events.
    HeapMark {
        /// A pool of the heap.
        pool: PoolId,
        /// Its name.
        name: NameId,
        /// A number of the program's own.
        value: u64,
    },
    /// A counter's value.
    CounterSample {
        /// Which counter.
        counter: CounterId,
        /// Its value, in the unit of its definition.
        value: CounterValue,
    },
    /// Events of this thread were lost.
    Dropped {
        /// Why; `None` if a later version added the cause.
        cause: Option<DropCause>,
        /// How many.
        count: u64,
        /// When the first of them should have been recorded.
        since: Ticks,
    },
    /// In a baseline: the events behind it are of this thread.
    OnThread(ThreadId),
    /// In a baseline: what a thread recorded before a place is folded into the baseline.
    Folded(Folded),
    /// In a baseline: the largest sum of bytes that a heap has had by then.
    PeakPassed(PeakPassed),
    /// The end of a baseline.
    BaselineEnd {
        /// How many chunks it has, the one that this lies in included.
        chunks: u64,
    },
}

/// How far the records of a thread are folded into a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The thread.
    pub thread: ThreadId,
    /// The first of its chunks (by thread sequence) that is not wholly folded.
    pub chunk: u64,
    /// The first record in that chunk that is not.
    pub record: u64,
}

/// A peak that is older than the events that were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeakPassed {
    /// The heap.
    pub heap: HeapId,
    /// Whether it is of the reserved bytes, not of the allocated ones.
    pub reserved: bool,
    /// The bytes at the peak.
    pub bytes: Bytes,
}

/// A segment, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The pool whose requests it serves.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub size: Bytes,
    /// Who asked for it.
    pub stack: StackId,
}

/// A block as it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAlloc {
    /// The pool it comes from.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub size: Bytes,
    /// What the program asked for. The rest of `size` is internal fragmentation.
    pub requested: Bytes,
    /// The module it belongs to, if the program says so; else the module open on the thread owns it.
    pub module: ModuleId,
    /// Who asked for it.
    pub stack: StackId,
}

/// A block as it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFree {
    /// The pool it goes back to.
    pub pool: PoolId,
    /// Where it starts.
    pub address: Address,
    /// How long it is; zero if the program did not say.
    pub size: Bytes,
}

/// A request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// The pool that was asked.
    pub pool: PoolId,
    /// What the program asked for.
    pub requested: Bytes,
    /// What the device still had free, if known.
    pub free: Option<Bytes>,
    /// Who asked for it.
    pub stack: StackId,
}

/// The beginning of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferBegin {
    /// Pairs this beginning with its end; unique among the transfers that one thread begins.
    pub correlation: u32,
    /// The module that moves, if it is one.
    pub module: ModuleId,
    /// Where from.
    pub from: Tier,
    /// Where to.
    pub to: Tier,
    /// How much.
    pub size: Bytes,
    /// The kind of host memory at the host's end.
    pub memory: HostMemory,
    /// Why.
    pub reason: Reason,
    /// The module that needs the room, if this is an eviction made for one.
    pub room_for: ModuleId,
}

/// The end of a transfer, possibly on another thread than its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferEnd {
    /// As in the beginning.
    pub correlation: u32,
    /// The thread that began it.
    pub origin: ThreadId,
    /// As in the beginning.
    pub module: ModuleId,
    /// How much was really moved.
    pub size: Bytes,
    /// How long the device took for it, if that was measured there. The time between the beginning and the end is that of
    /// the host, which may have waited for a turn, or noticed the end late.
    pub on_device: Option<Duration>,
}

/// The value of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CounterValue {
    /// A whole number.
    Integer(u64),
    /// A fraction.
    Float(f64),
}

/// What extension records add. An extension carries its type where other records carry a pool.
#[derive(Clone, Copy, Debug)]
pub struct Extension;

impl Extension {
    /// Of a block alloc: time = requested bytes, id = the module that owns it.
    pub const BLOCK: u16 = 1;
    /// Of a transfer's beginning: id = the module that needs the room.
    pub const TRANSFER: u16 = 2;
    /// Of a transfer's end: time = nanoseconds that it took on the device.
    pub const TRANSFER_END: u16 = 3;
}

/// A record and, for some events, the extension that follows it in the same chunk.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// The record.
    pub record: Record,
    /// What it could not hold.
    pub extension: Option<Record>,
}

const PHASE: u8 = 0x02;
const FLOAT: u8 = 0x02;
const RESERVED: u8 = 0x02;
const HOST_MEMORY_SHIFT: u32 = 1;
const FREE_NOT_KNOWN: u64 = u64::MAX;

impl Event {
    /// The record for this event at `time`.
    ///
    /// Inlined into each caller, where the kind of event is a constant, it is four values in registers.
    #[inline(always)]
    pub fn encode(&self, time: Ticks) -> Encoded {
        let plain = |value, size, id, pool, kind, flags| Encoded {
            record: Record::new(time, value, size, Word::new(id, pool, kind, flags)),
            extension: None,
        };
        let segment = |s: &Segment, kind| plain(s.address.0, s.size.0, s.stack.0, s.pool.0, kind, 0);
        let free = |b: &BlockFree, kind| plain(b.address.0, b.size.0, 0, b.pool.0, kind, 0);
        let module = |m: ModuleId, kind| plain(0, 0, m.0, 0, kind, 0);
        match self {
            Self::SegmentAlloc(s) => segment(s, Kind::SegmentAlloc),
            Self::SegmentFree(s) => segment(s, Kind::SegmentFree),
            Self::SegmentMap(s) => segment(s, Kind::SegmentMap),
            Self::SegmentUnmap(s) => segment(s, Kind::SegmentUnmap),
            Self::BlockAlloc(block) => block.encode(time),
            Self::BlockFree(b) => free(b, Kind::BlockFree),
            Self::BlockFreeRequested(b) => free(b, Kind::BlockFreeRequested),
            Self::BlockFreeCompleted(b) => free(b, Kind::BlockFreeCompleted),
            Self::OutOfMemory(o) => {
                let free = o.free.map_or(FREE_NOT_KNOWN, |bytes| bytes.0);
                plain(free, o.requested.0, o.stack.0, o.pool.0, Kind::OutOfMemory, 0)
            }
            Self::ModuleDefined(m) => module(*m, Kind::ModuleDefined),
            Self::ModuleReleased(m) => module(*m, Kind::ModuleReleased),
            Self::ForwardBegin(m) => module(*m, Kind::ForwardBegin),
            Self::ForwardEnd(m) => module(*m, Kind::ForwardEnd),
            Self::TransferBegin(transfer) => transfer.encode(time),
            Self::TransferEnd(transfer) => transfer.encode(time),
            Self::ScopeBegin { name, phase } => {
                plain(0, 0, name.0, 0, Kind::ScopeBegin, if *phase { PHASE } else { 0 })
            }
            Self::ScopeEnd { name } => plain(0, 0, name.0, 0, Kind::ScopeEnd, 0),
            Self::Mark { name, value } => plain(*value, 0, name.0, 0, Kind::Mark, 0),
            Self::HeapMark { pool, name, value } => plain(*value, 0, name.0, pool.0, Kind::Mark, 0),
            Self::CounterSample { counter, value } => {
                let (bits, flags) = match value {
                    CounterValue::Integer(n) => (*n, 0),
                    CounterValue::Float(x) => (x.to_bits(), FLOAT),
                };
                plain(bits, 0, counter.0, 0, Kind::CounterSample, flags)
            }
            Self::Dropped { cause, count, since } => {
                let cause = cause.map_or(0, |cause| cause as u32);
                plain(*count, since.0, cause, 0, Kind::Dropped, 0)
            }
            Self::OnThread(thread) => plain(0, 0, thread.0, 0, Kind::OnThread, 0),
            Self::Folded(f) => plain(f.chunk, f.record, f.thread.0, 0, Kind::Folded, 0),
            Self::PeakPassed(p) => {
                let flags = if p.reserved { RESERVED } else { 0 };
                plain(p.bytes.0, 0, p.heap.0, 0, Kind::PeakPassed, flags)
            }
            Self::BaselineEnd { chunks } => plain(*chunks, 0, 0, 0, Kind::BaselineEnd, 0),
        }
    }

    /// The event of a committed record and the extension that its flags announce. `None`: a kind of a later version, or
    /// an extension standing alone.
    #[inline(always)]
    pub fn decode(record: &Record, extension: Option<&Record>) -> Option<Self> {
        let word = record.word();
        let module = ModuleId(word.id());
        let name = NameId(word.id());
        let event = match word.kind()? {
            Kind::SegmentAlloc => Self::SegmentAlloc(Segment::decode(record)),
            Kind::SegmentFree => Self::SegmentFree(Segment::decode(record)),
            Kind::SegmentMap => Self::SegmentMap(Segment::decode(record)),
            Kind::SegmentUnmap => Self::SegmentUnmap(Segment::decode(record)),
            Kind::BlockAlloc => Self::BlockAlloc(BlockAlloc::decode(record, extension)),
            Kind::BlockFree => Self::BlockFree(BlockFree::decode(record)),
            Kind::BlockFreeRequested => Self::BlockFreeRequested(BlockFree::decode(record)),
            Kind::BlockFreeCompleted => Self::BlockFreeCompleted(BlockFree::decode(record)),
            Kind::OutOfMemory => Self::OutOfMemory(OutOfMemory {
                pool: PoolId(word.pool()),
                requested: Bytes(record.size()),
                free: Some(record.value()).filter(|&free| free != FREE_NOT_KNOWN).map(Bytes),
                stack: StackId(word.id()),
            }),
            Kind::ModuleDefined => Self::ModuleDefined(module),
            Kind::ModuleReleased => Self::ModuleReleased(module),
            Kind::ForwardBegin => Self::ForwardBegin(module),
            Kind::ForwardEnd => Self::ForwardEnd(module),
            Kind::TransferBegin => Self::TransferBegin(TransferBegin::decode(record, extension)),
            Kind::TransferEnd => Self::TransferEnd(TransferEnd::decode(record, extension)),
            Kind::ScopeBegin => Self::ScopeBegin { name, phase: word.flags() & PHASE != 0 },
            Kind::ScopeEnd => Self::ScopeEnd { name },
            Kind::Mark => match PoolId(word.pool()) {
                PoolId::NONE => Self::Mark { name, value: record.value() },
                pool => Self::HeapMark { pool, name, value: record.value() },
            },
            Kind::CounterSample => Self::CounterSample {
                counter: CounterId(word.id()),
                value: if word.flags() & FLOAT == 0 {
                    CounterValue::Integer(record.value())
                } else {
                    CounterValue::Float(f64::from_bits(record.value()))
                },
            },
            Kind::Dropped => Self::Dropped {
                cause: u8::try_from(word.id()).ok().and_then(DropCause::decode),
                count: record.value(),
                since: Ticks(record.size()),
            },
            Kind::OnThread => Self::OnThread(ThreadId(word.id())),
            Kind::Folded => Self::Folded(Folded {
                thread: ThreadId(word.id()),
                chunk: record.value(),
                record: record.size(),
            }),
            Kind::PeakPassed => Self::PeakPassed(PeakPassed {
                heap: HeapId(word.id()),
                reserved: word.flags() & RESERVED != 0,
                bytes: Bytes(record.value()),
            }),
            Kind::BaselineEnd => Self::BaselineEnd { chunks: record.value() },
            Kind::Extension => return None,
        };
        Some(event)
    }
}

impl Segment {
    #[inline(always)]
    fn decode(record: &Record) -> Self {
        Self {
            pool: PoolId(record.word().pool()),
            address: Address(record.value()),
            size: Bytes(record.size()),
            stack: StackId(record.word().id()),
        }
    }
}

impl BlockAlloc {
    #[inline(always)]
    fn encode(&self, time: Ticks) -> Encoded {
        let extended = self.requested.0 != self.size.0 || !self.module.is_none();
        let flags = if extended { Word::EXTENDED } else { 0 };
        let word = Word::new(self.stack.0, self.pool.0, Kind::BlockAlloc, flags);
        let extension = extended.then(|| {
            let word = Word::new(self.module.0, Extension::BLOCK, Kind::Extension, 0);
            Record::new(Ticks(self.requested.0), 0, 0, word)
        });
        Encoded { record: Record::new(time, self.address.0, self.size.0, word), extension }
    }

    #[inline(always)]
    fn decode(record: &Record, extension: Option<&Record>) -> Self {
        let detail = extension.filter(|e| e.word().pool() == Extension::BLOCK);
        Self {
            pool: PoolId(record.word().pool()),
            address: Address(record.value()),
            size: Bytes(record.size()),
            requested: Bytes(detail.map_or(record.size(), |e| e.time().0)),
            module: detail.map_or(ModuleId::NONE, |e| ModuleId(e.word().id())),
            stack: StackId(record.word().id()),
        }
    }
}

impl BlockFree {
    #[inline(always)]
    fn decode(record: &Record) -> Self {
        Self {
            pool: PoolId(record.word().pool()),
            address: Address(record.value()),
            size: Bytes(record.size()),
        }
    }
}

impl TransferBegin {
    #[inline(always)]
    fn encode(&self, time: Ticks) -> Encoded {
        let value =
            self.correlation as u64 | (self.from.encode() as u64) << 32 | (self.to.encode() as u64) << 48;
        let mut flags = (self.memory as u8) << HOST_MEMORY_SHIFT;
        let extension = (!self.room_for.is_none()).then(|| {
            flags |= Word::EXTENDED;
            let word = Word::new(self.room_for.0, Extension::TRANSFER, Kind::Extension, 0);
            Record::new(Ticks(0), 0, 0, word)
        });
        let word = Word::new(self.module.0, self.reason as u16, Kind::TransferBegin, flags);
        Encoded { record: Record::new(time, value, self.size.0, word), extension }
    }

    #[inline(always)]
    fn decode(record: &Record, extension: Option<&Record>) -> Self {
        let word = record.word();
        let cause = extension.filter(|e| e.word().pool() == Extension::TRANSFER);
        Self {
            correlation: record.value() as u32,
            module: ModuleId(word.id()),
            from: Tier::decode((record.value() >> 32) as u16),
            to: Tier::decode((record.value() >> 48) as u16),
            size: Bytes(record.size()),
            memory: HostMemory::decode((word.flags() >> HOST_MEMORY_SHIFT) & 3)
                .unwrap_or(HostMemory::Unknown),
            reason: Reason::decode(word.pool() as u8).unwrap_or(Reason::Unknown),
            room_for: cause.map_or(ModuleId::NONE, |e| ModuleId(e.word().id())),
        }
    }
}

impl TransferEnd {
    #[inline(always)]
    fn encode(&self, time: Ticks) -> Encoded {
        let value = self.correlation as u64 | (self.origin.0 as u64) << 32;
        let extension = self.on_device.map(|took| {
            let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            Record::new(Ticks(ns), 0, 0, Word::new(0, Extension::TRANSFER_END, Kind::Extension, 0))
        });
        let flags = if extension.is_some() { Word::EXTENDED } else { 0 };
        let word = Word::new(self.module.0, 0, Kind::TransferEnd, flags);
        Encoded { record: Record::new(time, value, self.size.0, word), extension }
    }

    #[inline(always)]
    fn decode(record: &Record, extension: Option<&Record>) -> Self {
        let measured = extension.filter(|e| e.word().pool() == Extension::TRANSFER_END);
        Self {
            correlation: record.value() as u32,
            origin: ThreadId((record.value() >> 32) as u32),
            module: ModuleId(record.word().id()),
            size: Bytes(record.size()),
            on_device: measured.map(|e| Duration::from_nanos(e.time().0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(event: Event) -> Event {
        let encoded = event.encode(Ticks(7));
        assert_eq!(encoded.record.time(), Ticks(7));
        assert_eq!(encoded.extension.is_some(), encoded.record.word().flags() & Word::EXTENDED != 0);
        Event::decode(&encoded.record, encoded.extension.as_ref()).expect("a kind of this version")
    }

    #[test]
    fn every_event_survives_the_way_through_a_record() {
        let segment =
            Segment { pool: PoolId(3), address: Address(1 << 47), size: Bytes(20 << 20), stack: StackId(9) };
        let alloc = BlockAlloc {
            pool: PoolId(u16::MAX),
            address: Address(u64::MAX),
            size: Bytes(1024),
            requested: Bytes(1000),
            module: ModuleId(u32::MAX),
            stack: StackId(1),
        };
        let free = BlockFree { pool: PoolId(1), address: Address(4096), size: Bytes(0) };
        let oom = OutOfMemory { pool: PoolId(1), requested: Bytes(5), free: None, stack: StackId::NONE };
        let begin = TransferBegin {
            correlation: u32::MAX,
            module: ModuleId(2),
            from: Tier::Device(Tier::MAX_ORDINAL),
            to: Tier::Pinned,
            size: Bytes(99),
            memory: HostMemory::Pinned,
            reason: Reason::Pressure,
            room_for: ModuleId(8),
        };
        let end = TransferEnd {
            correlation: 4,
            origin: ThreadId(u32::MAX),
            module: ModuleId(2),
            size: Bytes(98),
            on_device: None,
        };
        for event in [
            Event::SegmentAlloc(segment),
            Event::SegmentFree(segment),
            Event::SegmentMap(segment),
            Event::SegmentUnmap(segment),
            Event::BlockAlloc(alloc),
            Event::BlockAlloc(BlockAlloc { requested: Bytes(1024), module: ModuleId::NONE, ..alloc }),
            Event::BlockFree(free),
            Event::BlockFreeRequested(free),
            Event::BlockFreeCompleted(free),
            Event::OutOfMemory(oom),
            Event::OutOfMemory(OutOfMemory { free: Some(Bytes(0)), ..oom }),
            Event::ModuleDefined(ModuleId(1)),
            Event::ModuleReleased(ModuleId(1)),
            Event::ForwardBegin(ModuleId(1)),
            Event::ForwardEnd(ModuleId(1)),
            Event::TransferBegin(begin),
            Event::TransferBegin(TransferBegin {
                room_for: ModuleId::NONE,
                memory: HostMemory::Unknown,
                ..begin
            }),
            Event::TransferEnd(end),
            Event::TransferEnd(TransferEnd { on_device: Some(Duration::from_nanos(7)), ..end }),
            Event::ScopeBegin { name: NameId(1), phase: true },
            Event::ScopeBegin { name: NameId(1), phase: false },
            Event::ScopeEnd { name: NameId(1) },
            Event::Mark { name: NameId(1), value: u64::MAX },
            Event::CounterSample { counter: CounterId(1), value: CounterValue::Integer(u64::MAX) },
            Event::CounterSample { counter: CounterId(1), value: CounterValue::Float(-0.5) },
            Event::Dropped { cause: Some(DropCause::DiskFull), count: 12, since: Ticks(5) },
            Event::OnThread(ThreadId(9)),
            Event::Folded(Folded { thread: ThreadId(9), chunk: 1 << 40, record: 2043 }),
            Event::PeakPassed(PeakPassed { heap: HeapId(1), reserved: true, bytes: Bytes(7) }),
            Event::PeakPassed(PeakPassed { heap: HeapId(1), reserved: false, bytes: Bytes(7) }),
            Event::BaselineEnd { chunks: 3 },
        ] {
            assert_eq!(round_trip(event), event);
        }
    }

    #[test]
    fn a_mark_with_a_pool_is_of_its_heap() {
        let mark = Event::HeapMark { pool: PoolId(2), name: NameId(3), value: u64::MAX };
        assert_eq!(round_trip(mark), mark);
        let mark = Event::Mark { name: NameId(3), value: 4 };
        assert_eq!(round_trip(mark), mark);
    }

    #[test]
    fn a_kind_of_a_later_version_decodes_to_nothing() {
        let mut bytes = Event::ModuleDefined(ModuleId(1)).encode(Ticks(1)).record.to_bytes();
        bytes[Record::WORD_OFFSET + 6] = 200;
        let word = u64::from_le_bytes(bytes[Record::WORD_OFFSET..].try_into().expect("eight bytes"));
        let record = Record::new(Ticks(1), 0, 0, Word::from_bits(word));
        assert!(record.word().is_committed());
        assert_eq!(Event::decode(&record, None), None);
    }
}
