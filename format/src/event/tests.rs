use super::*;
use crate::Word;

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
        Event::BlockOwned(BlockOwned { pool: PoolId(1), address: Address(1 << 47), module: ModuleId(2) }),
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
        Event::HandedOver { thread: ThreadId(9), thread_sequence: 1 << 40 },
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
