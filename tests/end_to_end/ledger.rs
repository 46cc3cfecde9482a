//! The ledger of device memory, on a device of which it is known to the byte: the context, other processes, the engine's books.

use std::ffi::OsString;

use memtrace_analysis::report::{LedgerEntry, LedgerMoment};
use memtrace_format::Bytes;

use crate::{
    programs,
    truth::{Run, number},
};

const MIB: u64 = 1 << 20;
const CONTEXT: u64 = 5 * MIB;
const OTHERS: u64 = 7 * MIB;

/// The example engine on the software driver and NVML, sampled often.
fn run(driver: &[(&str, &str)], nvml: &[(&str, &str)]) -> Run {
    let planted = [("CONTEXT_BYTES", "5MiB"), ("FOREIGN_BYTES", "7MiB")];
    let mut environment: Vec<(String, OsString)> = programs::cuda("256MiB", &[&planted[..], driver].concat());
    environment.extend(programs::nvml(nvml));
    environment.push(("MEMTRACE_SAMPLE".to_owned(), "driver=200,nvml=50,processes=50,pss=0".into()));
    Run::with(&["--device", "cuda", "--tier", "lowvram", "--steps", "10"], &environment)
}

fn entry(run: &Run, moment: LedgerMoment) -> &LedgerEntry {
    run.report.ledger.iter().find(|entry| entry.at.contains(&moment)).unwrap()
}

#[test]
fn a_device_is_made_of_what_was_planted_in_it() {
    let run = run(&[], &[]);
    let book = run.book_of_heap("cuda:0");
    let end = entry(&run, LedgerMoment::End);
    let left = number(&book["final_reserved_bytes"]);
    assert_eq!(end.allocator_reserved, Some(Bytes(left)));
    assert_eq!(end.allocator_active, Some(Bytes(0)));
    assert_eq!((end.other_processes, end.total), (Some(Bytes(OTHERS)), Some(Bytes(256 * MIB))));
    // The list of processes may have been read just before a segment came or went, and recorded behind: what it is short of is
    // unaccounted then. The driver is read once more when the engine rests.
    assert_eq!(end.non_allocator.unwrap() + end.unaccounted.unwrap(), CONTEXT as i64);
    assert_eq!(end.free, Some(Bytes(256 * MIB - left - CONTEXT - OTHERS)));
    let peak = entry(&run, LedgerMoment::AllocatorPeak);
    assert_eq!(peak.allocator_reserved, Some(Bytes(number(&book["peak_reserved_bytes"]))));
    assert!(entry(&run, LedgerMoment::Begin).time_ns < end.time_ns);
}

/// As in a container, whose process ids are not those that NVML lists: what is known of it together is.
#[test]
fn without_a_list_of_processes_the_rest_is_known_together() {
    let run = run(&[], &[("PID_OFFSET", "1000000")]);
    let end = entry(&run, LedgerMoment::End);
    assert_eq!((end.non_allocator, end.other_processes, end.unaccounted), (None, None, None));
    let why = end.non_allocator_why.as_ref().unwrap().recorded();
    assert!(why.contains("does not have this one's number"), "{why}");
    assert_eq!(end.beside_allocator, Some((CONTEXT + OTHERS) as i64));
}

/// An engine that runs out of memory, and the driver's word for it.
#[test]
fn a_failed_request_has_an_entry() {
    let mut environment = programs::cuda("14MiB", &[("CONTEXT_BYTES", "5MiB"), ("FOREIGN_BYTES", "7MiB")]);
    environment.extend(programs::nvml(&[]));
    environment.push(("MEMTRACE_SAMPLE".to_owned(), "driver=200,processes=50,pss=0".into()));
    let arguments = ["--device", "cuda", "--tier", "lowvram", "--steps", "2", "--keep-going"];
    let run = Run::with(&arguments, &environment);
    assert!(run.report.ooms_total > 0, "the device is too small");
    let failed = entry(&run, LedgerMoment::Oom);
    assert_eq!(failed.time_ns, run.report.ooms[0].time_ns);
    assert_eq!(failed.other_processes, Some(Bytes(OTHERS)));
    assert_eq!(failed.free, run.report.ooms[0].device_free_bytes);
    let reserved = failed.allocator_reserved.unwrap().0;
    assert_eq!(failed.free, Some(Bytes(14 * MIB - OTHERS - CONTEXT - reserved)));
}
