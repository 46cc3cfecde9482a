use std::{
    path::{Path, PathBuf},
    process::Command,
};

use memtrace_analyzer::report::{Heap, Report};
use memtrace_format::Event;
use serde_json::Value;

use crate::{programs, truth::number};

/// PyTorch's caching allocator on the software device, by whichever setting: what it says of itself is what the trace says.
#[test]
fn an_allocator_is_told_as_its_own_books_tell_it() {
    for setting in ["", "expandable_segments:True", "max_split_size_mb:24"] {
        let Some((report, trace, books)) = record("allocator.py", setting, &[("CAPACITY", "1GiB")]) else {
            return;
        };
        let heap = heap(&report);
        let stats = &books["devices"]["cuda:0"];
        let told = |name: &str| number(&stats[name]);
        assert_eq!(heap.peak.figures.allocated_bytes.0, told("allocated_bytes.all.peak"), "{setting}");
        assert_eq!(heap.end.allocated_bytes.0, told("allocated_bytes.all.current"), "{setting}");
        assert_eq!(heap.reserved_peak.unwrap().bytes.0, told("reserved_bytes.all.peak"), "{setting}");
        assert_eq!(heap.end.reserved_bytes.unwrap().0, told("reserved_bytes.all.current"), "{setting}");
        assert_eq!(
            (heap.allocs, heap.frees),
            (told("allocation.all.allocated"), told("allocation.all.freed"))
        );
        assert_eq!(heap.allocator.unwrap().differing, 0, "{setting}");
        assert_eq!(report.trace.oddities.len(), 0, "{:?}", report.trace.oddities);
        let is_expandable = setting.starts_with("expandable");
        let mapped =
            trace.events().filter(|it| matches!(it.as_ref().unwrap().event, Event::SegmentMap(_))).count();
        assert_eq!(mapped > 0, is_expandable, "{setting}: {mapped}");
    }
}

/// What the driver's own pools hand out to PyTorch are blocks, and a request that they refuse has failed.
#[test]
fn what_the_drivers_pools_hand_out_are_blocks() {
    let setting = "backend:cudaMallocAsync";
    let Some((report, _, books)) = record("out_of_memory.py", setting, &[("CAPACITY", "256MiB")]) else {
        return;
    };
    let heap = heap(&report);
    assert_eq!(
        heap.peak.figures.allocated_bytes.0,
        number(&books["devices"]["cuda:0"]["allocated_bytes.all.peak"])
    );
    assert!(heap.allocs > 10 && heap.reserved_peak.is_none(), "{} blocks", heap.allocs);
    assert_eq!(report.ooms_total, number(&books["refused"]));
}

fn heap(report: &Report) -> &Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == "cuda:0").unwrap()
}

/// Records a program of `tests/torch/programs`; what it says at its end. `None`, and a message: there is no PyTorch on the
/// software device here, as `tests/torch/setup` installs it.
fn record(
    program: &str,
    setting: &str,
    device: &[(&str, &str)],
) -> Option<(Report, memtrace_analyzer::Trace, Value)> {
    let Some(python) = python() else {
        eprintln!("skipped: there is no PyTorch on the software device (tests/torch/setup)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let mut command = programs::memtrace();
    command.args(["record", "--torch", "--library"]).arg(programs::c_library()).arg("-o").arg(&trace);
    command.arg("--").arg(python).args(["-W", "ignore"]).arg(programs_folder().join(program));
    command.env("PYTORCH_CUDA_ALLOC_CONF", setting).env("MEMTRACE_TORCH_TOTALS", "1");
    command.env("SOFTWARE_DRIVER_DEVICES", "1");
    command.envs(device.iter().map(|(name, value)| (format!("SOFTWARE_DRIVER_{name}"), value)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let books = output.stdout.split(|&byte| byte == b'\n').rev().find(|line| !line.is_empty()).unwrap();
    let report = memtrace_analyzer::analyze(&trace).unwrap().report;
    Some((report, memtrace_analyzer::Trace::open(&trace).unwrap(), serde_json::from_slice(books).unwrap()))
}

fn programs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("torch/programs")
}

/// The interpreter of an installation that is complete; MEMTRACE_TEST_SOFTWARE_PYTHON names another.
fn python() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("MEMTRACE_TEST_SOFTWARE_PYTHON") {
        return Some(named.into());
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let mut installed: Vec<_> = target.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    installed.retain(|path| path.join("complete").exists() && path.join("bin/python3").exists());
    installed.sort();
    let python = installed.pop()?.join("bin/python3");
    let check = "import torch; raise SystemExit(not torch.cuda.is_available())";
    let works = Command::new(&python)
        .args(["-W", "ignore", "-c", check])
        .env("SOFTWARE_DRIVER_DEVICES", "1")
        .status();
    works.is_ok_and(|status| status.success()).then_some(python)
}
