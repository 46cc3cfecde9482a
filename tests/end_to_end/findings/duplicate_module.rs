use super::{assert_found, assert_silent};
use crate::truth::{Run, number};

/// One VAE under two names, and the same shared.
#[test]
fn a_vae_under_two_names_is_found_and_goes_when_it_is_shared() {
    let arguments = ["--previews", "1", "--duplicate", "--steps", "4"];
    let twice = Run::told(&arguments, &[]);
    let found = assert_found(&twice.report, "duplicate-module");
    let modules = twice.books["modules"].as_array().unwrap();
    let vae = modules.iter().find(|module| module["path"] == "vae").unwrap();
    assert_eq!(found.places[0].bytes.unwrap().0, number(&vae["bytes"]));
    let names = &twice.report.growth.duplicates[0].names;
    let names: Vec<_> = names.iter().map(|name| name.recorded()).collect();
    assert_eq!(names, ["vae", "preview_vae"]);
    assert_silent(&Run::told(&arguments, &["--share"]).report, "duplicate-module");
}
