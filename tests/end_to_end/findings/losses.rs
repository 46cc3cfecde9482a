use memtrace_analysis::report::FindingVerdict;

use super::{assert_found, assert_silent};
use crate::programs;

/// A file that may not grow: recording stops, and what comes after is counted as lost.
#[test]
fn it_is_found_where_the_file_was_too_small() {
    let run = |environment: &[(String, std::ffi::OsString)]| {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.trace");
        let arguments = ["--device", "host", "--tier", "lowvram", "--steps", "60"];
        programs::run_diffusion(&trace, &arguments, environment);
        memtrace_analysis::analyze(&trace).unwrap().report
    };
    let report = run(&[("MEMTRACE_MAX_SIZE".to_owned(), "1MiB".into())]);
    let found = assert_found(&report, "losses");
    assert_eq!(found.verdict, FindingVerdict::Fail);
    assert!(found.evidence.recorded().contains("size limit"), "{}", found.evidence);
    assert!(found.advice.recorded().contains("MEMTRACE_MAX_SIZE"), "{}", found.advice);
    let sound = run(&[]);
    assert_silent(&sound, "losses");
    assert_silent(&sound, "killed");
    assert_silent(&sound, "oddities");
}
