//! A rule a file: a run of the example engine with a fault in it, and the same run without. The rule finds the fault, and
//! is silent where there is none; so is every other rule in the run without.

mod cache_hoarding;
mod duplicate_module;
mod fragmentation;
mod leak;
mod losses;
mod non_allocator_growth;
mod other_processes;
mod out_of_memory;
mod overlap;
mod pageable_transfers;
mod table;
mod thrash;
mod unused_module;

use memtrace_analysis::report::{Finding, FindingVerdict, Report};

use crate::{programs, truth::Run};

/// What rules say of the example engine as it should be, tier by tier: nothing.
#[test]
fn nothing_is_wrong_with_a_sound_run() {
    for tier in ["none", "medvram"] {
        let report = Run::told(&["--tier", tier, "--steps", "2"], &[]).report;
        let alarms: Vec<_> =
            report.findings.iter().filter(|finding| finding.verdict <= FindingVerdict::Warn).collect();
        assert!(alarms.is_empty(), "{tier}: {alarms:#?}");
    }
}

/// A run of the example engine on the software driver and NVML, which are set so and sampled often.
fn sampled(capacity: &str, driver: &[(&str, &str)], nvml: &[(&str, &str)], arguments: &[&str]) -> Report {
    let mut environment = programs::cuda(capacity, driver);
    environment.extend(programs::nvml(nvml));
    let rates = "driver=500,nvml=100,processes=500,utilization=0,pss=0";
    environment.push(("MEMTRACE_SAMPLE".to_owned(), rates.into()));
    Run::with(&[&["--device", "cuda"], arguments].concat(), &environment).report
}

/// What the rule of this name says.
fn finding<'a>(report: &'a Report, id: &str) -> &'a Finding {
    report.findings.iter().find(|finding| finding.id == id).unwrap()
}

/// The rule has found something: it has evidence and advice.
fn assert_found<'a>(report: &'a Report, id: &str) -> &'a Finding {
    let finding = finding(report, id);
    assert!(finding.verdict <= FindingVerdict::Warn, "{finding:#?}");
    assert!(!finding.evidence.is_empty() && !finding.advice.is_empty(), "{finding:#?}");
    finding
}

/// The rule has looked, and found nothing.
fn assert_silent(report: &Report, id: &str) {
    let finding = finding(report, id);
    assert_eq!(finding.verdict, FindingVerdict::Ok, "{finding:#?}");
    assert!(finding.advice.is_empty() && finding.places.is_empty(), "{finding:#?}");
}
