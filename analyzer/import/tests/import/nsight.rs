//! Exports of Nsight Systems, made here with the columns that real ones have.

#![cfg(feature = "nsight")]

use memtrace_analysis::report::Report;
use memtrace_import::{ImportError, NsightError, OpenError};
use rusqlite::Connection;
use tempfile::NamedTempFile;

const COLUMNS: &str = "start INTEGER NOT NULL, globalPid INTEGER, deviceId INTEGER NOT NULL, contextId INTEGER NOT NULL, \
    address INTEGER NOT NULL, pc INTEGER NOT NULL, bytes INTEGER NOT NULL, memKind INTEGER NOT NULL, \
    memoryOperationType INTEGER NOT NULL, name TEXT, correlationId INTEGER, streamId INTEGER, \
    localMemoryPoolAddress INTEGER, localMemoryPoolSize INTEGER, localMemoryPoolUtilizedSize INTEGER";

/// A number with a process in its middle, as Nsight makes them.
const fn global(pid: i64) -> i64 {
    1 << 48 | pid << 24
}

fn export(sql: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    Connection::open(file.path()).unwrap().execute_batch(sql).unwrap();
    file
}

fn table(rows: &[String]) -> NamedTempFile {
    let rows: String =
        rows.iter().map(|row| format!("INSERT INTO CUDA_GPU_MEMORY_USAGE_EVENTS ({row});")).collect();
    let rows = rows.replace(
        "EVENTS (",
        "EVENTS (start, globalPid, deviceId, contextId, address, pc, bytes, memKind, memoryOperationType) VALUES (",
    );
    export(&format!(
        "CREATE TABLE CUDA_GPU_MEMORY_USAGE_EVENTS ({COLUMNS}); {rows}
         CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER);
         INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1700000000000000000);"
    ))
}

fn row(start: i64, pid: i64, device: i64, address: i64, bytes: i64, kind: i64, operation: i64) -> String {
    format!("{start}, {}, {device}, 1, {address}, 77, {bytes}, {kind}, {operation}", global(pid))
}

fn report(file: &NamedTempFile) -> Report {
    memtrace_import::open_recording(file.path(), &mut |_, _| ()).unwrap().analyze(|_| ()).unwrap().report
}

#[test]
fn memory_of_each_kind_is_a_heap() {
    // Out of order: the table need not be sorted.
    let file = table(&[
        row(3_000, 42, 1, 0x7000, 300, 2, 0),
        row(1_000, 42, 0, 0x7000, 100, 2, 0),
        row(2_000, 42, 0, 0x9000, 50, 1, 0),
        row(4_000, 42, 0, 0x7000, 100, 2, 1),
        row(4_000, 42, 0, 0x7000, 80, 2, 0),
        row(5_000, 42, 1, 0x8000, 7, 2, 1),
        row(6_000, 42, 0, 0xa000, 9, 4, 0),
    ]);
    let report = report(&file);
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    assert_eq!((report.trace.pid, report.trace.events), (Some(42), 7));
    assert_eq!(report.trace.start_unix_ns, Some(1_700_000_000_000_001_000));
    let mut heaps: Vec<_> = report
        .heaps
        .iter()
        .map(|heap| {
            let peak = heap.peak.figures.allocated_bytes.0;
            (
                heap.name.recorded(),
                heap.kind,
                heap.device,
                peak,
                heap.end.allocated_bytes.0,
                heap.baseline_bytes.0,
            )
        })
        .collect();
    heaps.sort_unstable();
    assert_eq!(
        heaps,
        [
            ("cuda:0", "device", Some(0), 100, 80, 0),
            ("cuda:1", "device", Some(1), 307, 300, 7),
            ("managed", "managed", Some(0), 9, 9, 0),
            ("pinned", "pinned", None, 50, 50, 0),
        ]
    );
    let stack = &report.heaps.iter().find(|heap| heap.kind == "pinned").unwrap().peak.blocks[0].stack;
    assert_eq!(stack[0].recorded(), "0x4d", "the caller's address");
}

#[test]
fn processes_have_heaps_of_their_own() {
    let file = table(&[
        row(1, 42, 0, 0x7000, 100, 2, 0),
        row(2, 43, 0, 0x7000, 200, 2, 0),
        row(3, 42, 0, 0x7000, 100, 2, 1),
    ]);
    let report = report(&file);
    let names: Vec<_> = report.heaps.iter().map(|heap| heap.name.recorded()).collect();
    assert_eq!((names, report.trace.pid), (vec!["cuda:0 of process 42", "cuda:0 of process 43"], None));
    assert_eq!(report.heaps[1].end.allocated_bytes.0, 200);
    assert!(report.trace.oddities.is_empty());
}

/// An export without memory events still says what was copied, which way and from what memory.
#[test]
fn copies_are_transfers() {
    let copies = "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER, end INTEGER, deviceId INTEGER, globalPid INTEGER, \
        bytes INTEGER, copyKind INTEGER, srcKind INTEGER, dstKind INTEGER, srcDeviceId INTEGER, dstDeviceId INTEGER);";
    let copy = |start: i64, end: i64, bytes: i64, kinds: &str| {
        format!(
            "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES ({start}, {end}, 1, {}, {bytes}, {kinds});",
            global(42)
        )
    };
    let rows = [
        copy(3_000, 4_000, 600, "2, 2, 0, NULL, NULL"),
        copy(1_000, 2_000, 500, "1, 1, 2, NULL, NULL"),
        copy(1_500, 2_500, 70, "10, 2, 2, 1, 0"),
    ];
    let report = report(&export(&format!("{copies} {}", rows.concat())));
    assert!(report.heaps.is_empty() && report.has_history());
    let transfers = serde_json::to_value(&report.transfers).unwrap();
    let ways = &transfers["by_direction"];
    let moved = |way: &str| (ways[way]["bytes"].as_u64().unwrap(), ways[way]["ns"].as_u64().unwrap());
    assert_eq!((moved("h2d"), moved("d2h"), moved("d2d")), ((500, 1_000), (600, 1_000), (70, 1_000)));
    assert_eq!(
        (transfers["pinned_bytes"].as_u64(), transfers["pageable_bytes"].as_u64()),
        (Some(500), Some(600))
    );
    assert!(report.marks.iter().any(|mark| mark.name.recorded().contains("copies alone")));
    assert_eq!((report.trace.pid, report.trace.oddities.len()), (Some(42), 0));
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let error = |file: &NamedTempFile| match memtrace_import::open_recording(file.path(), &mut |_, _| ())
        .unwrap_err()
    {
        OpenError::Import(ImportError::Nsight(error)) => error,
        error => panic!("{error}"),
    };
    assert!(matches!(error(&export("CREATE TABLE other (x)")), NsightError::Foreign));
    let view = "CREATE VIEW CUDA_GPU_MEMORY_USAGE_EVENTS AS SELECT 1 AS start";
    assert!(matches!(error(&export(view)), NsightError::Foreign), "a view is no table");
    let kernels = "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start)";
    assert!(matches!(error(&export(kernels)), NsightError::NoEvents));
    let other = "CREATE TABLE CUDA_GPU_MEMORY_USAGE_EVENTS (start, bytes)";
    assert!(matches!(
        error(&export(other)),
        NsightError::NoColumn("CUDA_GPU_MEMORY_USAGE_EVENTS", "address")
    ));
    let wrong = error(&table(&[row(1, 42, 0, 0x7000, 100, 2, 5)])).to_string();
    assert!(wrong.contains("row 1") && wrong.contains("memoryOperationType is not 0"), "{wrong}");
    assert!(
        error(&table(&[row(1, 42, 0, 0x7000, -1, 2, 0)])).to_string().contains("bytes is not zero or more")
    );

    let whole = std::fs::read(table(&[row(1, 42, 0, 0x7000, 100, 2, 0)]).path()).unwrap();
    for length in [16, 100, 4096, whole.len() - 4096] {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &whole[..length]).unwrap();
        assert!(matches!(error(&file), NsightError::Sqlite(_)), "{length} bytes of it");
    }
}
