use memtrace_analysis::report::{FindingVerdict, Proof, Report, Verdict};

use super::{assert_found, assert_silent, finding};
use crate::{programs, truth::Run};

const STEPS: [&str; 2] = ["--steps", "2"];

/// An extension keeps a block in the middle of every segment and asks for more than any hole. On this device 20 MiB are left
/// beyond the segments that it filled: one more step of an expandable segment would have served it.
#[test]
fn fragmentation_is_told_with_the_blocks_that_pin() {
    let run = Run::told(&STEPS, &["--fragment", "--capacity", "120MiB"]);
    let found = assert_found(&run.report, "out-of-memory");
    assert_eq!(found.verdict, FindingVerdict::Fail);
    let oom = &run.report.ooms[0];
    assert_eq!(oom.verdict, Verdict::Fragmentation, "{oom:#?}");
    assert!(!oom.pinning.is_empty() && oom.pinning.iter().all(|pin| pin.scope.recorded() == "extension"));
    assert!(oom.pinning.iter().all(|pin| pin.bytes.0 == 4 << 20), "{:?}", oom.pinning);
    let model = oom.model.as_ref().unwrap();
    assert_eq!((model.sizes_agree, model.reserved_agrees), (model.allocs, model.events), "{model:?}");
    assert!(model.refused && model.difference_bytes == 0);
    let by_course = oom.would_have_fit.iter().find(|remedy| remedy.proof == Proof::Course).unwrap();
    assert!(by_course.what.recorded().contains("expandable_segments"), "{oom:#?}");
    assert_silent(&Run::told(&STEPS, &[]).report, "out-of-memory");
}

/// Devices that are too small for the model, on the way to it and at it: whatever the layout.
#[test]
fn too_small_a_device_is_no_matter_of_layout() {
    for (tier, capacity) in [("none", 100), ("none", 120), ("medvram", 70), ("medvram", 104)] {
        let capacity = format!("{capacity}MiB");
        let report = failed(&["--scale", "1/32", "--tier", tier, "--capacity", &capacity]);
        let oom = &report.ooms[0];
        assert_eq!(oom.verdict, Verdict::Capacity, "{tier} on {capacity}: {oom:#?}");
        let need = oom.need.as_ref().unwrap();
        assert_eq!((need.what, need.name.recorded()), ("module", "unet"), "{tier} on {capacity}");
        assert!(oom.headline.recorded().starts_with("unet needs 101.33 MiB"), "{}", oom.headline);
        let advice = finding(&report, "out-of-memory").advice.recorded();
        assert!(!advice.contains("expandable_segments"), "{advice}");
        assert_eq!(advice.contains("--tier lowvram"), tier == "medvram", "its parts are known: {advice}");
        assert!(tier == "none" || !advice.contains("medvram"), "what is on already: {advice}");
        assert!(report.trace.run_failed, "nothing could be computed");
    }
    let whole = Run::told(&STEPS, &["--scale", "1/32", "--capacity", "180MiB"]).report;
    assert_silent(&whole, "out-of-memory");
    assert!(!whole.trace.run_failed);
}

/// The report of a run that ends because a request failed, before it has books to print.
fn failed(arguments: &[&str]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let mut command = programs::diffusion();
    command.args(programs::DIFFUSION).args(["--device", "host"]).args(STEPS).args(arguments);
    let output = command.env("MEMTRACE_FILE", &trace).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    memtrace_analysis::analyze(&trace).unwrap().report
}

/// A device that is too small for the model.
#[test]
fn too_small_a_device_is_told_with_what_is_missing() {
    let run = Run::told(&STEPS, &["--tier", "medvram", "--capacity", "4MiB", "--keep-going"]);
    // One module gave way to another, which then did not fit.
    assert_eq!((run.report.transfers.by_direction.d2h.count, run.report.swaps.count), (1, 0));
    let found = finding(&run.report, "out-of-memory");
    assert_eq!(found.verdict, FindingVerdict::Fail);
    assert!(found.advice.recorded().contains("--tier lowvram"), "{}", found.advice);
    let oom = &run.report.ooms[0];
    assert_eq!(oom.verdict, Verdict::Capacity, "{oom:#?}");
    let more = oom.would_have_fit.iter().find(|remedy| remedy.what.recorded().contains("more free")).unwrap();
    assert!(more.bytes.0 > 0);
    assert!(oom.model.as_ref().is_some_and(|model| model.refused && model.difference_bytes == 0));
}
