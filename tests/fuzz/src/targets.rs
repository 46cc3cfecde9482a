//! The fuzz targets: a line for everything that reads what others wrote.

use std::path::Path;

use fastrand::Rng;
use memtrace_analysis::{pack, rendering::{InfoText, Markdown, ReportText, write_json}};

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
