//! RMM logs.

use std::path::Path;

use memtrace_analysis::report::{Known, Report};

fn report(path: &Path) -> Report {
    memtrace_import::open_recording(path, &mut |_, _| ()).unwrap().analyze(|_| ()).unwrap().report
}

fn report_of(text: &str) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    report(file.path())
}

/// Addresses go from thread to thread within a microsecond; what is freed first was there before; one request fails; midnight
/// passes.
#[test]
fn threads_share_addresses_and_the_order_of_the_file_counts() {
    let report = report_of(
        "Thread,Time,Action,Pointer,Size,Stream\n\
         9,23:59:59.000001,free,0x100,64,0\n\
         9,23:59:59.000002,allocate,0x100,32,0\n\
         9,23:59:59.000002,free,0x100,32,0\n\
         3,23:59:59.000002,allocate,0x100,16,0x7f00\n\
         18446744073709551615,00:00:01,allocate failure,(nil),4096,0\n\
         3,00:00:02,deallocate,0x100,16,0x7f00\n\
         3,00:00:02,allocate,0x200,8,ff\n",
    );
    let [heap] = &report.heaps[..] else { panic!("there is one heap") };
    assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    assert_eq!((heap.allocs, heap.frees, heap.baseline_bytes.0, heap.known), (3, 3, 64, Known::Baseline));
    // The block from before is all there ever was at once.
    assert_eq!((heap.peak.figures.allocated_bytes.0, heap.peak.event_index), (64, 0));
    assert_eq!(heap.end.allocated_bytes.0, 8);
    assert_eq!((report.ooms.len(), report.ooms[0].requested_bytes.0), (1, 4096));
    assert_eq!(report.ooms[0].thread.recorded(), "thread 18446744073709551615");
    assert_eq!(report.trace.duration_ns.0, 3_000_000_000 - 1_000 + 1);
}

#[test]
fn more_threads_than_lanes_lose_only_their_names() {
    let mut text = "Thread,Time,Action,Pointer,Size,Stream\n".to_owned();
    for thread in 0..1500 {
        text.push_str(&format!("{thread},1700000000.5,allocate,{thread:#x},2,0\n"));
    }
    let report = report_of(&text);
    assert_eq!((report.heaps[0].end.allocated_bytes.0, report.trace.threads), (3000, Some(1024)));
    assert_eq!(report.trace.start_unix_ns, Some(1_700_000_000_500_000_000));
    let others = report.heaps[0].peak.by_thread.iter().find(|share| share.name.recorded() == "other threads");
    assert_eq!(others.unwrap().bytes.0, 2 * (1500 - 1023));
}
