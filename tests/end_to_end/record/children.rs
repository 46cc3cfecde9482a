use std::{ffi::OsStr, fs};

use memtrace_analysis::report::Ended;
use serde_json::Value;

use super::{Lab, assert_agrees, books, heap};
use crate::programs;

/// A child that is forked gives back what its parent has: in the parent's trace nothing of it is to be seen.
#[test]
fn a_forked_child_is_no_part_of_its_parents_trace() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let command = [program.as_os_str(), OsStr::new("2"), OsStr::new("fork")];
    let books = books(&lab.record(&["-o", "run.trace"], &command).output().unwrap());
    assert_eq!(lab.traces(), ["run.trace"]);
    let report = lab.report("run.trace");
    assert_agrees(&report, "host", &books["host"]);
    assert_agrees(&report, "mapped", &books["mapped"]);
}

/// With `--follow` the child has a trace too, and in it is what it asked for itself.
#[test]
fn a_forked_child_that_is_followed_has_its_own() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let command = [program.as_os_str(), OsStr::new("2"), OsStr::new("fork")];
    let output = lab.record(&["-o", "run.trace", "--follow"], &command).output().unwrap();
    let books = books(&output);
    let traces = lab.traces();
    assert_eq!(traces.len(), 2, "{traces:?}");
    let reports: Vec<_> = traces.iter().map(|trace| lab.report(trace)).collect();
    let is_child = |report: &&memtrace_analysis::report::Report| heap(report, "host").allocs == 2;
    let child = reports.iter().find(is_child).expect("the child's two blocks");
    assert_eq!(heap(child, "host").end.allocated_bytes.0, 12345);
    assert_eq!(heap(child, "host").peak.figures.allocated_bytes.0, 1 << 20);
    let parent = reports.iter().find(|report| !is_child(report)).unwrap();
    assert_agrees(parent, "host", &books["host"]);
}

/// What a shell runs is not recorded, and finds no trace of the library in its environment; with `--follow` each has a trace.
#[test]
fn a_pipeline_is_recorded_if_it_is_followed() {
    let lab = Lab::new();
    let script = "env | grep LD_PRELOAD; seq 100000 | sort -R | tail -n 1 > /dev/null; true";
    let command = ["bash", "-c", script].map(OsStr::new);
    let output = lab.record(&["-o", "alone.trace"], &command).output().unwrap();
    assert_eq!(output.stdout, b"", "LD_PRELOAD does not leak");
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is a shell"), "{output:?}");
    assert_eq!(lab.traces(), ["alone.trace"]);

    lab.record(&["-o", "all.trace", "--follow"], &command).output().unwrap();
    let mut engines: Vec<String> = lab
        .traces()
        .iter()
        .filter(|trace| *trace != "alone.trace")
        .map(|trace| lab.report(trace).trace.engine.unwrap().recorded().to_owned())
        .collect();
    engines.sort();
    engines.dedup();
    for program in ["bash", "env", "grep", "seq", "sort", "tail"] {
        assert!(engines.iter().any(|engine| engine == program), "{program}: {engines:?}");
    }
}

/// A script that becomes another program: the trace is of the program that it became.
#[test]
fn a_process_that_becomes_another_program_goes_on_being_recorded() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let script = format!("exec env UNUSED=1 nice -n 1 {} 1", program.display());
    let output = lab.record(&["-o", "run.trace"], &["bash", "-c", &script].map(OsStr::new)).output().unwrap();
    assert_eq!(lab.traces(), ["run.trace"]);
    let report = lab.report("run.trace");
    assert_eq!(report.trace.engine.as_ref().unwrap().recorded(), "allocations");
    assert_agrees(&report, "host", &books(&output)["host"]);

    // It fails to become another, and goes on: so does its trace.
    let script = "shopt -s execfail; exec /nothing/here; exit 5";
    let output =
        lab.record(&["-o", "failed.trace"], &["bash", "-c", script].map(OsStr::new)).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(lab.report("failed.trace").trace.ended, Ended::Clean);
    assert_eq!(lab.traces().len(), 2);
}

/// Python, which forks: by itself the parent alone, followed both.
#[test]
fn python_that_forks() {
    let lab = Lab::new();
    let script = "import os\nkept = bytearray(3 << 20)\nif os.fork() == 0:\n  own = bytearray(5 << 20)\n  os._exit(0)\nos.wait()";
    let command = ["python3", "-c", script].map(OsStr::new);
    for (trace, options) in [("alone.trace", &[][..]), ("all.trace", &["--follow"])] {
        let options = [&["-o", trace], options].concat();
        let output = lab.record(&options, &command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let peak = |trace: &OsStr| {
        let report = lab.report(trace);
        let host = report.heaps.iter().find(|heap| heap.name.recorded() == "host");
        host.map_or(0, |heap| heap.peak.figures.allocated_bytes.0)
    };
    assert!((3 << 20..8 << 20).contains(&peak(OsStr::new("alone.trace"))));
    let followed: Vec<u64> = lab.traces().iter().map(|trace| peak(trace)).collect();
    let (three, five) = (3 << 20..5 << 20, 5 << 20..8 << 20);
    assert!(followed.iter().any(|peak| five.contains(peak)), "the child's: {followed:?}");
    assert!(
        followed.iter().filter(|&peak| three.contains(peak)).count() >= 2,
        "the parent's, twice: {followed:?}"
    );
}

/// Several traces, or a folder of them, are a table of processes.
#[test]
fn the_processes_of_a_run_are_a_table() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let command = [program.as_os_str(), OsStr::new("1"), OsStr::new("fork")];
    books(&lab.record(&["-o", "run.trace", "--follow"], &command).output().unwrap());
    fs::write(lab.path("notes.txt"), "no trace").unwrap();
    let analyze = |options: &[&str]| {
        let output = programs::memtrace().arg("analyze").arg(lab.path("")).args(options).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let processes: Value = serde_json::from_str(&analyze(&["--json"])).unwrap();
    assert_eq!(processes.as_array().unwrap().len(), 2, "{processes}");
    let table = analyze(&[]);
    for process in processes.as_array().unwrap() {
        assert_eq!(process["engine"], "allocations");
        assert!(table.contains(&process["pid"].to_string()), "{table}");
        assert!(table.contains(process["file"].as_str().unwrap()), "{table}");
    }
}
