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
        assert_eq!(heap.end.requested_bytes.unwrap().0, told("requested_bytes.all.current"), "{setting}");
        assert!(heap.end.requested_bytes.unwrap() < heap.end.allocated_bytes, "a figure of its own");
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
    // PyTorch asks a second time before it gives up.
    assert_eq!(report.ooms_total, 2 * number(&books["refused"]));
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

/// A move and the driver's copies inside of it are one transfer, in all tables; and weights that were made before their module was known are
/// its, in host memory and on the device.
#[test]
fn a_byte_that_moves_is_counted_once_and_a_weight_has_a_module() {
    let Some((report, _, books)) = record("lowvram.py", "", &[("CAPACITY", "1GiB")]) else { return };
    let moved: u64 = books["moved"].as_object().unwrap().values().map(number).sum();
    let transfers = &report.transfers;
    assert_eq!(transfers.by_direction.h2d.bytes.0, moved);
    assert_eq!(transfers.by_direction.d2h.count, number(&books["swaps"]));
    assert!(
        transfers.parts.count > transfers.count && !transfers.by_reason.contains_key("unknown"),
        "{transfers:?}"
    );
    for name in ["torch cpu", "cuda:0"] {
        let peak = &heap_named(&report, name).peak;
        let nobodys = peak
            .by_module
            .iter()
            .find(|share| share.name.recorded() == "(none)")
            .map_or(0, |share| share.bytes.0);
        assert!(nobodys * 100 < peak.figures.allocated_bytes.0, "{name}: {nobodys} bytes are of no module");
    }
    assert_eq!(report.trace.engine.as_ref().unwrap().recorded(), "lowvram.py");
    assert!(report.trace.engine_version.as_ref().unwrap().recorded().starts_with("PyTorch 2."));
}

/// The settings in force are asked of PyTorch, so that the course of its allocator is followed as in a snapshot: a model of it reserves as much at
/// every event, and refuses what PyTorch refused.
#[test]
fn a_request_that_failed_is_rehearsed_live() {
    for setting in ["", "expandable_segments:True"] {
        let Some((report, _, books)) = record("out_of_memory.py", setting, &[("CAPACITY", "256MiB")]) else {
            return;
        };
        assert_eq!(report.ooms_total, number(&books["refused"]), "{setting}");
        let failed = &report.ooms[0];
        assert!(failed.device_free_bytes.is_some(), "the driver is asked when a request fails");
        let model = failed.model.as_ref().unwrap_or_else(|| panic!("{setting}: {:?}", failed.model_why));
        assert!(
            model.refused && model.allocs > 40 && model.sizes_agree == model.allocs,
            "{setting}: {model:?}"
        );
        assert_eq!(model.reserved_agrees, model.events, "{setting}: {model:?}");
        assert_eq!(model.rules.recorded().contains("expandable"), !setting.is_empty(), "{}", model.rules);
    }
}

fn heap(report: &Report) -> &Heap {
    heap_named(report, "cuda:0")
}

fn heap_named<'a>(report: &'a Report, name: &str) -> &'a Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == name).unwrap()
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
