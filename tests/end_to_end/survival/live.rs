use memtrace_analysis::report::Ended;

use super::{numbering::Number, running::wait_until, trial::Trial};

/// How often a test run reads each ring.
const READINGS: u32 = 10;

#[test]
fn a_ring_is_read_right_while_it_is_written() {
    read_rings(READINGS);
}

#[test]
#[ignore = "takes minutes; for a release, see tests/README.md"]
fn a_ring_is_read_right_a_hundred_times_while_it_is_written() {
    read_rings(100);
}

/// Each thread of the program has one block at a time. So whatever is kept, there is never more than one live of each, and
/// nothing is given back that was not handed out.
fn read_rings(readings: u32) {
    for (threads, mebibytes) in [(1_u16, 1_u64), (8, 2)] {
        let trial = Trial::new("endless-freeing", threads, 0).env("MEMTRACE_MODE", "ring");
        let trial = trial.env("MEMTRACE_MAX_SIZE", format!("{mebibytes} MiB"));
        // What is lost is not what this is about.
        let mut trial = trial.env("MEMTRACE_FULL", "wait");
        let recorded = |trial: &Trial| trial.acknowledged().iter().sum::<u64>();
        let running = trial.start();
        wait_until("the ring has wrapped", || recorded(&trial) > 2 * (mebibytes << 20) / 48);
        for reading in 0..readings {
            let report = memtrace_analysis::analyze(trial.path("run.trace")).unwrap().report;
            let count = trial.acknowledged().into_iter().max().unwrap_or_default() + 1;
            let most = u64::from(threads) * Number { stream: threads, count }.size();
            let peak = report.heaps.iter().map(|heap| heap.peak.figures.allocated_bytes.0).max();
            assert!(
                peak.is_some_and(|peak| peak <= most),
                "reading {reading}: {peak:?}, and never more than {most}"
            );
            assert_eq!(report.trace.ended, Ended::Running);
            let trace = &report.trace;
            assert!(trace.oddities.is_empty(), "reading {reading}: {:?}", trace.oddities);
            assert_eq!((trace.damaged_chunks, trace.dropped.total), (0, 0), "reading {reading}");
        }
        running.kill();
    }
}
