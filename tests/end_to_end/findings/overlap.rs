use super::{assert_found, assert_silent};
use crate::truth::Run;

/// Forwards that take time, each waiting for its own weights: the time before it could have brought them. With room for all
/// there is nothing to hide, and with nothing computed there is nothing to hide it behind.
#[test]
fn it_is_found_where_forwards_take_turns_and_goes_with_room_for_all() {
    let arguments = ["--tier", "lowvram", "--steps", "30"];
    let with_fault = Run::told(&arguments, &["--compute", "1000"]).report;
    let found = assert_found(&with_fault, "overlap");
    assert!(found.places.iter().any(|place| place.module.as_ref().unwrap().recorded().starts_with("unet.")));
    let transfers = &with_fault.transfers;
    assert!(
        transfers.hideable_ns <= transfers.reload_stall_ns && transfers.reload_stall_ns <= transfers.stall_ns
    );
    // Every unit but those of the first step had been there before.
    assert_eq!(
        transfers.reload_waits,
        with_fault.modules.iter().map(|module| module.loads.saturating_sub(1)).sum::<u64>()
    );
    let resident = Run::told(&arguments, &["--compute", "1000", "--resident", "1GiB"]).report;
    assert_silent(&resident, "overlap");
    assert_eq!(resident.transfers.reload_waits, 0);
}
