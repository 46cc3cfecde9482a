use super::{assert_found, assert_silent};
use crate::truth::Run;

/// A first job that needs more than all others, and a cache that is emptied after each.
#[test]
fn what_one_large_job_needed_is_found_and_goes_when_the_cache_is_emptied() {
    let arguments = ["--hoard", "--jobs", "6", "--steps", "2"];
    let hoarding = Run::told(&arguments, &[]);
    let found = assert_found(&hoarding.report, "cache-hoarding");
    assert_eq!(found.places[0].heap.as_ref().unwrap().recorded(), "device:0");
    // No more than what was left over when the engine was done.
    let reserved = hoarding.report.heaps[0].reserved_peak.or(hoarding.report.heaps[1].reserved_peak).unwrap();
    assert!(found.places[0].bytes.unwrap() < reserved.bytes);
    assert_silent(&Run::told(&arguments, &["--empty-cache"]).report, "cache-hoarding");
    assert_silent(&Run::told(&["--jobs", "6", "--steps", "2"], &[]).report, "cache-hoarding");
}
