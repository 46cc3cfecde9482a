//! RMM logs: the lines that `rmm::mr::logging_resource_adaptor` writes.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
};

use hashbrown::HashMap;
use memtrace_format::MemoryKind;
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Heap, Pool, Recording, Row, Thread},
};

/// The first line.
pub(super) const HEADER: &[u8] = b"Thread,Time,Action,Pointer,Size,Stream";

/// The longest line.
const LINE_BYTES: u64 = 4096;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// After so many lines it is time to tell how far it has come.
const BETWEEN_LOOKS: u64 = 1 << 16;

/// Why a line of an RMM log cannot be read. Nothing of such a log is imported.
#[derive(Debug, Error)]
#[error("line {line} (byte {offset}): {fault}")]
pub struct RmmError {
    /// Which line; the header is line 1.
    pub line: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: RmmFault,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RmmFault {
    /// Too few or too many fields.
    #[error("it has {0} fields, and a row has 6: Thread,Time,Action,Pointer,Size,Stream")]
    Fields(usize),
    /// A field that cannot be read.
    #[error("its {name} is not {expected}")]
    Field {
        /// Which one.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// No row is that long.
    #[error("it is longer than {LINE_BYTES} bytes")]
    Long,
    /// The operating system cannot read it.
    #[error("reading failed: {0}")]
    Read(#[from] io::Error),
}

/// Imports a log of `length` bytes into an empty file.
pub(super) fn import(
    source: File,
    length: u64,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    read(source, |read| watch(Stage::Reading, read, length))?.write(log, watch)
}

fn read(source: impl io::Read, mut watch: impl FnMut(u64)) -> Result<Recording, RmmError> {
    let mut source = BufReader::new(source);
    let mut rows = Rows::default();
    let mut text = Vec::new();
    let (mut line, mut offset) = (0, 0);
    loop {
        text.clear();
        line += 1;
        let at = |fault| RmmError { line, offset, fault };
        let mut limited = source.by_ref().take(LINE_BYTES);
        let bytes = limited.read_until(b'\n', &mut text).map_err(|error| at(error.into()))? as u64;
        if bytes == LINE_BYTES && text.last() != Some(&b'\n') {
            return Err(at(RmmFault::Long));
        }
        if bytes == 0 {
            return Ok(rows.finish());
        }
        // The header comes again where several logs were put together.
        let row = text.trim_ascii();
        if !row.is_empty() && row != HEADER {
            match rows.add(row) {
                // The process ended in the middle of it.
                Err(_) if text.last() != Some(&b'\n') && !rows.rows.is_empty() => {
                    rows.notes.push(format!("import: line {line} is cut off, and left out"));
                }
                added => added.map_err(at)?,
            }
        }
        offset += bytes;
        if line % BETWEEN_LOOKS == 0 {
            watch(offset);
        }
    }
}

/// The rows so far.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    threads: Interned,
    streams: Interned,
    notes: Vec<String>,
    /// Whether times are seconds since 1970.
    since_1970: bool,
    /// Nanoseconds of the days that have ended: times of the day start again at midnight.
    days: u64,
    latest: u64,
}

/// Numbers by the order in which they came up.
#[derive(Debug, Default)]
struct Interned {
    places: HashMap<u64, u32>,
    numbers: Vec<u64>,
}

impl Interned {
    fn place(&mut self, number: u64) -> u32 {
        *self.places.entry(number).or_insert_with(|| {
            self.numbers.push(number);
            self.numbers.len() as u32 - 1
        })
    }
}

impl Rows {
    fn add(&mut self, line: &[u8]) -> Result<(), RmmFault> {
        let field = |name, expected| RmmFault::Field { name, expected };
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect();
        let [thread, time, action, pointer, size, stream] = fields[..] else {
            return Err(RmmFault::Fields(fields.len()));
        };
        let thread = decimal(thread).ok_or(field("Thread", "a decimal number"))?;
        let time = self.time(time).ok_or(field("Time", "a time: 22:30:49.650739, or seconds since 1970"))?;
        let action = match action {
            b"allocate" => Action::Alloc,
            b"free" | b"deallocate" => Action::Free,
            b"allocate failure" => Action::OutOfMemory,
            _ => return Err(field("Action", "allocate, free, deallocate or allocate failure")),
        };
        let address = match pointer {
            b"(nil)" => 0,
            pointer => hexadecimal(pointer).ok_or(field("Pointer", "an address in hexadecimal, or (nil)"))?,
        };
        let size = decimal(size).ok_or(field("Size", "a decimal number of bytes"))?;
        let stream = hexadecimal(stream).ok_or(field("Stream", "a number in hexadecimal"))?;
        let (thread, pool) = (self.threads.place(thread), self.streams.place(stream));
        self.rows.push(Row { time, address, size, thread, pool, frame: 0, module: 0, action });
        Ok(())
    }

    fn time(&mut self, text: &[u8]) -> Option<u64> {
        let mut parts = text.split(|&byte| byte == b':');
        let (first, minutes, seconds) = (parts.next()?, parts.next(), parts.next());
        // Before 2021 microseconds stood behind a colon.
        let (micros, more) = (parts.next(), parts.next());
        let (Some(minutes), Some(seconds), None) = (minutes, seconds, more) else {
            self.since_1970 = true;
            return minutes.is_none().then(|| nanoseconds(first)).flatten();
        };
        let hours = decimal(first).filter(|&hours| hours < 24)?;
        let minutes = decimal(minutes).filter(|&minutes| minutes < 60)?;
        let seconds = match micros {
            Some(micros) => decimal(seconds)?
                .checked_mul(SECOND)?
                .checked_add(decimal(micros).filter(|&micros| micros < 1_000_000)? * 1_000)?,
            None => nanoseconds(seconds)?,
        };
        let seconds = Some(seconds).filter(|&seconds| seconds <= 60 * SECOND)?;
        let of_day = (hours * 60 + minutes) * 60 * SECOND + seconds;
        // Threads may write their lines a little late; only a step back of half a day is a midnight.
        if of_day + self.days + DAY / 2 < self.latest {
            self.days = self.days.checked_add(DAY)?;
        }
        let time = of_day.checked_add(self.days)?;
        self.latest = self.latest.max(time);
        Some(time)
    }

    fn finish(self) -> Recording {
        let thread = |&number: &u64| match u32::try_from(number) {
            Ok(os_id) => Thread { os_id, name: String::new() },
            Err(_) => Thread { os_id: 0, name: format!("thread {number}") },
        };
        let pool = |&stream: &u64| Pool { heap: 0, name: format!("stream {stream:#x}"), stream };
        Recording {
            zero_unix_ns: self.since_1970.then_some(0),
            threads: self.threads.numbers.iter().map(thread).collect(),
            // Which device's memory it is, the log does not say.
            heaps: vec![Heap { name: "rmm".to_owned(), kind: MemoryKind::Device, device: None }],
            pools: self.streams.numbers.iter().map(pool).collect(),
            rows: self.rows,
            notes: self.notes,
            ..Recording::new(ForeignFormat::Rmm, "RMM")
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// A number in hexadecimal, whether it says so or not: pointers are written like that, and streams are pointers.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

/// Seconds with up to nine decimals, in nanoseconds.
fn nanoseconds(text: &[u8]) -> Option<u64> {
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let seconds = decimal(parts.next()?)?.checked_mul(SECOND)?;
    let Some(fraction) = parts.next() else { return Some(seconds) };
    let digits = fraction.get(..fraction.len().min(9))?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let scale = 10u64.checked_pow(9 - digits.len() as u32)?;
    seconds.checked_add(if digits.is_empty() { 0 } else { decimal(digits)? * scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        read(text.as_bytes(), |_| ()).unwrap().rows
    }

    #[test]
    fn midnight_passes_and_late_lines_do_not_make_one() {
        let times: Vec<u64> = rows(
            "Thread,Time,Action,Pointer,Size,Stream\n1,23:59:59.999999,allocate,0x10,1,0\r\n2,23:59:59.999998,free,0x10,1,0x0\n\
             1,00:00:00.000001,allocate,ff,2,1\n\n1,12:00:00,free,0xff,2,1\n1,00:00:01.5,allocate failure,(nil),3,0\n",
        )
        .iter()
        .map(|row| row.time)
        .collect();
        let micros = |day: u64, micros: u64| day * DAY + micros * 1000;
        let last = micros(0, 86_399_999_999);
        assert_eq!(
            times,
            [last, last - 1000, micros(1, 1), micros(1, 43_200_000_000), micros(1, 1_500_000)],
            "half a day back and no more is a late line"
        );
    }

    #[test]
    fn seconds_since_1970_and_all_actions() {
        let recording = read(
            &b"7,1700000000.25,deallocate,0x10,9,0xff\n7,1700000000,allocate failure,(nil),8,ff"[..],
            |_| (),
        )
        .unwrap();
        assert_eq!(recording.zero_unix_ns, Some(0));
        assert_eq!(recording.rows[0].time, 1_700_000_000_250_000_000);
        assert_eq!(
            recording.rows.iter().map(|row| row.action).collect::<Vec<_>>(),
            [Action::Free, Action::OutOfMemory]
        );
        assert_eq!(recording.pools.len(), 1);
    }

    #[test]
    fn pointers_are_hexadecimal_with_and_without_saying_so() {
        let pointers = rows(
            "1,1,allocate,7f141ba00000,1,0\n1,1,allocate,302000000,1,10\n1,1,allocate,0x302000000,1,0x10\n1,1,free,(nil),1,0\n",
        );
        let addresses: Vec<u64> = pointers.iter().map(|row| row.address).collect();
        assert_eq!(addresses, [0x7f14_1ba0_0000, 0x3_0200_0000, 0x3_0200_0000, 0]);
        assert_eq!(pointers[1].pool, pointers[2].pool, "a stream is a pointer too");
    }

    #[test]
    fn microseconds_stood_behind_a_colon_once() {
        let old = rows("1,22:30:49:650739,allocate,0x10,1,0\n1,22:30:49:000901,free,0x10,1,0\n");
        let new = rows("1,22:30:49.650739,allocate,0x10,1,0\n1,22:30:49.000901,free,0x10,1,0\n");
        assert_eq!(old, new);
        let wrong = read(&b"1,1,free,0x1,1,0\n1,22:30:49:1000000,free,0x1,1,0\n"[..], |_| ()).unwrap_err();
        assert_eq!(wrong.line, 2);
    }

    #[test]
    fn only_the_last_row_may_be_cut_off() {
        let whole = "1,1,allocate,0x1,1,0\n";
        for cut in ["1", "1,2.", "1,2,alloc", "1,2,allocate,0x1,16", "1,2,allocate,0x1,16,"] {
            let recording = read(format!("{whole}{cut}").as_bytes(), |_| ()).unwrap();
            assert_eq!((recording.rows.len(), recording.notes.len()), (1, 1), "{cut}");
            assert!(recording.notes[0].contains("line 2"), "{:?}", recording.notes);
            assert!(read(format!("{whole}{cut}\n").as_bytes(), |_| ()).is_err(), "{cut}, and its line ends");
        }
        let last = read(format!("{whole}1,2,free,0x1,1,0").as_bytes(), |_| ()).unwrap();
        assert_eq!((last.rows.len(), last.notes.len()), (2, 0), "a line may end with the file");
        assert!(read(&b"1,2"[..], |_| ()).is_err(), "a file with nothing else is no log");
    }

    #[test]
    fn a_bad_row_is_said_with_its_line_and_what_it_should_be() {
        for (row, message) in [
            ("1,2,3", "it has 3 fields"),
            ("x,1,allocate,0x1,1,0", "its Thread is not a decimal number"),
            ("1,25:00:00,allocate,0x1,1,0", "its Time is not a time"),
            ("1,1.2.3,allocate,0x1,1,0", "its Time"),
            ("1,99999999999999,allocate,0x1,1,0", "its Time"),
            ("1,1,grow,0x1,1,0", "its Action is not allocate, free"),
            ("1,1,free,nil,1,0", "its Pointer"),
            ("1,1,free,0x1,-1,0", "its Size"),
            ("1,1,free,0x1,1,", "its Stream"),
        ] {
            let text = format!("1,1,allocate,0x1,1,0\n{row}\n");
            let error = read(text.as_bytes(), |_| ()).unwrap_err().to_string();
            assert!(error.starts_with("line 2 (byte 21): ") && error.contains(message), "{error}");
        }
        let long = vec![b'1'; 5000];
        assert!(matches!(read(&long[..], |_| ()).unwrap_err().fault, RmmFault::Long));
    }
}
