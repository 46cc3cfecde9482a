//! Packed traces: every byte comes back, every figure is that of the log, and damage stays where it is.

use std::io::Cursor;

use memtrace_analysis::{
    ReadError, Trace,
    pack::{pack, unpack},
};
use memtrace_format::{CHUNK_BYTES, FIRST_CHUNK_OFFSET};
use proptest::prelude::*;

use crate::recording::{DEVICE, HOST, Recording, alloc, analyze, file, free};

/// Where the first frame lies in an archive whose log is called `log`: behind the entry's header and the log's preamble.
const FIRST_FRAME: usize = 30 + "log.packed".len() + 24;

fn packed(log: &[u8]) -> Vec<u8> {
    let trace = Trace::open(file(log).path()).expect("it is a log");
    let mut archive = Cursor::new(Vec::new());
    pack(&trace, "log", &[], &mut archive, &mut |_| ()).expect("there is room");
    archive.into_inner()
}

fn unpacked(archive: &[u8]) -> Vec<u8> {
    let trace = Trace::open(file(archive).path()).expect("it is a packed log");
    let log = file(&[]);
    unpack(&trace, log.as_file(), &mut |_| ()).expect("there is room");
    std::fs::read(log.path()).expect("it was written")
}

/// Threads with more chunks than there are in a frame.
fn long(threads: u32, events: u64) -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = 40;
    for thread in 1..=threads {
        recording.thread(thread, &format!("thread {thread}"));
        for n in 0..events {
            let address = u64::from(thread) << 32 | (n % 7) << 12;
            let time = n * 100 + u64::from(thread);
            let pool = if thread % 2 == 0 { HOST } else { DEVICE };
            if n >= 7 {
                recording.at(thread, time, free(pool, address));
            }
            recording.at(thread, time + 50, alloc(pool, address, 512 + n % 3, 500));
        }
    }
    recording
}

/// What can be told of the events of a file, the damage and the whole report.
fn told(bytes: &[u8]) -> Result<(usize, bool, String), ReadError> {
    let file = file(bytes);
    let trace = Trace::open(file.path())?;
    let events = trace.events().filter(|event| event.is_ok()).count();
    let report = trace.analyze(|_| ())?.report;
    let json = serde_json::to_string(&report).expect("it is JSON");
    Ok((events, report.trace.damaged_chunks > 0, json))
}

#[test]
fn a_packed_log_tells_what_the_log_tells_and_gives_it_back() {
    for recording in [long(1, 2_000), long(5, 400), long(40, 50), Recording::new()] {
        let log = recording.bytes();
        let archive = packed(&log);
        assert!(archive.len() * 10 < log.len(), "{} of {}", archive.len(), log.len());
        assert!(told(&archive).unwrap() == told(&log).unwrap());
        assert!(unpacked(&archive) == log);
    }
}

#[test]
fn what_is_packed_twice_is_packed_once_and_the_same_each_time() {
    let archive = packed(&long(2, 100).bytes());
    assert!(packed(&archive) == archive);
}

/// Every length of the archive leaves what lies before, and says that something is missing.
#[test]
fn a_packed_log_that_was_cut_off_reads_up_to_there() {
    let log = long(3, 800).bytes();
    let archive = packed(&log);
    let (whole, _, _) = told(&archive).unwrap();
    let mut most = 0;
    for length in (FIRST_FRAME..archive.len()).step_by(97) {
        match told(&archive[..length]) {
            Ok((events, damaged, _)) => {
                // Without its list of entries an archive still begins with the log, and that may be whole.
                assert!(events <= whole && (damaged || events == whole), "{length}: {events}");
                assert!(events >= most || events == whole, "{length}: {events} after {most}");
                most = events;
            }
            Err(error) => assert!(matches!(error, ReadError::Header(_)) && most == 0, "{length}: {error}"),
        }
    }
    assert!(most == whole);
}

#[test]
fn hostile_lengths_are_no_work() {
    let mut archive = packed(&long(1, 100).bytes());
    // The length of the log, with the right checksum.
    let preamble = FIRST_FRAME - 24;
    archive[preamble + 12..preamble + 20].copy_from_slice(&(u64::MAX >> 1).to_le_bytes());
    let crc = crc32fast::hash(&archive[preamble..preamble + 20]);
    archive[preamble + 20..preamble + 24].copy_from_slice(&crc.to_le_bytes());
    let (events, damaged, _) = told(&archive).unwrap();
    assert_eq!((events, damaged), (193, false));
    // And with a cut, so that nobody knows what was behind it.
    let (_, damaged, _) = told(&archive[..archive.len() - 200]).unwrap();
    assert!(damaged);
}

#[test]
fn other_archives_are_refused() {
    let mut archive = packed(&Recording::new().bytes());
    let name = archive.windows(10).position(|bytes| bytes == b"log.packed").expect("it is there");
    for at in [name + 4, archive.windows(10).rposition(|bytes| bytes == b"log.packed").unwrap() + 4] {
        archive[at..at + 6].copy_from_slice(b"bottle");
    }
    assert!(matches!(Trace::open(file(&archive).path()), Err(ReadError::Packed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A log with changes anywhere is packed and comes back with them.
    #[test]
    fn damaged_logs_come_back_as_they_were(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..30),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut log = long(3, 300).bytes();
        let behind = FIRST_CHUNK_OFFSET..log.len();
        for (at, byte) in changes {
            log[behind.start + at.index(behind.len())] = byte;
        }
        log.truncate(behind.start + cut.index(behind.len() * 2).min(behind.len()));
        prop_assert!(unpacked(&packed(&log)) == log);
    }

    /// Whatever becomes of a packed log, either that is said, or it makes no difference.
    #[test]
    fn changes_of_a_packed_log_are_noticed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let log = long(2, 700).bytes();
        let sound = packed(&log);
        let mut archive = sound.clone();
        for (at, byte) in &changes {
            let at = at.index(archive.len());
            archive[at] = *byte;
        }
        let (whole, _, report) = told(&sound).unwrap();
        if let Ok((events, damaged, told)) = told(&archive) {
            prop_assert!(damaged && events <= whole || told == report, "{:?}", changes);
        }
    }

    /// What is not damaged reads as it is.
    #[test]
    fn damage_of_a_frame_is_that_of_its_chunks(at in any::<prop::sample::Index>()) {
        let log = long(4, 1_500).bytes();
        let mut archive = packed(&log);
        let at = FIRST_FRAME + 2_000 + at.index(archive.len() - FIRST_FRAME - 3_000);
        archive[at] ^= 0x40;
        let log_chunks = (log.len() - FIRST_CHUNK_OFFSET).div_ceil(CHUNK_BYTES);
        let trace = Trace::open(file(&archive).path()).unwrap();
        let report = trace.analyze(|_| ()).unwrap().report;
        prop_assert!(report.trace.damaged_chunks > 0);
        prop_assert!(report.trace.damaged_chunks <= 256 && log_chunks > 256, "{}", report.trace.damaged_chunks);
    }
}

#[test]
fn events_that_never_were_are_no_events() {
    // The last record of a chunk, with nothing but zeros between it and the others.
    let mut log = long(1, 10).bytes();
    let end = log.len();
    log[end - 32..].copy_from_slice(&[7; 32]);
    assert!(unpacked(&packed(&log)) == log);
    assert_eq!(analyze(&log).report.trace.damaged_chunks, analyze(&packed(&log)).report.trace.damaged_chunks);
}
