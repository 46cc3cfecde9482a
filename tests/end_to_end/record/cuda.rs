use std::{ffi::OsStr, fs};

use super::{Lab, assert_agrees, books, heap};
use crate::programs;

/// By each way to the driver's functions, the same figures, and they are those of the program's books.
#[test]
fn the_driver_is_recorded_by_whichever_way_it_is_called() {
    let lab = Lab::new();
    let folder = programs::cuda_folder();
    let folder = folder.to_str().unwrap();
    let program = lab.compile("device", &["-DLINKED", "-L", folder, "-Wl,--no-as-needed", "-lcuda", "-ldl"]);
    for way in ["linked", "dlsym", "address", "thread"] {
        let trace = format!("{way}.trace");
        let mut record = lab.record(&["-o", &trace], &[program.as_os_str(), OsStr::new(way)]);
        let books = books(&record.envs(programs::cuda("64MiB", &[("DEVICES", "2")])).output().unwrap());
        let report = lab.report(&trace);
        assert_agrees(&report, "cuda:0", &books["device"]);
        assert_agrees(&report, "cuda:1", &books["pool"]);
        let marks = |name: &str| report.marks.iter().find(|mark| mark.name.recorded() == name);
        assert_eq!(marks("cuMemPoolTrimTo").unwrap().count, books["trims"], "{way}");
        assert_eq!(marks("cuMemPoolSetAttribute release threshold").unwrap().count, 1, "{way}");
        assert_agrees(&report, "pinned", &books["pinned"]);
        let directions = &report.transfers.by_direction;
        let moved = [&directions.h2d, &directions.d2h, &directions.d2d].map(|direction| direction.bytes.0);
        let kept = ["h2d", "d2h", "d2d"].map(|direction| books[direction].as_u64().unwrap());
        assert_eq!(moved, kept, "{way}");
        assert_eq!(report.ooms_total, books["ooms"], "{way}");
        let device = heap(&report, "cuda:0").device;
        assert_eq!(device, Some(0), "{way}");
    }
}

/// A program in Rust on cudarc, which opens the driver by itself: its own books.
#[test]
fn a_program_on_cudarc_is_recorded_unchanged() {
    let lab = Lab::new();
    for pools in ["0", "1"] {
        let trace = format!("{pools}.trace");
        let program = programs::unmodified();
        let mut record = lab.record(&["-o", &trace], &[program.as_os_str()]);
        let output = record.envs(programs::cuda("64MiB", &[("MEMORY_POOLS", pools)])).output().unwrap();
        let books = books(&output);
        let report = lab.report(&trace);
        assert_agrees(&report, "cuda:0", &books["device"]);
        assert_eq!(report.transfers.by_direction.h2d.bytes.0, books["h2d"], "{pools}");
    }
}

/// What a library asks for is told apart from what the program asks for, by the library's name.
#[test]
fn what_a_library_takes_is_named_after_it() {
    let lab = Lab::new();
    let library = lab.compile("taker", &["-DLIBRARY", "-shared", "-fPIC"]);
    fs::rename(library, lab.path("libtaker.so")).unwrap();
    let folder = lab.path("");
    let program =
        lab.compile("taker", &["-L", folder.to_str().unwrap(), "-Wl,-rpath,$ORIGIN", "-ltaker", "-ldl"]);
    let mut record = lab.record(&["-o", "run.trace"], &[program.as_os_str()]);
    let output = record.envs(programs::cuda("64MiB", &[])).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = lab.report("run.trace");
    assert_eq!(heap(&report, "cuda:0").peak.figures.allocated_bytes.0, 1 << 20);
    assert_eq!(heap(&report, "cuda:0 libtaker.so").peak.figures.allocated_bytes.0, 3 << 20);
}
