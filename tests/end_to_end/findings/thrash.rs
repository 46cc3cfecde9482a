use super::{assert_found, assert_silent};
use crate::truth::Run;

/// Previews make UNet and VAE change places after every step, unless there is room for both.
#[test]
fn it_is_found_with_previews_and_goes_with_room_for_both() {
    let arguments = ["--tier", "medvram", "--previews", "1", "--steps", "4"];
    let with_fault = Run::told(&arguments, &[]).report;
    let found = assert_found(&with_fault, "thrash");
    let names: Vec<_> = found.places.iter().map(|place| place.module.as_ref().unwrap().recorded()).collect();
    assert!(names.contains(&"unet") && names.contains(&"vae"), "{names:?}");
    assert_silent(&Run::told(&arguments, &["--resident", "1GiB"]).report, "thrash");
}
