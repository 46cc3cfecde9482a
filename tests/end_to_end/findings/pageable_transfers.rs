use memtrace_format::Bytes;

use super::{assert_found, assert_silent};
use crate::truth::{Run, number};

/// Units that take turns from ordinary memory; from page-locked memory the rule is silent.
#[test]
fn it_is_found_where_units_take_turns_and_goes_with_pinned_weights() {
    let arguments = ["--tier", "lowvram", "--steps", "10"];
    let run = Run::told(&arguments, &[]);
    let found = assert_found(&run.report, "pageable-transfers");
    assert!(found.places.iter().any(|place| place.module.as_ref().unwrap().recorded().starts_with("unet.")));
    // What moved again, as the books have it: each way all copies of a module but one.
    let (mut count, mut bytes) = (0, 0);
    for module in run.books["modules"].as_array().unwrap() {
        for way in ["host_to_device", "device_to_host"] {
            let again = number(&module[way]["count"]).saturating_sub(1);
            (count, bytes) = (count + again, bytes + again * number(&module["bytes"]));
        }
    }
    let again = run.report.transfers.pageable_again;
    assert_eq!((again.count, again.bytes), (count, Bytes(bytes)));

    let pinned = Run::told(&arguments, &["--pinned"]).report;
    assert_silent(&pinned, "pageable-transfers");
    assert_eq!(pinned.transfers.by_memory.pageable.count, 0);
    assert_eq!(pinned.transfers.by_memory.pinned.count, run.report.transfers.by_memory.pageable.count);
}
