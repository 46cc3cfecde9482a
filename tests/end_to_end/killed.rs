use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use memtrace_analysis::{
    Trace,
    report::{Ended, FindingVerdict},
};
use memtrace_format::ThreadId;

use crate::programs::{self, DIFFUSION};

/// The engine is killed in the middle of its work, at several moments. Every event that it had acknowledged is there.
#[test]
fn a_killed_engine_loses_no_event_that_it_acknowledged() {
    for (threads, after) in [("1", 500), ("1", 20_000), ("3", 3_000), ("3", 40_000)] {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("killed.trace");
        let acks = kill_after(after, threads, &trace, &folder.path().join("acks"));
        let found = events_by_thread(&trace);
        for (thread, &acknowledged) in acks.iter().enumerate() {
            let found = found.get(thread_name(thread).as_str()).copied().unwrap_or(0);
            // One event may have been recorded and not yet acknowledged.
            let expected = acknowledged..=acknowledged + 1;
            assert!(
                expected.contains(&found),
                "thread {thread} of {threads}: {found} events, {acknowledged} acknowledged"
            );
        }
        let report = memtrace_analysis::analyze(&trace).unwrap().report;
        assert_eq!(report.trace.ended, Ended::Killed);
        assert_eq!((report.trace.damaged_chunks, report.trace.dropped.total), (0, 0));
        let finding = report.findings.iter().find(|finding| finding.id == "killed").unwrap();
        assert_eq!(finding.verdict, FindingVerdict::Warn);
    }
}

/// Runs an engine with more to do than the test waits for, and kills it once it has acknowledged `after` events. Returns
/// what each of its threads had acknowledged in the end.
fn kill_after(after: u64, threads: &str, trace: &Path, acks: &Path) -> Vec<u64> {
    let mut engine = programs::diffusion()
        .args(DIFFUSION)
        .args([
            "--device",
            "host",
            "--tier",
            "lowvram",
            "--steps",
            "1000",
            "--jobs",
            "1000",
            "--threads",
            threads,
            "--acks",
        ])
        .arg(acks)
        .env("MEMTRACE_FILE", trace)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while read_acks(acks).iter().sum::<u64>() < after {
        assert!(engine.try_wait().unwrap().is_none(), "the engine ended by itself");
        assert!(Instant::now() < patience, "the engine acknowledged no {after} events in two minutes");
        thread::sleep(Duration::from_millis(1));
    }
    engine.kill().unwrap();
    engine.wait().unwrap();
    read_acks(acks)
}

/// The engine's counts: a little-endian number at every 64th byte, the main thread's first.
fn read_acks(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.chunks_exact(64).map(|line| u64::from_le_bytes(*line.first_chunk().unwrap())).collect()
}

fn thread_name(thread: usize) -> String {
    if thread == 0 { "diffusion".to_owned() } else { format!("stream-{thread}") }
}

fn events_by_thread(trace: &Path) -> BTreeMap<String, u64> {
    let trace = Trace::open(trace).unwrap();
    let mut by_id: BTreeMap<ThreadId, u64> = BTreeMap::new();
    for recorded in trace.events() {
        *by_id.entry(recorded.unwrap().thread).or_default() += 1;
    }
    by_id
        .into_iter()
        .map(|(id, count)| (trace.definitions().thread_name(id).recorded().to_owned(), count))
        .collect()
}
