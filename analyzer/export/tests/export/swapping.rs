//! A run to export, and what becomes of one.

use memtrace_analysis::{Trace, report::Report};
use memtrace_export::Export;
use memtrace_format::{
    BlockAlloc, Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceId, Event, OutOfMemory,
    StackId, Unit,
};

use memtrace_testing::recording::{DEVICE, HOST, Recording, alloc, block, evict, file, free, load, segment};

/// Two modules that take turns on the device, with everything that an export shows.
pub(crate) fn swapping() -> Recording {
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

pub(crate) fn exported(run: &Recording, export: &Export) -> Vec<u8> {
    let file = file(&run.bytes());
    let mut out = Vec::new();
    memtrace_export::export(&Trace::open(file.path()).unwrap(), export, &mut out, |_| ()).unwrap();
    out
}

pub(crate) fn report(run: &Recording) -> Report {
    memtrace_analysis::analyze(file(&run.bytes()).path()).unwrap().report
}
