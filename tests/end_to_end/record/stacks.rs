use std::{collections::BTreeMap, ffi::OsStr, process::Command};

use super::{Lab, books, heap};

/// The bytes of a recording that each function asked for, by the name that the analysis gives the calls.
fn bytes_by_function(lab: &Lab, trace: &str, functions: &[&str]) -> BTreeMap<String, u64> {
    let report = lab.report(trace);
    let shares = &heap(&report, "host").peak.by_stack;
    let of = |function: &str| {
        let named = |frame: &memtrace_analysis::Text| frame.recorded().starts_with(&format!("{function} ("));
        shares.iter().filter(|share| share.stack.iter().any(named)).map(|share| share.bytes.0).sum()
    };
    functions.iter().map(|&function| (function.to_owned(), of(function))).collect()
}

/// Each function's bytes are those of the program's books, on one thread and on many, with lines and with symbols alone.
#[test]
fn blocks_are_told_by_who_asked() {
    let functions = ["small_one", "large_one", "deep_one"];
    for (options, lines) in [(&["-g"][..], true), (&["-g0"], false)] {
        let lab = Lab::new();
        let program = lab.compile("callers", options);
        for threads in ["1", "6"] {
            let trace = format!("{threads}.trace");
            let command = [program.as_os_str(), OsStr::new(threads)];
            let books = books(&lab.record(&["-o", &trace, "--stacks", "native"], &command).output().unwrap());
            let told = bytes_by_function(&lab, &trace, &functions);
            for function in functions {
                assert_eq!(told[function], books[function].as_u64().unwrap(), "{function}: {told:?}");
            }
            let report = lab.report(&trace);
            let stacks = &heap(&report, "host").peak.by_stack;
            assert!(stacks.iter().all(|share| share.stack.len() <= 32), "as deep as is kept");
            let of_program = stacks.iter().flat_map(|share| &share.stack);
            assert_eq!(lines, of_program.clone().any(|frame| frame.recorded().contains("callers.c:")));
            assert!(of_program.clone().any(|frame| frame.recorded().starts_with("work (")));
        }
    }
}

/// Three frames are kept where three are wanted; none unless any are.
#[test]
fn a_stack_is_as_deep_as_is_wanted() {
    let lab = Lab::new();
    let program = lab.compile("callers", &["-g"]);
    let depth = |trace: &str, options: &[&str]| {
        let options = [&["-o", trace], options].concat();
        books(&lab.record(&options, &[program.as_os_str()]).output().unwrap());
        let report = lab.report(trace);
        heap(&report, "host").peak.by_stack.iter().map(|share| share.stack.len()).max()
    };
    assert_eq!(depth("three.trace", &["--stacks", "native", "--stack-depth", "3"]), Some(3));
    assert_eq!(depth("none.trace", &[]), Some(0));
}

/// Where the file is another by now, its names are not taken for those of the one that was recorded.
#[test]
fn a_file_that_was_built_anew_names_nothing() {
    let lab = Lab::new();
    let program = lab.compile("callers", &["-g"]);
    let options = ["-o", "run.trace", "--stacks", "native"];
    books(&lab.record(&options, &[program.as_os_str()]).output().unwrap());
    lab.compile("callers", &["-g", "-O2"]);
    let report = lab.report("run.trace");
    let frames: Vec<_> = heap(&report, "host").peak.by_stack.iter().flat_map(|share| &share.stack).collect();
    assert!(!frames.iter().any(|frame| frame.recorded().contains("small_one")), "{frames:?}");
    let told_by_place = |frame: &&&memtrace_analysis::Text| {
        let text = frame.recorded();
        text.starts_with("0x") && text.ends_with("(callers)")
    };
    assert!(frames.iter().any(|frame| told_by_place(&frame)), "{frames:?}");
}

/// What the unwinder and the definitions do in a forked child, and in a program of C++ that throws, is as in any.
#[test]
fn stacks_disturb_nobody() {
    let lab = Lab::new();
    let program = lab.compile("allocations", &[]);
    let options = ["-o", "run.trace", "--follow", "--stacks", "native"];
    let command = [program.as_os_str(), OsStr::new("8"), OsStr::new("fork")];
    let books = books(&lab.record(&options, &command).output().unwrap());
    let parents = lab
        .traces()
        .into_iter()
        .map(|trace| lab.report(trace))
        .find(|report| heap(report, "host").allocs == books["host"]["allocs"].as_u64().unwrap());
    super::assert_agrees(&parents.expect("the parent's trace"), "host", &books["host"]);

    let thrower = lab.path("thrower.cpp");
    let source = "#include <stdexcept>\n#include <vector>\n#include <cstdio>\n\
        int main() { int n = 0; for (int i = 0; i < 100; i++) try { std::vector<char> v(9000);\n\
        if (v.at(i * 100) == 0) throw std::runtime_error(\"x\"); } catch (std::exception &) { n++; }\n\
        std::printf(\"%d\\n\", n); }";
    std::fs::write(&thrower, source).unwrap();
    let program = lab.path("thrower");
    let compiled = Command::new("g++").arg(&thrower).arg("-o").arg(&program).status();
    assert!(compiled.unwrap().success());
    let output = lab.record(&["-o", "thrown.trace", "--stacks", "native"], &[program.as_os_str()]).output();
    assert_eq!(output.unwrap().stdout, b"100\n");
    assert!(heap(&lab.report("thrown.trace"), "host").allocs >= 100);
}
