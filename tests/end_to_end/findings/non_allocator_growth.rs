use memtrace_analysis::report::{FindingVerdict, Report};

use super::{assert_found, finding, sampled};

/// A context that grows with each copy, as one does whose library makes a workspace anew each time.
fn run(driver: &[(&str, &str)], nvml: &[(&str, &str)]) -> Report {
    sampled("16GiB", driver, nvml, &["--tier", "lowvram", "--steps", "30", "--jobs", "2"])
}

const GROWTH: [(&str, &str); 1] = [("CONTEXT_GROWTH", "128KiB")];

#[test]
fn it_is_found_with_a_context_that_grows_and_not_without() {
    let report = run(&GROWTH, &[]);
    let found = assert_found(&report, "non-allocator-growth");
    assert!(found.evidence.recorded().contains("of this process"), "{}", found.evidence);
    let grown = found.places[0].bytes.unwrap().0;
    let end = report.ledger.last().unwrap().non_allocator.unwrap();
    assert!((64 << 20..=end as u64).contains(&grown), "{grown} of {end}");
    let sound = finding(&run(&[], &[]), "non-allocator-growth").clone();
    assert_eq!(sound.verdict, FindingVerdict::Ok, "{sound:#?}");
}

/// Where processes are not told apart, it may be another's: it is said so, and no more than a warning.
#[test]
fn whose_it_is_may_not_be_known() {
    let report = run(&GROWTH, &[("PID_OFFSET", "1000000")]);
    let found = assert_found(&report, "non-allocator-growth");
    assert_eq!(found.verdict, FindingVerdict::Warn);
    assert!(found.evidence.recorded().contains("owner unknown"), "{}", found.evidence);
}

/// What others take is not this process's.
#[test]
fn growth_of_others_is_no_growth_of_ours() {
    let report = run(&[("FOREIGN_GROWTH", "128KiB")], &[]);
    let sound = finding(&report, "non-allocator-growth");
    assert_eq!(sound.verdict, FindingVerdict::Ok, "{sound:#?}");
}
