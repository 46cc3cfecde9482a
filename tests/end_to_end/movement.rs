use memtrace_format::Bytes;
use serde_json::Value;

use crate::truth::{Run, number};

fn loaded(run: &Run) -> u64 {
    let modules = run.books["modules"].as_array().unwrap().iter();
    modules.map(|module| number(&module["host_to_device"]["bytes"])).sum()
}

/// What units weigh that came to the device, each once: less cannot be loaded.
fn once(run: &Run) -> u64 {
    let came = |module: &&Value| number(&module["host_to_device"]["count"]) > 0;
    let modules = run.books["modules"].as_array().unwrap().iter();
    modules.filter(came).map(|module| number(&module["bytes"])).sum()
}

/// With more and more room the engine's rule (the least recently used leaves) loads less and less, and never less than the
/// bound for the room that it had; with room for all, everything is loaded once, and that is the bound.
#[test]
fn the_engine_never_loads_less_than_the_lower_bound() {
    let arguments = ["--tier", "lowvram", "--steps", "3", "--jobs", "2"];
    let mut before = u64::MAX;
    for room in [&[][..], &["--resident", "20MiB"], &["--resident", "60MiB"], &["--resident", "1GiB"]] {
        let run = Run::told(&arguments, room);
        let bound = run.report.swaps.lower_bound.as_ref().unwrap();
        assert_eq!(bound.loaded_bytes, Bytes(loaded(&run)), "{room:?}");
        assert!(Bytes(once(&run)) <= bound.bytes, "{room:?} {bound:?}");
        assert!(bound.bytes <= bound.achievable_bytes && bound.achievable_bytes <= bound.loaded_bytes);
        assert!(bound.bytes.0 <= before, "more room needs no more loads: {room:?} {bound:?}");
        before = bound.bytes.0;
    }
    let all = Run::told(&arguments, &["--resident", "1GiB"]);
    let bound = all.report.swaps.lower_bound.as_ref().unwrap();
    assert_eq!((bound.loaded_bytes, bound.bytes), (Bytes(once(&all)), Bytes(once(&all))));
}

/// Two units that do not fit together and take turns: every load was needed, and it is said so.
#[test]
fn of_units_that_take_turns_every_load_is_needed() {
    let run = Run::told(&["--tier", "medvram", "--previews", "1", "--steps", "4"], &[]);
    let bound = run.report.swaps.lower_bound.as_ref().unwrap();
    assert_eq!((bound.bytes, bound.achievable_bytes), (Bytes(loaded(&run)), Bytes(loaded(&run))));
}

/// A module that nobody uses is loaded, and no policy would have.
#[test]
fn what_is_loaded_and_not_used_is_not_in_the_bound() {
    let run = Run::told(&["--steps", "1"], &["--unused"]);
    let modules = run.books["modules"].as_array().unwrap();
    let unused = modules.iter().find(|module| module["path"] == "upscaler").unwrap();
    let bound = run.report.swaps.lower_bound.as_ref().unwrap();
    assert_eq!(bound.loaded_bytes.0 - bound.bytes.0, number(&unused["bytes"]));
}

/// Streams that share the device: what one waits for may be hidden behind another, and no more than there was.
#[test]
fn alone_nothing_is_hidden_and_beside_others_no_more_than_was_moved() {
    let alone = Run::told(&["--tier", "lowvram", "--steps", "2"], &[]).report;
    assert_eq!(alone.transfers.hidden_ns.0, 0);
    let arguments = ["--tier", "lowvram", "--steps", "2", "--threads", "3", "--compute", "2000"];
    let beside = Run::told(&arguments, &["--resident", "60MiB"]).report;
    let transfers = &beside.transfers;
    assert!(transfers.hidden_ns.0 > 0 && transfers.hidden_ns <= transfers.ns, "{transfers:?}");
    assert_eq!(beside.modules.iter().map(|module| module.hidden_ns.0).sum::<u64>(), transfers.hidden_ns.0);
    assert_eq!(beside.modules.iter().map(|module| module.stall_ns.0).sum::<u64>(), transfers.stall_ns.0);
}
