//! Codes an event as its record, and back.

use core::time::Duration;

use super::{
    BlockAlloc, BlockFree, BlockOwned, CounterValue, Encoded, Event, Extension, Folded, OutOfMemory,
    PeakPassed, Segment, TransferBegin, TransferEnd,
};
use crate::{
    Address, Bytes, CounterId, DropCause, HeapId, HostMemory, Kind, ModuleId, NameId, PoolId, Reason, Record,
    StackId, ThreadId, Ticks, Tier, Word,
};

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
            Self::BlockOwned(o) => plain(o.address.0, 0, o.module.0, o.pool.0, Kind::BlockOwned, 0),
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
            Self::HandedOver { thread, thread_sequence } => {
                plain(*thread_sequence, 0, thread.0, 0, Kind::HandedOver, 0)
            }
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
            Kind::BlockOwned => Self::BlockOwned(BlockOwned {
                pool: PoolId(word.pool()),
                address: Address(record.value()),
                module,
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
            Kind::HandedOver => {
                Self::HandedOver { thread: ThreadId(word.id()), thread_sequence: record.value() }
            }
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
