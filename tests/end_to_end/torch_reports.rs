use std::{ffi::OsString, path::PathBuf, process::Command};

use memtrace_analysis::report::{FindingVerdict, Heap, Report};
use tempfile::TempDir;

use crate::programs;

/// Reports under the names of old and of new versions, from a library that only its opener sees. The profiler is told all
/// that it was told before.
#[test]
fn reports_of_both_versions_are_recorded_and_passed_on() {
    let lab = Lab::new();
    let (report, said) = lab.record("sound");
    assert_eq!(said, "150 1\n", "what the profiler heard");
    let heap = heap(&report, "cuda:1");
    let bytes = |blocks: &mut dyn Iterator<Item = u64>| blocks.map(|i| i * 512).sum::<u64>();
    assert_eq!((heap.allocs, heap.frees, heap.device), (100, 50, Some(1)));
    assert_eq!(heap.peak.figures.allocated_bytes.0, bytes(&mut (1..=100)));
    assert_eq!(heap.end.allocated_bytes.0, bytes(&mut (2..=100).step_by(2)));
    assert_eq!((report.ooms_total, report.ooms[0].requested_bytes.0), (1, 1 << 30));
    // A report does not say what was asked for, and this allocator is asked in no way that can be seen.
    for figures in [&heap.end, &heap.peak.figures] {
        assert!(figures.requested_bytes.is_none() && figures.requested_bytes_why.is_some(), "{figures:?}");
    }
    let totals = heap.allocator.unwrap();
    assert_eq!((totals.samples, totals.differing), (150, 0));
    assert_eq!(verdict(&report), FindingVerdict::Ok);
    let reserved =
        report.samples.counters.iter().find(|counter| counter.name.recorded().starts_with("cuda:1 res"));
    assert_eq!(
        reserved.map(|counter| counter.count),
        Some(100),
        "what is reserved is sampled when it changes"
    );
}

/// Without a word from the test, a sum is sampled with every 64th report, and whenever it differs: no difference is missed.
#[test]
fn a_report_that_is_missing_shows_in_the_sums() {
    let lab = Lab::new();
    let sparse = lab.record_with("sound", &[]).0;
    assert_eq!(heap(&sparse, "cuda:1").allocator.unwrap().samples, 3);
    assert_eq!(verdict(&sparse), FindingVerdict::Ok);

    let (report, said) = lab.record_with("forgetful", &[]);
    assert_eq!(said, "149 1\n");
    let totals = heap(&report, "cuda:1").allocator.unwrap();
    assert_eq!((totals.differing, totals.longest_row), (100, 100), "every report from the 50th block on");
    assert_eq!(totals.worst.difference().0, 50 * 512);
    assert_eq!(verdict(&report), FindingVerdict::Warn, "a hundredth of the peak");
}

/// The host's allocator lets go of its lock before it reports: sums come in another order than their events, and come right.
#[test]
fn sums_that_differ_in_passing_are_no_fault() {
    let lab = Lab::new();
    let (report, said) = lab.record("threads");
    assert_eq!(said, "0 0\n", "no profiler listens");
    let heap = heap(&report, "torch cpu");
    assert_eq!((heap.allocs, heap.frees, heap.end.allocated_bytes.0), (80_000, 80_000, 0));
    let totals = heap.allocator.unwrap();
    assert_eq!((totals.samples, totals.several_threads), (160_000, true));
    assert_eq!(verdict(&report), FindingVerdict::Ok, "{totals:?}");
}

/// Mapped storages are reported with a sum of 0: they are in a heap of their own, and the allocator's sums agree.
#[test]
fn mapped_storages_are_no_business_of_the_sums() {
    let lab = Lab::new();
    let (report, said) = lab.record("mapped");
    assert_eq!(said, "0 0\n", "no profiler listens");
    let own = heap(&report, "torch cpu");
    assert_eq!((own.allocs, own.frees, own.end.allocated_bytes.0), (2, 2, 0));
    assert_eq!(own.end.requested_bytes.map(|bytes| bytes.0), Some(0), "the host's allocator adds nothing");
    assert_eq!((own.allocator.unwrap().samples, own.allocator.unwrap().differing), (4, 0));
    let mapped = heap(&report, "torch mapped");
    assert_eq!((mapped.allocs, mapped.frees, mapped.end.allocated_bytes.0), (2, 1, 3 << 20));
    assert!(mapped.allocator.is_none());
    assert_eq!((verdict(&report), report.trace.oddities.len()), (FindingVerdict::Ok, 0));
}

/// What was handed out before the first report is not taken for a fault.
#[test]
fn what_was_there_before_is_no_fault() {
    let lab = Lab::new();
    let (report, _) = lab.record("late");
    let totals = heap(&report, "cuda:1").allocator.unwrap();
    assert_eq!(totals.first.difference().0, 1 << 20);
    assert_eq!(verdict(&report), FindingVerdict::Na);
}

/// A library that is loaded for its C interface records nothing behind the program's back.
#[test]
fn without_record_reports_are_passed_on_alone() {
    let lab = Lab::new();
    let trace = lab.folder.path().join("linked.trace");
    let mut command = lab.command("sound");
    command.env_remove("MEMTRACE_RECORD").env("MEMTRACE_FILE", &trace);
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"150 1\n");
    assert!(memtrace_analysis::analyze(&trace).unwrap().report.heaps.is_empty());
}

fn heap<'a>(report: &'a Report, name: &str) -> &'a Heap {
    report.heaps.iter().find(|heap| heap.name.recorded() == name).unwrap()
}

fn verdict(report: &Report) -> FindingVerdict {
    report.findings.iter().find(|finding| finding.id == "allocator-totals").unwrap().verdict
}

/// A folder with the library and the program.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        lab.compile("c10.c", "libc10.so.1", &["-shared", "-fPIC"]);
        lab.compile("c10_host.c", "c10_host", &[]);
        lab
    }

    fn compile(&self, source: &str, to: &str, options: &[&str]) {
        let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/programs/c")).join(source);
        let mut command = Command::new("gcc");
        command.args(["-D_GNU_SOURCE", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1"]).args(options);
        command.arg("-o").arg(self.folder.path().join(to)).arg(source).args(["-lpthread", "-ldl"]);
        let output = command.output().expect("there is a C compiler");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The program, with the library in it as `memtrace record` puts it there, not recording yet.
    fn command(&self, what: &str) -> Command {
        let mut command = programs::quiet(&self.folder.path().join("c10_host"));
        command.arg(self.folder.path().join("libc10.so.1")).arg(what);
        command.env("LD_PRELOAD", programs::c_library()).env("MEMTRACE_RECORD", "on");
        command
    }

    /// Every sum is sampled.
    fn record(&self, what: &str) -> (Report, String) {
        self.record_with(what, &[("MEMTRACE_TORCH_TOTALS".to_owned(), "1".into())])
    }

    fn record_with(&self, what: &str, environment: &[(String, OsString)]) -> (Report, String) {
        let trace = self.folder.path().join(format!("{what}-{}.trace", environment.len()));
        let mut command = self.command(what);
        command.env("MEMTRACE_FILE", &trace).envs(environment.iter().cloned());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (memtrace_analysis::analyze(&trace).unwrap().report, String::from_utf8(output.stdout).unwrap())
    }
}
