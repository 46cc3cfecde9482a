use std::ffi::OsStr;

use serde_json::Value;

use super::{Lab, books, heap};

/// Threads that map and unmap at the same time wait for each other's entry in the library's books, and none is left out.
#[test]
fn mappings_of_many_threads_at_once_are_all_recorded() {
    let lab = Lab::new();
    for threads in ["8", "32"] {
        assert_told(&lab, &["threads", threads]);
    }
}

/// More mappings at once than the kernel lets a process have, but for those that are one for it.
#[test]
fn there_may_be_any_number_of_mappings() {
    assert_told(&Lab::new(), &["many", "100000"]);
}

/// A handler that leaves by a jump leaves nothing taken: mappings of other threads are recorded after it, as fast as before.
#[test]
fn a_jump_out_of_a_handler_leaves_no_lock_taken() {
    let lab = Lab::new();
    let books = record(&lab, "jumps.trace", &["jumps", "3000"]);
    let figure = |name: &str| books[name].as_u64().unwrap();
    assert!(figure("after") < 20 * figure("before"), "nanoseconds of a mmap and a munmap: {books}");
    let report = memtrace_analysis::analyze(lab.path("jumps.trace")).unwrap().report;
    assert!(heap(&report, "mapped").end.allocated_bytes.0 >= figure("kept"), "{books}");
}

/// A jump out of a handler leaves no flag up either: what the thread asks for afterwards has a stack.
#[test]
fn a_jump_out_of_a_handler_ends_no_stacks() {
    let lab = Lab::new();
    let options = ["-o", "run.trace", "--host-threshold", "4096", "--stacks", "native"];
    let books = record_with(&lab, &options, &["jumps", "1000"]);
    let report = memtrace_analysis::analyze(lab.path("run.trace")).unwrap().report;
    let blocks = &heap(&report, "mapped").peak.blocks;
    let larger: Vec<_> =
        blocks.iter().filter(|block| block.bytes.0 == books["larger"].as_u64().unwrap()).collect();
    assert!(larger.len() > 5 && larger.iter().all(|block| !block.stack.is_empty()), "{larger:?}");
}

fn assert_told(lab: &Lab, arguments: &[&str]) {
    let trace = format!("{}.trace", arguments.join("."));
    let books = record(lab, &trace, arguments);
    let report = lab.report(&trace);
    let mapped = heap(&report, "mapped");
    let told = [mapped.allocs, mapped.frees, mapped.end.allocated_bytes.0];
    assert_eq!(
        told,
        ["allocs", "frees", "live"].map(|figure| books[figure].as_u64().unwrap()),
        "{arguments:?}"
    );
}

fn record(lab: &Lab, trace: &str, arguments: &[&str]) -> Value {
    record_with(lab, &["-o", trace, "--host-threshold", "4096"], arguments)
}

fn record_with(lab: &Lab, options: &[&str], arguments: &[&str]) -> Value {
    let program = lab.compile("mappings", &[]);
    let command: Vec<&OsStr> =
        [program.as_os_str()].into_iter().chain(arguments.iter().map(OsStr::new)).collect();
    books(&lab.record(options, &command).output().unwrap())
}
