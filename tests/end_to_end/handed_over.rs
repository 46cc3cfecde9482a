use crate::programs;

const RUNS: usize = 10;
const BLOCKS: u64 = 50_000;

/// The clock may put a free before its alloc, and an alloc before the free of its address: the reader puts them in order.
#[test]
fn blocks_that_threads_hand_over_in_no_time_are_counted_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = 0;
    for run in 0..RUNS {
        let trace = folder.path().join(format!("{run}.trace"));
        let status =
            programs::handed_over().arg(BLOCKS.to_string()).env("MEMTRACE_FILE", &trace).status().unwrap();
        assert!(status.success());
        let report = memtrace_analysis::analyze(&trace).unwrap().report;
        // On a machine that has no time for the tracer's helper events are lost, which is told.
        if report.trace.dropped.total > 0 {
            continue;
        }
        whole += 1;
        assert!(report.trace.oddities.is_empty(), "run {run}: {:?}", report.trace.oddities);
        let heap = &report.heaps[0];
        assert_eq!((heap.allocs, heap.frees), (BLOCKS, BLOCKS));
        assert_eq!(heap.peak.figures.allocated_bytes.0, 512, "run {run}");
        assert_eq!((heap.end.allocated_bytes.0, heap.end_blocks), (0, 0));
    }
    assert!(whole > 0, "no run of {RUNS} was recorded whole");
}
