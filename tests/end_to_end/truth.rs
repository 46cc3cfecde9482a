use std::ffi::OsString;

use memtrace_analysis::report::Report;
use memtrace_tests::oracle::{Figure, Program};
use serde_json::Value;

use crate::programs;

/// Every tier of both models, alone and with streams that share the device.
#[test]
fn every_tier_is_told_as_its_own_books_tell_it() {
    for model in ["sd15", "sdxl"] {
        for tier in ["none", "medvram", "medvram-sdxl", "lowvram"] {
            for threads in ["1", "3"] {
                let run = Run::of(&["--model", model, "--tier", tier, "--threads", threads, "--steps", "3"]);
                run.assert_told();
            }
        }
    }
}

/// Images come in as well as out, several at a time, of another shape.
#[test]
fn encode_and_batches_are_told() {
    Run::of(&["--tier", "lowvram", "--from-image", "--batch", "2", "--width", "768", "--steps", "2"])
        .assert_told();
}

/// Checkpoints that come and go, and what stays behind when something keeps them.
#[test]
fn switches_and_the_leak_are_told() {
    let switches = ["--tier", "medvram", "--checkpoints", "2", "--switches", "4", "--steps", "2"];
    let sound = Run::of(&switches);
    sound.assert_told();
    let leaking = Run::of(&[&switches[..], &["--leak"]].concat());
    leaking.assert_told();
    let left = |run: &Run| run.book_of_heap("device:0")["final_allocated_bytes"].as_u64().unwrap();
    assert_eq!(left(&sound), 0);
    assert!(left(&leaking) > 0, "the leak leaves something behind");
}

/// A device that is too small: requests fail, jobs are given up, and the books still agree.
#[test]
fn running_out_of_memory_is_told() {
    let run =
        Run::of(&["--tier", "lowvram", "--capacity", "2MiB", "--jobs", "3", "--keep-going", "--steps", "2"]);
    run.assert_told();
    let failed = run.book_of_heap("device:0")["ooms"].as_u64().unwrap();
    assert!(failed > 0, "the capacity is too small for this run");
    assert_eq!(run.report.ooms_total, failed);
    assert_eq!(run.report.ooms.len() as u64, failed);
    assert!(run.report.ooms.iter().all(|oom| oom.heap.recorded() == "device:0" && oom.requested_bytes.0 > 0));
}

/// A recorded run of the engine: what it says itself, and what the analyzer says.
pub(crate) struct Run {
    arguments: String,
    pub(crate) books: Value,
    pub(crate) report: Report,
}

impl Run {
    /// On host memory.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self::with(&[&["--device", "host"], arguments].concat(), &[])
    }

    pub(crate) fn with(arguments: &[&str], environment: &[(String, OsString)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.trace");
        let books = programs::run_diffusion(&trace, arguments, environment);
        let report = memtrace_analysis::analyze(&trace).unwrap().report;
        Self { arguments: arguments.join(" "), books, report }
    }

    /// On host memory, with every figure in agreement with the books.
    pub(crate) fn told(arguments: &[&str], more: &[&str]) -> Self {
        let run = Self::of(&[arguments, more].concat());
        run.assert_told();
        run
    }

    pub(crate) fn assert_told(&self) {
        assert_same(Program::Diffusion, &self.books, &self.report, &self.arguments);
    }

    pub(crate) fn book_of_heap(&self, name: &str) -> &Value {
        self.books["heaps"].as_array().unwrap().iter().find(|heap| heap["name"] == name).unwrap()
    }
}

/// Every figure that a program's books and the report have in common is the same.
pub(crate) fn assert_same(program: Program, books: &Value, report: &Report, run: &str) {
    let figures = program.figures(books, &serde_json::to_value(report).unwrap());
    let different: Vec<_> = figures.iter().filter(|figure| !figure.agrees()).map(Figure::to_string).collect();
    assert!(different.is_empty(), "{run}:\n{}", different.join("\n"));
    assert!(figures.len() > 10, "the books and the report have figures in common");
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}
