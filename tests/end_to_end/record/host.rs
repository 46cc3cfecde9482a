use std::ffi::OsStr;

use super::{Lab, assert_agrees, books, heap};

/// Every function that hands out host memory, on one thread and on many: live bytes and peak are those of the program's books.
#[test]
fn host_memory_is_told_as_the_programs_books_tell_it() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    for threads in ["1", "8"] {
        let trace = format!("{threads}.trace");
        let command = [program.as_os_str(), OsStr::new(threads)];
        let books = books(&lab.record(&["-o", &trace], &command).output().unwrap());
        let report = lab.report(&trace);
        for name in ["host", "mapped"] {
            assert_agrees(&report, name, &books[name]);
        }
        assert!(books["host"]["frees"].as_u64().unwrap() > 1000, "the program does something");
    }
}

/// A smaller threshold: more is seen, down to what an interpreter's small objects are.
#[test]
fn the_threshold_is_the_users() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let command = [program.as_os_str(), OsStr::new("1")];
    let mut allocs = Vec::new();
    for threshold in ["64KiB", "4KiB", "16"] {
        let trace = format!("{threshold}.trace");
        let options = ["-o", &trace, "--host-threshold", threshold];
        books(&lab.record(&options, &command).output().unwrap());
        allocs.push(heap(&lab.report(&trace), "host").allocs);
    }
    assert!(allocs.is_sorted() && allocs[0] < allocs[2], "{allocs:?}");
}
