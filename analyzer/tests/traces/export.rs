//! Traces in the forms that other tools read, read with readers of their own here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod live;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
pub(crate) mod perfetto;
mod tables;

use memtrace_analyzer::{
    Trace,
    export::{Export, Format},
    import,
};
use memtrace_format::{
    BlockAlloc, Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceId, Event, OutOfMemory,
    StackId, Unit,
};

use crate::recording::{DEVICE, HOST, Recording, alloc, block, evict, file, free, load, segment};

/// Two modules that take turns on the device, with everything that an export shows.
fn swapping() -> Recording {
    let mut run = Recording::new();
    run.thread(1, "main");
    run.thread(2, "evil\u{1b}]0;\u{202e}</script>\"");
    let (unet, vae) = (run.module(1, "unet", 0, 3000), run.module(2, "=vae;x", 0, 2000));
    let (job, step) = (run.name(1, "job"), run.name(2, "step\n</script>"));
    let switched = run.name(3, "switched");
    run.definitions.push(Definition::Counter(
        CounterId(1),
        CounterDefinition { name: "driver free".to_owned(), unit: Unit::Bytes as u8, device: DeviceId(1).0 },
    ));
    run.at(1, 5, Event::SegmentAlloc(segment(0x10_0000, 0x8000)));
    run.at(1, 10, Event::ScopeBegin { name: job, phase: true });
    run.transfer(1, (20, 30), load(unet, 3000));
    run.at(1, 31, alloc(DEVICE, 0x10_0000, 0x1000, 4000));
    run.scope(1, (40, 60), step, false);
    run.threads.get_mut(&1).unwrap().pop();
    run.at(1, 45, Event::ForwardBegin(unet));
    run.at(
        1,
        46,
        Event::BlockAlloc(BlockAlloc { module: unet, ..of(alloc(DEVICE, 0x10_1000, 0x800, 2048)) }),
    );
    run.at(1, 50, free(DEVICE, 0x10_1000));
    run.at(1, 55, Event::ForwardEnd(unet));
    // The step has no end: that of the job ends it.
    run.at(1, 62, Event::Mark { name: switched, value: 7 });
    run.at(1, 65, Event::BlockFreeRequested(block(DEVICE, 0x10_0000)));
    run.at(1, 66, Event::BlockFreeCompleted(block(DEVICE, 0x10_0000)));
    run.transfer(1, (70, 80), evict(unet, 3000, vae));
    run.transfer(1, (81, 90), load(vae, 2000));
    let failed =
        OutOfMemory { pool: DEVICE, requested: Bytes(1 << 20), free: Some(Bytes(77)), stack: StackId::NONE };
    run.at(1, 95, Event::OutOfMemory(failed));
    run.at(1, 99, Event::ScopeEnd { name: job });
    run.at(2, 33, alloc(HOST, 0x100, 64, 64));
    run.at(2, 34, Event::CounterSample { counter: CounterId(1), value: CounterValue::Integer(5000) });
    run.at(2, 35, Event::CounterSample { counter: CounterId(1), value: CounterValue::Float(0.5) });
    run
}

fn of(event: Event) -> BlockAlloc {
    match event {
        Event::BlockAlloc(block) => block,
        _ => unreachable!("it is an alloc"),
    }
}

fn exported(run: &Recording, export: &Export) -> Vec<u8> {
    let file = file(&run.bytes());
    let mut out = Vec::new();
    Trace::open(file.path()).unwrap().export(export, &mut out, |_| ()).unwrap();
    out
}

/// A snapshot of an engine's run, imported: what was requested is the same, block by block, and so is what was reserved.
#[test]
fn a_snapshot_of_a_run_has_its_figures() {
    let run = swapping();
    let snapshot = file(&exported(&run, &Export::new(Format::Torch)));
    let again = import::open(snapshot.path(), &mut |_, _| ()).unwrap();
    let report = again.analyze(|_| ()).unwrap().report;
    let [heap] = &report.heaps[..] else { panic!("the host's heap is none of a snapshot's") };
    let truth = run.report();
    let device = truth.heaps.iter().find(|heap| heap.name.recorded() == "cuda:0").unwrap();
    assert_eq!(heap.peak.figures.requested_bytes, Bytes(6048));
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
    let again = import::open(snapshot.path(), &mut |_, _| ()).unwrap();
    let heap = &again.analyze(|_| ()).unwrap().report.heaps[0];
    assert_eq!(heap.peak.figures.requested_bytes, Bytes(1500));
    assert_eq!(heap.reserved_peak.as_ref().map(|peak| peak.bytes), Some(Bytes(1536)));
    assert_eq!((heap.end.requested_bytes, heap.end.reserved_bytes), (Bytes(1000), Some(Bytes(1024))));
    assert_eq!((heap.allocs, heap.frees), (2, 1));
}
