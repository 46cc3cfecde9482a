//! The fuzz targets: a line for everything that reads what others wrote.

use std::path::Path;

use fastrand::Rng;
use memtrace_analysis::{
    pack,
    rendering::{InfoText, Markdown, ReportText, write_json},
};

use crate::{
    changes::{change, rearrange},
    limits::Run,
    log, packed, pickle,
};

/// Something that reads what others wrote.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What is changed.
    pub(crate) seeds: fn() -> anyhow::Result<Vec<Vec<u8>>>,
    /// How.
    pub(crate) change: fn(&mut Rng, &mut Vec<u8>),
    /// What reads the result.
    pub(crate) run: Run,
}

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "log", seeds: logs, change: log::mutate, run: read },
    Target {
        name: "packed",
        seeds: || Ok(vec![packed::entry(log::GOLDEN)?]),
        change: packed::mutate,
        run: unpack,
    },
    Target { name: "zip", seeds: || Ok(vec![packed::archive(log::GOLDEN)?]), change: zip, run: unpack },
    Target {
        name: "pickle",
        seeds: || Ok(vec![pickle::snapshot()]),
        change: |random, bytes| rearrange(random, bytes, &pickle::WORDS),
        run: read,
    },
    Target {
        name: "rmm",
        seeds: || Ok(vec![RMM.to_vec()]),
        change: |random, bytes| rearrange(random, bytes, &RMM_WORDS),
        run: read,
    },
    Target {
        name: "profiler",
        seeds: || Ok(vec![PROFILER.to_vec()]),
        change: |random, bytes| rearrange(random, bytes, &JSON_WORDS),
        run: read,
    },
    Target {
        name: "timeline",
        seeds: || Ok(vec![TIMELINE.to_vec()]),
        change: |random, bytes| rearrange(random, bytes, &JSON_WORDS),
        run: read,
    },
    Target {
        name: "jax",
        seeds: || Ok(vec![JAX.to_vec()]),
        change: |random, bytes| {
            rearrange(random, bytes, &[b"\x0a", b"\x12", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
        },
        run: read,
    },
    Target { name: "nsight", seeds: || Ok(vec![nsight()?]), change: database, run: read },
];

/// Everything that the command tells of a file. Whether there is something to tell.
fn read(path: &Path) -> bool {
    let Ok(trace) = memtrace_import::open_recording(path, &mut |_, _| ()) else { return false };
    let events = trace.events().take_while(Result::is_ok).count();
    let Ok(analysis) = trace.analyze(|_| ()) else { return false };
    let (report, timeline) = (&analysis.report, &analysis.timeline);
    assert!(
        !ReportText(report).to_string().is_empty() && !Markdown { report, timeline }.to_string().is_empty()
    );
    write_json(report, std::io::sink()).expect("a sink takes everything");
    let info = trace.info(|_| ()).expect("it was read before");
    assert!(!InfoText(&info).to_string().is_empty());
    assert_eq!(report.trace.events, events as u64, "an event is listed or it is not");
    true
}

/// That, and what unpacking it gives.
fn unpack(path: &Path) -> bool {
    if !read(path) {
        return false;
    }
    let trace = memtrace_import::open_recording(path, &mut |_, _| ()).expect("it was opened before");
    let log = tempfile::tempfile().expect("a temporary file");
    pack::unpack(&trace, &log, &mut |_| ()).is_ok()
}

fn logs() -> anyhow::Result<Vec<Vec<u8>>> {
    // Whole, and without its closing block.
    let mut killed = log::GOLDEN.to_vec();
    killed[memtrace_format::CLOSING_OFFSET..memtrace_format::FIRST_CHUNK_OFFSET].fill(0);
    Ok(vec![log::GOLDEN.to_vec(), killed])
}

/// The list of what is in an archive, and what lies around its entries.
fn zip(random: &mut Rng, archive: &mut Vec<u8>) {
    let list = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap_or(0);
    let within = match random.u8(..4) {
        0 => 0..64,
        1 => 0..archive.len(),
        _ => list..archive.len(),
    };
    change(random, archive, within);
    if random.u8(..8) == 0 {
        rearrange(
            random,
            archive,
            &[b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x07", b"../../x.packed", b"\xff\xff\xff\xff"],
        );
    }
}

const RMM: &[u8] = b"Thread,Time,Action,Pointer,Size,Stream
23110,22:30:49.650739,allocate,0x7f141ba00000,1024,0x0
23110,22:30:49.650800,allocate,0x7f141ba00400,4096,0x0
23111,23:59:59.999999,free,0x7f141ba00000,1024,0x0
23111,00:00:00.000001,allocate failure,(nil),99999999,0x7
23110,00:00:01.000000,deallocate,0x7f141ba00400,4096,0
";

const RMM_WORDS: [&[u8]; 12] = [
    b",",
    b"\n",
    b"\r\n",
    b"\"",
    b"0x",
    b"(nil)",
    b"allocate",
    b"free",
    b"18446744073709551615",
    b"-1",
    b"1e308",
    b"99:99:99.999999",
];

const PROFILER: &[u8] = br#"{"schemaVersion": 1, "traceEvents": [
{"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#1", "pid": 7, "tid": 9, "ts": 100, "dur": 50},
{"ph": "X", "cat": "cpu_op", "name": "aten::empty", "pid": 7, "tid": 9, "ts": 101.5, "dur": 9, "args": {"External id": 3}},
{"ph": "i", "name": "[memory]", "pid": 7, "tid": 9, "ts": 102, "args": {"Ev Idx": 1, "Device Type": 1, "Device Id": 0, "Addr": 4096, "Bytes": 512, "Total Allocated": 1024, "Total Reserved": 2048}},
{"ph": "i", "name": "[memory]", "pid": 7, "tid": "b", "ts": 102, "args": {"Ev Idx": 2, "Device Type": 1, "Device Id": 0, "Addr": 8192, "Bytes": -512, "Total Allocated": 512, "Total Reserved": 2048}}
]}"#;

const TIMELINE: &[u8] =
    b"[[-1, 1, 4096, 0], [1000, 2, 512, 7], [2000, 3, -512, 7], [2000, 3, 512, 4], [3000, 4, -512, 4]]";

const JSON_WORDS: [&[u8]; 12] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"null",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"1e308",
    b"[memory]",
];

/// Types, a sample with a stack and a label, a location, a function, the strings.
const JAX: &[u8] = b"\x0a\x04\x08\x01\x10\x02\x12\x0d\x0a\x01\x01\x12\x02\xd0\x0f\x1a\x04\x08\x03\x10\x04\
    \x22\x08\x08\x01\x22\x04\x08\x01\x10\x07\x2a\x06\x08\x01\x10\x05\x20\x06\
    \x32\x00\x32\x05space\x32\x05bytes\x32\x06device\x32\x05gpu:0\x32\x05train\x32\x04a.py";

fn nsight() -> anyhow::Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new()?;
    let database = rusqlite::Connection::open(file.path())?;
    database.execute_batch(
        "CREATE TABLE CUDA_GPU_MEMORY_USAGE_EVENTS(start INT, globalPid INT, deviceId INT, contextId INT, address INT, pc INT,
             bytes INT, memKind INT, memoryOperationType INT);
         CREATE TABLE StringIds(id INT, value TEXT);
         INSERT INTO CUDA_GPU_MEMORY_USAGE_EVENTS VALUES
             (10, 281474976710656, 0, 1, 139637976727552, 4096, 1048576, 2, 0),
             (20, 281474976710656, 0, 1, 139637977776128, 4096, 2048, 2, 0),
             (30, 281474976710656, 0, 1, 139637976727552, 4096, 1048576, 2, 1),
             (40, 281474976710656, 1, 1, 139637976727552, 4096, 77, 3, 0);",
    )?;
    drop(database);
    Ok(std::fs::read(file.path())?)
}

/// The pages of a database are changed where they hold something.
fn database(random: &mut Rng, bytes: &mut Vec<u8>) {
    let used: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
    for _ in 0..=random.usize(..4) {
        let at = used[random.usize(..used.len())];
        let end = (at + 16).min(bytes.len());
        change(random, bytes, at..end);
    }
    if random.u8(..32) == 0 {
        bytes.truncate(random.usize(..bytes.len()));
    }
}
