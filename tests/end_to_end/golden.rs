use std::path::Path;

use memtrace_analysis::report::{Ended, Known, Share};

const MIB: u64 = 1 << 20;

/// The golden trace of format version 1, whose recipe is `format/examples/golden_v1.rs`: figures worked out by hand from
/// the recipe.
#[test]
fn version_1_is_told_as_its_recipe_says() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/tests/golden/v1.trace");
    let report = memtrace_analysis::analyze(trace).unwrap().report;

    let told = &report.trace;
    assert_eq!(told.engine.as_ref().unwrap().recorded(), "golden");
    assert_eq!((told.pid.unwrap(), told.ended, told.events, told.threads), (4242, Ended::Clean, 43, Some(2)));
    // The clock has two ticks a nanosecond and the closing block is a millisecond behind the start.
    assert_eq!((told.start_unix_ns.unwrap(), told.duration_ns.0), (1_790_000_000_000_000_000, 1_000_000));
    assert_eq!((told.dropped.total, told.damaged_chunks), (3, 0));

    let [heap] = &report.heaps[..] else { panic!("there is one heap") };
    // Something was lost, and a block came back that was never handed out.
    assert_eq!((heap.known, heap.baseline_bytes.0), (Known::Baseline, 4096));
    let peak = &heap.peak;
    // The U-Net, an activation of its middle block, and two small blocks of the worker.
    assert_eq!((peak.time_ns.0, peak.event_index, peak.blocks_total), (140_000, 5, 4));
    assert_eq!(peak.figures.allocated_bytes.0, 12 * MIB + 1536);
    assert_eq!(peak.figures.requested_bytes.unwrap().0, 12 * MIB - 100 + 1512);
    assert_eq!(peak.figures.reserved_bytes.unwrap().0, 22 * MIB);
    assert_eq!(
        shares(&peak.by_module),
        [("unet", 10 * MIB), ("unet.middle_block", 2 * MIB), ("(none)", 1536)]
    );
    assert_eq!(shares(&peak.by_scope), [("job", 10 * MIB), ("job / denoise", 2 * MIB), ("(none)", 1536)]);
    assert_eq!(shares(&peak.by_thread), [("main", 12 * MIB), ("worker", 1536)]);
    let stack: Vec<&str> = peak.blocks[1].stack.iter().map(|frame| frame.recorded()).collect();
    assert!(stack.len() == 2 && stack[0].contains("forward"), "{stack:?}");
    // Holes at the peak: 8 MiB behind the activation, and the rest of the worker's segment.
    let holes = &heap.fragmentation.as_ref().unwrap().at_peak;
    assert_eq!((holes.free_blocks, holes.largest_free_bytes.0), (2, 8 * MIB));
    assert_eq!(holes.inactive_bytes.0, 10 * MIB - 1536);
    assert_eq!(heap.end.allocated_bytes.0, 6 * MIB);

    // Out in 40 µs, in in 19 µs; the VAE's forward waited for both.
    let swaps = &report.swaps;
    assert_eq!((swaps.count, swaps.bytes.0, swaps.ns.0, swaps.stall_ns.0), (1, 16 * MIB, 59_000, 59_000));
    let directions = &report.transfers.by_direction;
    assert_eq!((directions.h2d.count, directions.h2d.bytes.0), (2, 16 * MIB));
    assert_eq!((directions.d2h.bytes.0, directions.disk.bytes.0), (10 * MIB, 10 * MIB));
    assert_eq!((report.transfers.pageable_bytes.0, report.transfers.pinned_bytes.0), (30 * MIB, 6 * MIB));

    let [failed] = &report.ooms[..] else { panic!("one request failed") };
    assert_eq!((failed.time_ns.0, failed.requested_bytes.0), (270_000, 80 * MIB));
    assert_eq!(failed.device_free_bytes.unwrap().0, 42 * MIB);
    assert_eq!(
        (report.phases.len(), report.phases[0].from_ns.0, report.phases[0].to_ns.0),
        (1, 70_000, 300_000)
    );
}

/// The golden trace with *block owned* records, whose recipe is `format/examples/golden_v1_owned.rs`: a block that is nobody's is
/// its module's from the first such record on, whatever comes later, and at the peak too if it was live then.
#[test]
fn blocks_that_get_an_owner_are_told_as_their_recipe_says() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/tests/golden/v1_owned.trace");
    let report = memtrace_analysis::analyze(trace).unwrap().report;
    assert_eq!((report.trace.events, report.trace.ended, report.trace.damaged_chunks), (15, Ended::Clean, 0));
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    let [heap] = &report.heaps[..] else { panic!("there is one heap") };
    let peak = &heap.peak;
    assert_eq!((peak.time_ns.0, peak.figures.allocated_bytes.0), (13_000, 89 << 10));
    assert_eq!(
        shares(&peak.by_module),
        [("unet", 64 << 10), ("vae", 16 << 10), ("(none)", 8 << 10), ("unet.middle_block", 1 << 10)]
    );
    assert_eq!((heap.allocs, heap.frees, heap.end.allocated_bytes.0), (5, 2, 84 << 10));
}

fn shares(shares: &[Share]) -> Vec<(&str, u64)> {
    shares.iter().map(|share| (share.name.recorded(), share.bytes.0)).collect()
}
