//! Traces in the forms that other tools read, read with readers of their own here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod live;
#[cfg(feature = "parquet")]
mod parquet;
mod perfetto;
mod swapping;
mod tables;

use memtrace_export::{Export, Format};
use memtrace_format::{Bytes, Event};

use memtrace_testing::recording::{DEVICE, Recording, alloc, file, free};
use swapping::{exported, swapping};

/// A snapshot of an engine's run, imported: what was requested is the same, block by block, and so is what was reserved.
#[test]
fn a_snapshot_of_a_run_has_its_figures() {
    let run = swapping();
    let snapshot = file(&exported(&run, &Export::new(Format::Torch)));
    let again = memtrace_import::open_recording(snapshot.path(), &mut |_, _| ()).unwrap();
    let report = again.analyze(|_| ()).unwrap().report;
    let [heap] = &report.heaps[..] else { panic!("the host's heap is none of a snapshot's") };
    let truth = swapping::report(&run);
    let device = truth.heaps.iter().find(|heap| heap.name.recorded() == "cuda:0").unwrap();
    assert_eq!(heap.peak.figures.requested_bytes, Some(Bytes(6048)));
    assert_eq!(heap.peak.figures.requested_bytes, device.peak.figures.requested_bytes);
    assert_eq!(heap.end.reserved_bytes, device.end.reserved_bytes);
    assert_eq!((heap.allocs, heap.frees), (device.allocs, device.frees));
    assert_eq!(report.ooms_total, 1);
    let owner = again.events().find_map(|recorded| match recorded.unwrap().event {
        Event::BlockAlloc(block) if block.requested == Bytes(2048) => {
            Some(again.definitions().frames(block.stack))
        }
        _ => None,
    });
    assert_eq!(owner.unwrap().iter().map(|frame| frame.recorded()).collect::<Vec<_>>(), ["unet (module)"]);
    assert_eq!(report.phases.iter().filter(|phase| phase.name.recorded() == "job").count(), 1);
}

/// A heap without segments asks the driver for each block.
#[test]
fn a_snapshot_of_a_heap_without_segments_reserves_what_it_allocates() {
    let mut run = Recording::new();
    run.thread(1, "main");
    run.at(1, 10, alloc(DEVICE, 0x1000, 512, 500));
    run.at(1, 20, alloc(DEVICE, 0x2000, 1024, 1000));
    run.at(1, 30, free(DEVICE, 0x1000));
    let snapshot = file(&exported(&run, &Export::new(Format::Torch)));
    let again = memtrace_import::open_recording(snapshot.path(), &mut |_, _| ()).unwrap();
    let heap = &again.analyze(|_| ()).unwrap().report.heaps[0];
    assert_eq!(heap.peak.figures.requested_bytes, Some(Bytes(1500)));
    assert_eq!(heap.reserved_peak.as_ref().map(|peak| peak.bytes), Some(Bytes(1536)));
    assert_eq!((heap.end.requested_bytes, heap.end.reserved_bytes), (Some(Bytes(1000)), Some(Bytes(1024))));
    assert_eq!((heap.allocs, heap.frees), (2, 1));
}
