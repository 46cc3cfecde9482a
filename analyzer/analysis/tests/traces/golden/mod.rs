//! The golden file, damaged in every way: what is undamaged decodes as a second decoder has it, damage is counted, nothing panics.
//!
//! `cargo test --release -p memtrace-analysis --test traces golden -- --ignored --nocapture` does all of it: every offset, every bit,
//! and a million random corruptions.

mod decoder;

use std::{os::unix::fs::FileExt as _, sync::LazyLock, thread};

use memtrace_analysis::{ReadError, Trace};
use memtrace_format::{FIRST_CHUNK_OFFSET, FileHeader, Ticks};
use tempfile::NamedTempFile;

use self::decoder::{Entry, Place, events, is_readable, places, used};

const GOLDEN: &[u8] = include_bytes!("../../../../../format/tests/golden/v1.trace");

/// Every chunk of the golden file with its thread and its events, by the second decoder.
static CHUNKS: LazyLock<Vec<(u32, Vec<Entry>)>> =
    LazyLock::new(|| (0..places(GOLDEN).len()).map(|place| events(GOLDEN, place)).collect());

/// A changed copy of the golden file.
struct Copy {
    file: NamedTempFile,
    bytes: Vec<u8>,
}

impl Copy {
    fn new() -> Self {
        Self { file: crate::recording::file(GOLDEN), bytes: GOLDEN.to_vec() }
    }

    /// With these bytes in these places; checks what can be told of it, and takes the change back.
    fn with(&mut self, changes: &[(usize, u8)]) {
        for &(at, byte) in changes {
            self.bytes[at] = byte;
            self.file.as_file().write_all_at(&[byte], at as u64).expect("room");
        }
        self.check(&format!("{changes:?}"));
        for &(at, _) in changes {
            self.bytes[at] = GOLDEN[at];
            self.file.as_file().write_all_at(&GOLDEN[at..=at], at as u64).expect("room");
        }
    }

    /// Without what lies from here on.
    fn cut(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.file.as_file().set_len(length as u64).expect("it can be cut");
        self.check(&format!("cut at {length}"));
        self.bytes.extend_from_slice(&GOLDEN[length..]);
        self.file.as_file().write_all_at(&GOLDEN[length..], length as u64).expect("room");
    }

    fn check(&self, what: &str) {
        let trace = match Trace::open(self.file.path()) {
            Ok(trace) => trace,
            Err(ReadError::Empty) => return assert!(self.bytes.is_empty(), "{what}"),
            Err(ReadError::Header(_)) => return assert!(!is_readable(&self.bytes), "{what}: it is readable"),
            Err(error) => panic!("{what}: {error}"),
        };
        assert!(is_readable(&self.bytes), "{what}: it is not readable");
        let read: Vec<(u32, Entry)> = trace
            .events()
            .map(|recorded| recorded.expect("a readable file"))
            .map(|recorded| (recorded.thread.0, entry(&recorded.event)))
            .collect();
        let places = places(&self.bytes);
        let damaged = places.iter().filter(|place| **place == Place::Damaged).count() as u64;
        for (place, (thread, expected)) in CHUNKS.iter().enumerate() {
            let used = used(GOLDEN, place);
            if self.bytes.get(used.clone()) == Some(&GOLDEN[used]) {
                let mut of_thread = read.iter().filter(|(other, _)| other == thread).map(|(_, entry)| entry);
                let found = expected.iter().all(|entry| of_thread.any(|other| other == entry));
                assert!(found, "{what}: chunk {place} is not damaged, and its events are not all read");
            }
        }
        let report = trace.analyze(|_| ()).expect("a readable file").report;
        assert_eq!(report.trace.events, read.len() as u64, "{what}");
        let told = &report.trace.damage;
        assert!(
            report.trace.damaged_chunks >= damaged,
            "{what}: {damaged} chunks are damaged, and told are {told:?}"
        );
    }
}

/// An event as the second decoder has it.
fn entry(event: &memtrace_format::Event) -> Entry {
    let encoded = event.encode(Ticks(0));
    let extension = encoded.extension.map(|extension| extension.to_bytes().to_vec());
    (encoded.record.to_bytes()[8..].to_vec(), extension.unwrap_or_default())
}

/// Does all of it, on every processor.
fn all<T: Sync>(cases: &[T], check: impl Fn(&mut Copy, &T) + Sync) {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for cases in cases.chunks(cases.len().div_ceil(workers).max(1)) {
            let check = &check;
            scope.spawn(move || {
                let mut copy = Copy::new();
                cases.iter().for_each(|case| check(&mut copy, case));
            });
        }
    });
}

fn flipped(bit: usize) -> [(usize, u8); 1] {
    [(bit / 8, GOLDEN[bit / 8] ^ 1 << (bit % 8))]
}

/// Bits of the header, the closing block, and the heads of all chunks.
fn header_bits() -> impl Iterator<Item = usize> {
    let heads = (0..CHUNKS.len()).map(|place| used(GOLDEN, place).start).map(|start| start..start + 128);
    std::iter::once(0..FIRST_CHUNK_OFFSET).chain(heads).flat_map(|bytes| bytes.start * 8..bytes.end * 8)
}

#[test]
fn both_decoders_read_the_golden_file_alike() {
    assert_eq!(places(GOLDEN), [Place::Sealed, Place::Sealed, Place::Open, Place::Free]);
    let trace = Trace::open(crate::recording::file(GOLDEN).path()).unwrap();
    let mut read: Vec<Vec<Entry>> = vec![Vec::new(); 3];
    for recorded in trace.events() {
        let recorded = recorded.unwrap();
        read[recorded.thread.0 as usize].push(entry(&recorded.event));
    }
    assert_eq!((CHUNKS[1].0, CHUNKS[2].0), (1, 2));
    assert_eq!((&read[1], &read[2]), (&CHUNKS[1].1, &CHUNKS[2].1));
    assert!(read[0].is_empty() && read[1].len() > 30 && read[2].len() == 10);
    Copy::new().check("as it is");
}

/// The bits that say something, and some of the rest of the header and of the closing block, which are zeros.
#[test]
fn bits_of_headers_flipped() {
    let bits: Vec<usize> = header_bits()
        .filter(|bit| match bit / 8 {
            at @ 0..FIRST_CHUNK_OFFSET => at % FileHeader::BYTES < 112 && bit % 3 == 0 || bit % 199 == 0,
            _ => true,
        })
        .collect();
    all(&bits, |copy, &bit| copy.with(&flipped(bit)));
}

#[test]
#[ignore = "takes minutes; see the beginning of the file"]
fn every_bit_of_every_header_flipped() {
    let bits: Vec<usize> = header_bits().collect();
    all(&bits, |copy, &bit| copy.with(&flipped(bit)));
    println!("{} bits flipped, one at a time", bits.len());
}

#[test]
fn cut_off_where_something_is_in_use() {
    let mut lengths: Vec<usize> = (0..=GOLDEN.len()).step_by(1021).collect();
    for place in 0..CHUNKS.len() {
        let used = used(GOLDEN, place);
        lengths.extend((used.start.saturating_sub(2)..used.end + 2).step_by(3));
    }
    all(&lengths, |copy, &length| copy.cut(length));
}

#[test]
#[ignore = "takes minutes; see the beginning of the file"]
fn cut_off_at_every_offset() {
    let lengths: Vec<usize> = (0..=GOLDEN.len()).collect();
    all(&lengths, |copy, &length| copy.cut(length));
    println!("cut off at {} offsets", lengths.len());
}

#[test]
fn some_random_corruptions() {
    corrupt(3_000);
}

#[test]
#[ignore = "takes minutes; see the beginning of the file"]
fn a_million_random_corruptions() {
    corrupt(1_000_000);
    println!("1000000 random corruptions");
}

/// A few bytes each, most of them where something is in use, in as many files.
fn corrupt(files: u64) {
    let used: Vec<usize> = (0..CHUNKS.len()).flat_map(|place| used(GOLDEN, place)).collect();
    let numbers: Vec<u64> = (0..files).collect();
    all(&numbers, |copy, &number| {
        let mut random = splitmix(number);
        let mut changes = Vec::new();
        for _ in 0..=random() % 6 {
            let at = match random() % 16 {
                0 => random() as usize % GOLDEN.len(),
                _ => used[random() as usize % used.len()],
            };
            // A run of zeros is what a lost page is.
            let run = if random().is_multiple_of(8) { 64 } else { 1 };
            let byte = random() as u8;
            let end = (at + run).min(GOLDEN.len());
            changes.extend((at..end).map(|at| (at, if run > 1 { 0 } else { byte })));
        }
        copy.with(&changes);
    });
}

fn splitmix(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
