use memtrace_analysis::report::FindingVerdict;
use memtrace_format::Bytes;

use super::{assert_found, assert_silent, finding, sampled};

const MEDVRAM: [&str; 4] = ["--tier", "medvram", "--steps", "4"];

#[test]
fn they_are_found_where_they_make_the_device_tight() {
    let report = sampled("32MiB", &[("FOREIGN_BYTES", "12MiB"), ("CONTEXT_BYTES", "5MiB")], &[], &MEDVRAM);
    let found = assert_found(&report, "other-processes");
    assert_eq!((found.verdict, found.places[0].bytes), (FindingVerdict::Warn, Some(Bytes(12 << 20))));
    // The software NVML's other process is the machine's first.
    let first = std::fs::read_to_string("/proc/1/comm").unwrap();
    let named = format!("most by {} (12.00 MiB)", first.trim_end());
    assert!(found.evidence.recorded().contains(&named), "no {named:?} in {}", found.evidence);
    assert_silent(&sampled("32MiB", &[("CONTEXT_BYTES", "5MiB")], &[], &MEDVRAM), "other-processes");
    // With room for all, nobody is in anybody's way.
    assert_silent(&sampled("256MiB", &[("FOREIGN_BYTES", "100MiB")], &[], &MEDVRAM), "other-processes");
}

#[test]
fn what_they_took_meanwhile_is_told_and_what_would_have_fitted_without_them_fails() {
    let keep_going = [&MEDVRAM[..], &["--keep-going"]].concat();
    let report =
        sampled("24MiB", &[("FOREIGN_BYTES", "8MiB"), ("FOREIGN_GROWTH", "64KiB")], &[], &keep_going);
    let found = assert_found(&report, "other-processes");
    assert_eq!(found.verdict, FindingVerdict::Fail, "{found:#?}");
    let evidence = found.evidence.recorded();
    assert!(evidence.contains("during this run") && evidence.contains("would have fitted"), "{evidence}");
    let failed = report.ooms.iter().find(|oom| Some(oom.time_ns) == found.places[0].time_ns);
    assert!(failed.is_some(), "it is the time of a failed request");
}

#[test]
fn what_is_not_known_of_them_is_no_all_clear() {
    let driver = [("FOREIGN_BYTES", "12MiB"), ("CONTEXT_BYTES", "5MiB")];
    let report = sampled("32MiB", &driver, &[("PID_OFFSET", "1000000")], &MEDVRAM);
    let unknown = finding(&report, "other-processes");
    assert_eq!(unknown.verdict, FindingVerdict::Na);
    assert!(unknown.why.as_ref().unwrap().recorded().contains("this one's number"), "{unknown:#?}");
    // Numbers of another namespace are other processes' here.
    assert!(
        report.samples.counters.iter().all(|counter| !counter.name.recorded().starts_with("other process"))
    );
}
