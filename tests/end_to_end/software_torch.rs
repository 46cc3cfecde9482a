use std::path::{Path, PathBuf};

use memtrace_analysis::report::{Heap, Report};
use memtrace_format::Event;
use serde_json::Value;

use crate::{optional, programs, truth::number};

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

/// Parts that are moved leaf by leaf, called by a method of the model's own, taken out and put back, or are deeper than names go: one
/// tree a model, under the name that the program has for it, and no byte that moved is lost.
#[test]
fn parts_that_come_first_are_of_one_tree() {
    let Some((report, _, books)) = record("parts.py", "", &[("CAPACITY", "1GiB")]) else { return };
    let names: Vec<_> = report.modules.iter().map(|module| module.name.recorded()).collect();
    let roots: Vec<_> = names.iter().filter(|name| !name.contains('.')).collect();
    assert_eq!(roots, [&"unet", &"vae", &"swapped", &"deep"], "{names:?}");
    for name in ["unet.input_blocks.0", "vae.decoder.2", "swapped.input_blocks.2.0"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for (root, bytes) in books["moved"].as_object().unwrap() {
        let parts = report.modules.iter().filter(|it| it.name.recorded().split('.').next() == Some(root));
        let moved: u64 = parts.filter_map(|it| it.by_direction.get("h2d")).map(|moved| moved.bytes.0).sum();
        assert_eq!(moved, number(bytes), "bytes of {root}");
    }
}

fn heap(report: &Report) -> &Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == "cuda:0").unwrap()
}

/// Records a program of `tests/torch/programs`; what it says at its end. `None`, and a message: there is no PyTorch on the
/// software device here.
fn record(
    program: &str,
    setting: &str,
    device: &[(&str, &str)],
) -> Option<(Report, memtrace_analysis::Trace, Value)> {
    let python = optional::software_torch()?;
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
    let report = memtrace_analysis::analyze(&trace).unwrap().report;
    Some((report, memtrace_analysis::Trace::open(&trace).unwrap(), serde_json::from_slice(books).unwrap()))
}

fn programs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("torch/programs")
}
