use super::{Lab, books, heap};
use crate::optional::{self, Need};

const WAYS: [&[&str]; 2] = [&[], &["--stacks", "native"]];

/// An allocator that maps memory under its lock is never asked for memory by the hook that sees it do so; what it maps is
/// recorded, of each thread's first event on.
#[test]
fn a_hook_asks_the_program_for_no_memory() {
    let lab = Lab::new();
    let program = lab.compile("own_malloc", &[]);
    for (place, options) in WAYS.into_iter().enumerate() {
        let trace = format!("{place}.trace");
        let books = books(
            &lab.record(&[&["-o", &trace], options].concat(), &[program.as_os_str()]).output().unwrap(),
        );
        let count = |figure: &str| books[figure].as_u64().unwrap();
        assert_eq!(count("reentered"), 0, "{books}");
        assert!(count("mapped") >= count("asked"));
        // What it maps before `main`, it maps before anything is recorded.
        let report = lab.report(&trace);
        let mapped = heap(&report, "mapped");
        assert!((count("asked")..=count("mapped")).contains(&mapped.allocs), "{}: {books}", mapped.allocs);
        assert_eq!(mapped.peak.by_stack.iter().any(|share| share.stack.len() > 5), !options.is_empty());
    }
}

/// A hook finds what it keeps of a thread without a call of the dynamic linker's (the initial-exec model), events and stacks
/// alike.
#[test]
fn a_hook_does_not_ask_where_its_thread_is() {
    if cfg!(not(target_arch = "x86_64")) {
        return optional::skip(Need::X86, "elsewhere the linker's call is as cheap");
    }
    let lab = Lab::new();
    let program = lab.compile("tls", &["-rdynamic", "-ldl"]);
    for (place, options) in WAYS.into_iter().enumerate() {
        let trace = format!("{place}.trace");
        let books = books(
            &lab.record(&[&["-o", &trace], options].concat(), &[program.as_os_str()]).output().unwrap(),
        );
        assert!(
            books["first"].as_u64().unwrap() > 0,
            "the program stands before the linker's function: {books}"
        );
        assert_eq!(books["then"], 0, "{books}");
        assert!(heap(&lab.report(&trace), "host").allocs >= 9000);
    }
}
