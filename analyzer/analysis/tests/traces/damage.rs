//! Cut, changed and hostile files: no panic, no hang, and what is sound reads as before.

use memtrace_analysis::{ReadError, Trace, rendering::ReportText};
use memtrace_format::{
    CHUNK_BYTES, ChunkHeader, Definition, Event, FIRST_CHUNK_OFFSET, FileHeader, HeaderError, ModuleId,
    NameId, Record, chunk,
};
use proptest::prelude::*;

use crate::recording::{
    Analyzed, DEVICE, HOST, Recording, alloc, analyze, events, evict, file, free, load, segment,
};

/// A little of everything, in four chunks of events.
fn sample() -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = 8;
    recording.thread(1, "main");
    recording.thread(2, "worker");
    let name = recording.name(1, "step");
    let (a, b) = (recording.module(1, "a", 0, 10), recording.module(2, "b", 1, 5));
    recording.at(1, 0, Event::SegmentAlloc(segment(0x1000, 0x1000)));
    recording.scope(1, (1, 90), name, true);
    recording.threads.get_mut(&1).expect("it has events").pop();
    for n in 0..6 {
        recording.at(1, 2 + n, alloc(DEVICE, 0x1000 + n * 0x100, 0x100, 0xf0));
        recording.at(2, 3 + n, alloc(HOST, 0x100 * n, 50, 50));
    }
    recording.transfer(1, (20, 30), load(a, 10));
    recording.at(1, 31, Event::ForwardBegin(b));
    recording.at(1, 32, free(DEVICE, 0x1100));
    recording.at(1, 33, Event::ForwardEnd(b));
    recording.transfer(1, (40, 50), evict(a, 10, ModuleId::NONE));
    recording.at(1, 60, Event::ScopeEnd { name });
    recording.at(2, 61, Event::Mark { name, value: 3 });
    recording
}

/// The events that an undamaged chunk at this offset holds.
fn of_chunk(bytes: &[u8], offset: usize) -> Vec<(u64, u32, Event)> {
    let mut alone = bytes[..FIRST_CHUNK_OFFSET].to_vec();
    alone.extend_from_slice(&bytes[offset..offset + CHUNK_BYTES]);
    events(&alone)
}

fn chunks(bytes: &[u8]) -> Vec<usize> {
    (FIRST_CHUNK_OFFSET..bytes.len()).step_by(CHUNK_BYTES).collect()
}

/// Whether `part` is in `whole`, in its order.
fn is_within(part: &[(u64, u32, Event)], whole: &[(u64, u32, Event)]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|event| whole.any(|other| other == event))
}

#[test]
fn what_is_no_trace_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let open = |bytes: &[u8]| Trace::open(file(bytes).path()).map(|_| ()).unwrap_err();
    assert!(matches!(Trace::open(directory.path().join("none")), Err(ReadError::Open(_))));
    assert!(matches!(Trace::open(directory.path()), Err(ReadError::NotAFile { what: "a directory" })));
    assert!(matches!(Trace::open("/dev/null"), Err(ReadError::NotAFile { what: "a device" })));
    assert!(matches!(open(b""), ReadError::Empty));
    assert!(matches!(open(b"PK\x03\x04 something else"), ReadError::Packed(_)));
    assert!(matches!(open(b"ELF something else"), ReadError::Header(HeaderError::NotALog)));
    let bytes = sample().bytes();
    assert!(matches!(open(&bytes[..100]), ReadError::Header(HeaderError::Short { have: 100 })));
    let mut changed = bytes;
    changed[40] ^= 1;
    assert!(matches!(open(&changed), ReadError::Header(HeaderError::Checksum)));
}

/// Every length that cuts something that is in use, and a sample of those between.
#[test]
fn a_cut_file_reads_up_to_the_cut() {
    let bytes = sample().bytes();
    let whole = events(&bytes);
    let mut lengths: Vec<usize> = (FileHeader::BYTES..=bytes.len()).step_by(4093).collect();
    for start in chunks(&bytes) {
        let used = bytes[start..start + CHUNK_BYTES].iter().rposition(|byte| *byte != 0).unwrap();
        lengths.extend(start - 3..start + used + 5);
    }
    lengths.sort_unstable_by_key(|length| std::cmp::Reverse(*length));
    let path = file(&bytes);
    for length in lengths {
        path.as_file().set_len(length as u64).unwrap();
        let trace = Trace::open(path.path()).unwrap();
        let read: Vec<_> =
            trace.events().map(|event| event.unwrap()).map(|r| (r.time.0, r.thread.0, r.event)).collect();
        // An event whose extension is cut off stays, without it.
        let plain = |events: &[(u64, u32, Event)]| -> Vec<_> {
            events
                .iter()
                .map(|(time, thread, event)| (*time, *thread, std::mem::discriminant(event)))
                .collect()
        };
        let (read_plain, whole_plain) = (plain(&read), plain(&whole));
        let mut rest = whole_plain.iter();
        assert!(read_plain.iter().all(|event| rest.any(|other| other == event)), "cut at {length}");
        for start in chunks(&bytes).into_iter().filter(|start| start + CHUNK_BYTES <= length) {
            assert!(is_within(&of_chunk(&bytes, start), &read), "cut at {length}, chunk at {start}");
        }
        let mut watch = |_| ();
        let report = trace.analyze(&mut watch).unwrap().report;
        assert_eq!(report.trace.events, read.len() as u64);
    }
}

#[test]
fn a_chunk_that_ends_early_gives_its_whole_records() {
    let bytes = sample().bytes();
    let last = *chunks(&bytes).last().unwrap();
    let cut = &bytes[..last + ChunkHeader::BYTES + Record::BYTES + 7];
    let report = analyze(cut).report;
    assert_eq!(report.trace.damaged_chunks, 1);
    assert!(report.trace.unreadable_bytes.0 > 0);
    assert!(report.trace.damage[0].recorded().contains(&last.to_string()));
}

#[test]
fn an_unsealed_chunk_is_read_up_to_its_first_hole() {
    let mut bytes = sample().bytes();
    let whole = events(&bytes);
    let first = chunks(&bytes)[1];
    let of_first = of_chunk(&bytes, first);
    bytes[first + chunk::field::LENGTH.offset..first + ChunkHeader::BYTES].fill(0);
    assert_eq!(events(&bytes), whole);
    let report = analyze(&bytes).report;
    assert_eq!((report.trace.chunks.unsealed, report.trace.damaged_chunks), (1, 0));
    // The third record: its word is its last 8 bytes.
    let word = first + ChunkHeader::BYTES + 2 * Record::BYTES + Record::WORD_OFFSET;
    bytes[word..word + 8].fill(0);
    let expected = whole.len() - of_first.len() + 2;
    assert_eq!(events(&bytes).len(), expected);
}

#[test]
fn damage_stays_in_its_chunk() {
    let bytes = sample().bytes();
    for &damaged in &chunks(&bytes)[1..] {
        let mut changed = bytes.clone();
        changed[damaged + ChunkHeader::BYTES + 11] ^= 0x40;
        let read = events(&changed);
        for &sound in chunks(&bytes)[1..].iter().filter(|&&other| other != damaged) {
            assert!(is_within(&of_chunk(&bytes, sound), &read));
        }
        let report = analyze(&changed).report;
        assert_eq!(report.trace.damaged_chunks, 1);
        assert_eq!(report.heaps.iter().filter(|heap| heap.known.name() == "exact").count(), 0);
    }
}

#[test]
fn a_lost_definition_is_named_as_lost_and_its_neighbours_survive() {
    let recording = sample();
    let mut bytes = recording.bytes();
    // The name "step" is the eighth and last but two definition: damage its text.
    let at = bytes.windows(4).position(|window| window == b"step").unwrap();
    bytes[at] ^= 1;
    let report = analyze(&bytes).report;
    assert_eq!(report.phases[0].name.recorded(), "<lost #1>");
    assert_eq!(report.modules[1].name.recorded(), "a.b");
    assert_eq!(report.trace.damaged_chunks, 1);
}

#[test]
fn parents_in_a_circle_and_deep_nesting_come_to_an_end() {
    let mut recording = Recording::new();
    recording.chunk_events = 1000;
    let a = recording.module(1, "a", 2, 1);
    recording.module(2, "b", 1, 1);
    let name = recording.name(1, "deeper");
    for n in 0..10_000 {
        recording.at(1, n, Event::ScopeBegin { name, phase: true });
        recording.at(1, n, Event::ForwardBegin(a));
    }
    recording.at(1, 10_000, alloc(HOST, 64, 1, 1));
    recording.transfer(1, (10_001, 10_002), load(a, 1));
    let report = recording.report();
    assert!(report.trace.oddities["forward, transfer or scope nested too deep"] > 0);
    assert!(report.heaps[0].peak.by_scope[0].name.recorded().len() < 1100);
    assert!(report.modules.iter().all(|module| module.name.recorded().len() < 500));
}

#[test]
fn numbers_that_cannot_be_are_refused_one_by_one() {
    let mut recording = Recording::new();
    let huge = u64::MAX;
    recording.at(1, 1, alloc(DEVICE, huge, huge, huge));
    recording.at(1, 1, alloc(DEVICE, 1, huge - 1, huge));
    recording.at(1, 1, alloc(DEVICE, 2, huge - 2, huge));
    recording.at(1, 2, Event::SegmentAlloc(segment(huge, huge)));
    recording.at(1, 2, Event::SegmentAlloc(segment(0, huge)));
    recording.at(1, 3, Event::SegmentAlloc(segment(10, 100)));
    recording.at(1, 4, Event::SegmentUnmap(segment(50, 7)));
    recording.at(1, 4, Event::SegmentUnmap(segment(0, 0)));
    recording.at(1, huge, free(DEVICE, 1));
    recording.at(1, huge, alloc(DEVICE, 3, 5, huge));
    let unet = recording.module(1, "unet", 0, huge);
    recording.transfer(1, (huge, huge), load(unet, huge));
    recording.transfer(1, (huge, huge), evict(unet, huge, unet));
    recording.transfer(1, (huge, huge), load(unet, huge));
    let report = recording.report();
    assert_eq!(report.trace.duration_ns.0, huge);
    assert!(!report.trace.oddities.is_empty());
    assert!(!ReportText(&report).to_string().is_empty());
}

/// Seals a chunk again, so that a change gets past the checksum.
fn reseal(bytes: &mut [u8], offset: usize) {
    let Some(chunk) = bytes.get_mut(offset..offset + CHUNK_BYTES) else { return };
    let (head, body) = chunk.split_first_chunk_mut::<{ ChunkHeader::BYTES }>().expect("a whole chunk");
    let length = chunk::field::LENGTH;
    let used = u32::from_le_bytes(head[length.offset..length.end()].try_into().expect("four bytes")) as usize;
    let seal = chunk::seal(head, &body[..used.min(body.len())]);
    head[length.offset..length.end()].copy_from_slice(&seal.length.to_le_bytes());
    let crc = chunk::field::CRC;
    head[crc.offset..crc.end()].copy_from_slice(&seal.crc.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_change_behind_a_good_checksum_panics(
        changes in prop::collection::vec((0usize..6, 0usize..900, any::<u8>()), 1..12),
    ) {
        let mut bytes = sample().bytes();
        let starts = chunks(&bytes);
        for &(chunk, at, value) in &changes {
            let start = starts[chunk % starts.len()];
            bytes[start + at] = value;
            reseal(&mut bytes, start);
        }
        let analysis = analyze(&bytes);
        let text = ReportText(&analysis.report).to_string();
        prop_assert!(text.lines().count() > 3);
        prop_assert_eq!(events(&bytes).len() as u64, analysis.report.trace.events);
    }
}

#[test]
fn an_id_that_nobody_defined_is_lost() {
    let mut recording = Recording::new();
    recording.definitions.retain(|definition| !matches!(definition, Definition::Heap(..)));
    recording.at(3, 1, Event::ScopeBegin { name: NameId(77), phase: true });
    recording.at(3, 2, Event::ForwardBegin(ModuleId(9)));
    recording.at(3, 3, alloc(DEVICE, 64, 1, 1));
    recording.at(3, 4, alloc(memtrace_format::PoolId(500), 64, 1, 1));
    let report = recording.report();
    assert_eq!(report.heaps[0].name.recorded(), "<lost #1>");
    assert_eq!(report.heaps[1].name.recorded(), "pool <lost #500>");
    let peak = &report.heaps[0].peak;
    assert_eq!(peak.by_module[0].name.recorded(), "<lost #9>");
    assert_eq!(peak.by_scope[0].name.recorded(), "<lost #77>");
    assert_eq!(peak.by_thread[0].name.recorded(), "<lost #3>");
    assert!(report.modules[0].bytes_why.is_some());
}
