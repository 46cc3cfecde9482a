use std::{ffi::OsStr, fs, path::Path};

use memtrace_analysis::report::{Ended, Report};

use super::{Lab, heap};

const STATUS: i32 = 7;

/// What a trace of little more than nothing may take.
const LITTLE: u64 = 1 << 20;

/// A program ends in order by whatever ends it at once: its trace says so, has all that it took, and keeps no room that nothing is
/// in.
#[test]
fn an_end_without_handlers_is_an_end_in_order() {
    let lab = Lab::new();
    for way in ["_exit", "_Exit", "quick_exit", "exit_group", "handler", "threads", "vfork"] {
        let report = ended(&lab, way, STATUS);
        assert_eq!(report.trace.ended, Ended::Clean, "{way}");
        let took = if way == "vfork" { 2 } else { 1 };
        assert_eq!(heap(&report, "host").end.allocated_bytes.0, took << 16, "{way}");
    }
}

/// A signal that ended it is no end in order; the room is given back all the same.
#[test]
fn a_signal_is_an_end_of_its_own() {
    let report = ended(&Lab::new(), "terminated", 128 + libc::SIGTERM);
    assert_eq!(report.trace.ended, Ended::Killed);
}

/// Workers that are forked, as Python's are, end in order too, and each has samples of its own memory.
#[test]
fn forked_workers_end_in_order_and_are_sampled() {
    let lab = Lab::new();
    let program = lab.compile("leaving", &[]);
    let mut record =
        lab.record(&["-o", "run.trace", "--follow"], &[program.as_os_str(), OsStr::new("workers")]);
    let output = record.env_remove("MEMTRACE_SAMPLE").output().unwrap();
    assert_eq!(output.status.code(), Some(STATUS), "{output:?}");
    let traces = lab.traces();
    assert_eq!(traces.len(), 5, "{traces:?}");
    for trace in &traces {
        let report = lab.report(trace);
        assert_eq!(report.trace.ended, Ended::Clean, "{trace:?}");
        assert_is_small(&lab.path(trace.to_str().unwrap()));
        let counters = &report.samples.counters;
        let resident = counters.iter().find(|counter| counter.name.recorded() == "host resident");
        assert!(resident.is_some_and(|counter| counter.count > 0), "{trace:?}");
    }
}

/// Runs the program to this end, and says what was recorded.
fn ended(lab: &Lab, way: &str, status: i32) -> Report {
    let program = lab.compile("leaving", &[]);
    let trace = format!("{way}.trace");
    let output = lab.record(&["-o", &trace], &[program.as_os_str(), OsStr::new(way)]).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{way}: {output:?}");
    assert_is_small(&lab.path(&trace));
    lab.report(trace)
}

fn assert_is_small(trace: &Path) {
    let bytes = fs::metadata(trace).unwrap().len();
    assert!(bytes < LITTLE, "{trace:?} takes {bytes} bytes");
}
