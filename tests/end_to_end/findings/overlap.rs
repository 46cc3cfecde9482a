use memtrace_analysis::report::FindingVerdict;

use super::{assert_found, assert_silent, finding};
use crate::truth::Run;

/// Forwards that take time, each waiting for its own weights: the time before it could have brought them. With room for all
/// there is nothing to hide.
///
/// How large a share of the run that is depends on the machine, and so does the verdict; on times that are fixed it is held
/// against synthetic traces.
#[test]
fn it_is_found_where_forwards_take_turns_and_goes_with_room_for_all() {
    let arguments = ["--tier", "lowvram", "--steps", "30", "--compute", "300"];
    let with_fault = Run::told(&arguments, &[]).report;
    let transfers = &with_fault.transfers;
    assert!(transfers.hideable_ns.0 > 0 && transfers.hideable_ns <= transfers.reload_stall_ns);
    assert!(transfers.reload_stall_ns <= transfers.stall_ns);
    // Every unit but those of the first step had been there before.
    assert_eq!(
        transfers.reload_waits,
        with_fault.modules.iter().map(|module| module.loads.saturating_sub(1)).sum::<u64>()
    );
    if transfers.hideable_ns.0 >= with_fault.trace.duration_ns.0 / 20 {
        let found = assert_found(&with_fault, "overlap");
        let is_block = |name: &str| name.starts_with("unet.");
        assert!(found.places.iter().any(|place| is_block(place.module.as_ref().unwrap().recorded())));
    } else {
        assert_eq!(finding(&with_fault, "overlap").verdict, FindingVerdict::Ok);
    }
    let resident = Run::told(&arguments, &["--resident", "1GiB"]).report;
    assert_silent(&resident, "overlap");
    assert_eq!(resident.transfers.reload_waits, 0);
}
