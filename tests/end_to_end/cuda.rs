use std::{ffi::OsString, path::Path, process::Output};

use memtrace_analysis::report::Report;
use memtrace_tests::oracle::Program;
use serde_json::Value;

use crate::{
    programs,
    truth::{Run, assert_same},
};

/// The engine on CUDA, which here is the software driver: the same books, the same figures.
#[test]
fn the_engine_on_cuda_is_told_as_its_own_books_tell_it() {
    for pools in ["0", "1"] {
        let environment = programs::cuda("64MiB", &[("MEMORY_POOLS", pools)]);
        let run = Run::with(&["--device", "cuda", "--tier", "lowvram", "--steps", "2"], &environment);
        run.assert_told();
        assert_eq!(run.books["device"]["name"], "Software Device 0");
    }
}

/// The example on cudarc, with and without memory pools: its own books, the driver's, and the report agree.
#[test]
fn the_engine_on_cudarc_is_told_as_its_own_books_tell_it() {
    for pools in ["0", "1"] {
        let (report, books) = cudarc(&[("MEMORY_POOLS", pools)]);
        assert_same(Program::Cudarc, &books, &report, pools);
        let heap = &report.heaps[0];
        assert_eq!(books["ooms"], 1);
        assert_eq!(report.ooms[0].device_free_bytes.map(|free| free.0), Some((64 << 20) - (8 << 20)));
        assert_eq!(books["driver"]["pool_used_high_bytes"].is_null(), pools == "0");
        assert_eq!(books["driver"]["free_at_first_bytes"], books["driver"]["free_at_last_bytes"]);
        // The blocks of a module's weights were allocated while they moved in.
        let owned =
            |name| heap.peak.by_module.iter().find(|share| share.name.recorded() == name).unwrap().bytes.0;
        assert_eq!((owned("text"), owned("unet")), (4 << 20, 6 << 20));
        assert_eq!((report.trace.dropped.total, report.transfers.unfinished), (0, 0));
    }
}

/// Where the driver fails in the middle, the log says what did happen: a copy that failed moved nothing, and what it was
/// for is given back.
#[test]
fn failures_of_the_driver_are_recorded_as_what_they_are() {
    for (fault, what) in [
        ("cuMemcpyHtoDAsync_v2:2=700", "the second load"),
        ("cuMemcpyDtoHAsync_v2:1=700", "the first image"),
        ("cuMemAllocAsync:3=2", "the first activations"),
        ("cuMemsetD8Async:1=700", "their zeros"),
        ("cuEventRecord:1+=700", "every event, which only the timing of copies is for"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.trace");
        let output = run_cudarc(&trace, &[("FAULTS", fault)]);
        let report = memtrace_analysis::analyze(&trace).unwrap().report;
        let heap = &report.heaps[0];
        assert_eq!((heap.allocs, heap.end.allocated_bytes.0), (heap.frees, 0), "{what}");
        assert_eq!((report.trace.dropped.total, report.transfers.unfinished), (0, 0), "{what}");
        let (ooms, loaded) = match fault.split_once(':').unwrap() {
            ("cuMemcpyHtoDAsync_v2", _) => (0, 4 << 20),
            ("cuMemAllocAsync", _) => (1, 8 << 20),
            ("cuEventRecord", _) => (1, 12 << 20),
            _ => (0, 8 << 20),
        };
        assert_eq!((report.ooms_total, report.transfers.by_direction.h2d.bytes.0), (ooms, loaded), "{what}");
        assert_eq!(output.status.success(), fault.starts_with("cuEvent"), "{what}: {output:?}");
    }
}

fn cudarc(settings: &[(&str, &str)]) -> (Report, Value) {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let output = run_cudarc(&trace, settings);
    assert!(output.status.success(), "{output:?}");
    let books = serde_json::from_slice(&output.stdout).unwrap();
    (memtrace_analysis::analyze(&trace).unwrap().report, books)
}

fn run_cudarc(trace: &Path, settings: &[(&str, &str)]) -> Output {
    let environment: Vec<(String, OsString)> = programs::cuda("64MiB", settings);
    programs::cudarc().env("MEMTRACE_FILE", trace).envs(environment).output().unwrap()
}
