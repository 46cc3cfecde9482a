//! Compressed recordings, archives and pages, and files of other programs that hold none.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use memtrace_import::{ContainerError, ImportError, UnreadFile};
use serde_json::json;

use crate::made::{archive, gzip, pickle, refusal, report};

const LOG: &str = "Thread,Time,Action,Pointer,Size,Stream\n1,22:30:49.1,allocate,0x10,640,0x0\n1,22:30:49.2,free,0x10,640,0x0\n";

fn peak(bytes: &[u8]) -> u64 {
    report(bytes).heaps[0].peak.figures.allocated_bytes.0
}

/// The log that a recording becomes.
fn trace() -> Vec<u8> {
    let (recording, log) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(recording.path(), LOG).unwrap();
    memtrace_import::import(recording.path(), log.reopen().unwrap(), &mut |_, _| ()).unwrap();
    std::fs::read(log.path()).unwrap()
}

#[test]
fn what_opens_opens_compressed_and_in_archives() {
    let (log, trace) = (LOG.as_bytes(), trace());
    for (what, bytes) in [
        ("gzip", gzip(log)),
        ("two members", [gzip(&log[..50]), gzip(&log[50..])].concat()),
        ("zip", archive(&[("rmm.csv", log)])),
        ("beside words", archive(&[("README", b"words"), ("rank0/rmm.csv", log), ("empty", b"")])),
        ("zip in gzip", gzip(&archive(&[("rmm.csv", log)]))),
        ("gzip in zip", archive(&[("rmm.csv.gz", &gzip(log))])),
        ("a trace in gzip", gzip(&trace)),
        ("a trace in zip", archive(&[("run.trace", &trace)])),
    ] {
        assert_eq!(peak(&bytes), 640, "{what}");
    }
}

#[test]
fn an_archive_that_helps_nobody_says_why() {
    let said = |bytes: &[u8]| match refusal(bytes) {
        ImportError::Container(error) => error,
        error => panic!("{error}"),
    };
    let log = LOG.as_bytes();
    let cut = gzip(log);
    assert!(matches!(said(&cut[..cut.len() / 2]), ContainerError::Gzip(_)));
    assert!(matches!(said(&archive(&[("a", b"words"), ("b", b"")])), ContainerError::NoEntry(2)));
    let several = said(&archive(&[("rank0.csv", log), ("rank1.csv", log)])).to_string();
    assert!(several.contains("rank0.csv, rank1.csv"), "{several}");
    let deep = (0..6).fold(log.to_vec(), |bytes, _| gzip(&bytes));
    assert!(matches!(said(&deep), ContainerError::Layers));
    assert!(matches!(said(b"<!DOCTYPE html><p>\"gARnot long enough\""), ContainerError::NoSnapshot));
}

#[test]
fn a_page_of_pytorchs_viewer_carries_its_snapshot() {
    let block = json!({"address": 4096, "size": 1024, "requested_size": 1000, "state": "active_allocated", "frames": []});
    let segment = json!({"device": 0, "address": 4096, "total_size": 2097152, "stream": 0, "segment_type": "small", "blocks": [block]});
    let mut snapshot = pickle(&json!({"segments": [segment], "device_traces": [[]]}));
    // As the viewer pads it.
    snapshot.extend(vec![0; 3 - snapshot.len() % 3]);
    let page = format!(
        "<!DOCTYPE html>\n<script type=\"module\">\nconst local_files = [{{\"name\": \"snapshot.pickle\", \"base64\": \"{}\"}}]\n</script>",
        STANDARD.encode(&snapshot)
    );
    let report = report(page.as_bytes());
    assert_eq!(report.heaps[0].end.requested_bytes.unwrap().0, 1000);
    assert_eq!(report.heaps[0].end.reserved_bytes.unwrap().0, 2_097_152);
}

#[test]
fn files_of_other_programs_are_called_by_their_names() {
    for (bytes, expected, helps) in [
        (
            &b"[7][16:47:00:093520][info  ] ----- RMM LOG BEGIN [PTDS ENABLED] -----\n"[..],
            UnreadFile::RmmDebugLog,
            "rmm.enable_logging",
        ),
        (b"\x0a\x12\x40\x92\xa3\x01", UnreadFile::Perfetto, "ui.perfetto.dev"),
        (b"memray\0\x0b\0", UnreadFile::Memray, "memray"),
        (b"v 10400 3\nx /usr/bin/python3\n", UnreadFile::Heaptrack, "heaptrack_print"),
        (b"\x28\xb5\x2f\xfd\x04\0", UnreadFile::Zstd, "unzstd"),
    ] {
        match refusal(bytes) {
            ImportError::Unread(file) => assert_eq!(file, expected),
            error => panic!("{error}"),
        }
        assert!(expected.advice().contains(helps), "{expected}");
    }
}
