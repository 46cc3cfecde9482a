use memtrace_format::Bytes;

use super::{assert_found, assert_silent};
use crate::truth::{Run, number};

/// An upscaler on the device that no job uses.
#[test]
fn it_is_found_with_its_bytes_and_is_silent_where_every_module_runs() {
    for tier in ["none", "medvram"] {
        let run = Run::told(&["--tier", tier, "--steps", "2"], &["--unused"]);
        let [place] = &assert_found(&run.report, "unused-module").places[..] else {
            panic!("one module is unused")
        };
        let modules = run.books["modules"].as_array().unwrap();
        let upscaler = modules.iter().find(|module| module["path"] == "upscaler").unwrap();
        assert_eq!(place.module.as_ref().unwrap().recorded(), "upscaler");
        assert_eq!(place.bytes, Some(Bytes(number(&upscaler["bytes"]))));
        assert_silent(&Run::told(&["--tier", tier, "--steps", "2"], &[]).report, "unused-module");
    }
}
