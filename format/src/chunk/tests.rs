use alloc::vec::Vec;

use super::*;
use crate::{Address, BlockAlloc, Bytes, Event, ModuleId, NameId, PoolId, StackId};

fn header() -> ChunkHeader {
    ChunkHeader {
        kind: ChunkKind::Events,
        session: 5,
        sequence: 6,
        thread: ThreadId(7),
        thread_sequence: 8,
        base_time: Ticks(9),
        calibration: Calibration { ticks: Ticks(1), monotonic_ns: 2, realtime_ns: 3 },
        drops: DropCounts::default(),
        seal: None,
    }
}

#[test]
fn what_was_written_is_read() {
    assert_eq!(ChunkHeader::parse(&header().to_bytes(), 5), Ok(Some(header())));
    let sealed = ChunkHeader { seal: Some(Seal { length: 32, crc: 1 }), ..header() };
    assert_eq!(ChunkHeader::parse(&sealed.to_bytes(), 5), Ok(Some(sealed)));
}

#[test]
fn times_that_step_back_are_found_and_extensions_have_none() {
    let encode = |time, requested| {
        let alloc = BlockAlloc {
            pool: PoolId(1),
            address: Address(0),
            size: Bytes(512),
            requested: Bytes(requested),
            module: ModuleId::NONE,
            stack: StackId::NONE,
        };
        let encoded = Event::BlockAlloc(alloc).encode(Ticks(time));
        [Some(encoded.record), encoded.extension].into_iter().flatten().flat_map(|record| record.to_bytes())
    };
    // The extension of the first holds 3 where others hold their time.
    let used: Vec<u8> = encode(5, 3).chain(encode(5, 512)).chain(encode(9, 512)).collect();
    assert!(are_in_order(&used, None));
    assert!(are_in_order(&used, Some(Ticks(9))));
    assert!(!are_in_order(&used, Some(Ticks(8))));
    let used: Vec<u8> = encode(5, 512).chain(encode(4, 512)).collect();
    assert!(!are_in_order(&used, None));
}

fn record(time: u64, event: &Event) -> Record {
    event.encode(Ticks(time)).record
}

fn mark(time: u64) -> Record {
    record(time, &Event::Mark { name: NameId(1), value: time })
}

fn handed_over(time: u64, thread: u32, thread_sequence: u64) -> Record {
    record(time, &Event::HandedOver { thread: ThreadId(thread), thread_sequence })
}

#[test]
fn an_event_is_older_than_the_chunk_that_it_made_its_thread_take() {
    let flagged = |from: u64, records: &[Record]| {
        let used: Vec<u8> = records.iter().flat_map(Record::to_bytes).collect();
        let mut head = ChunkHeader { kind: ChunkKind::Shared, ..header() }.to_bytes();
        flag_steps_back(&mut head, &used, Ticks(from), None)
    };
    // The thread got the chunk at 9.
    assert!(!flagged(8, &[mark(7), mark(10)]), "its event was on the way when the chunk was made");
    assert!(flagged(10, &[mark(11)]), "it got the chunk before there was one");
    assert!(!flagged(8, &[mark(10), handed_over(12, 2, 0), mark(9), mark(13)]), "so was the next thread's");
    assert!(flagged(8, &[mark(10), handed_over(9, 2, 0), mark(11)]), "it got the chunk before it was left");
    assert!(flagged(8, &[mark(10), handed_over(12, 2, 0), mark(13), mark(12)]), "its own time steps back");
}

#[test]
fn a_shared_chunk_has_a_part_for_each_of_its_threads() {
    let records = [mark(1), mark(2), handed_over(3, 9, 0), handed_over(4, 7, 9), mark(5)];
    let part = |thread, thread_sequence, records| Part { thread: ThreadId(thread), thread_sequence, records };
    let found = |kind| parts(&ChunkHeader { kind, ..header() }, &records).collect::<Vec<_>>();
    assert_eq!(found(ChunkKind::Shared), [part(7, 8, 0..2), part(9, 0, 3..3), part(7, 9, 4..5)]);
    assert_eq!(found(ChunkKind::Events), [part(7, 8, 0..5)]);
    assert_eq!(parts(&header(), &[]).collect::<Vec<_>>(), [part(7, 8, 0..0)]);
}

#[test]
fn a_free_chunk_is_no_damage_and_a_foreign_one_is() {
    assert_eq!(ChunkHeader::parse(&[0; ChunkHeader::BYTES], 5), Ok(None));
    assert_eq!(ChunkHeader::parse(&header().to_bytes(), 4), Err(ChunkError::Session));
}

#[test]
fn a_seal_vouches_for_every_bit() {
    let mut chunk = alloc::boxed::Box::new([0; CHUNK_BYTES]);
    chunk[..ChunkHeader::BYTES].copy_from_slice(&header().to_bytes());
    chunk[ChunkHeader::BYTES..][..64].fill(0xaa);
    let head = *chunk.first_chunk().expect("a whole header");
    let sealed = ChunkHeader { seal: Some(seal(&head, &chunk[ChunkHeader::BYTES..][..64])), ..header() };
    chunk[..ChunkHeader::BYTES].copy_from_slice(&sealed.to_bytes());
    assert_eq!(checked_body(&chunk, &sealed).map(<[u8]>::len), Ok(64));
    for bit in 0..(ChunkHeader::BYTES + 64) * 8 {
        chunk[bit / 8] ^= 1 << (bit % 8);
        let head = chunk.first_chunk().expect("a whole header");
        let outcome = ChunkHeader::parse(head, 5)
            .and_then(|header| checked_body(&chunk, &header.ok_or(ChunkError::NotAChunk)?).map(<[u8]>::len));
        assert!(outcome.is_err(), "bit {bit} went unnoticed");
        chunk[bit / 8] ^= 1 << (bit % 8);
    }
}
