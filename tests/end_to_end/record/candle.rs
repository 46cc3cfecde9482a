use std::{ffi::OsStr, path::Path};

use super::{Lab, books, heap};

/// candle's Stable Diffusion parts on the CPU, against the books of the program's own allocator. Building candle takes minutes.
/// `cargo test -p memtrace-tests --test end_to_end -- --ignored --nocapture parts_of_stable_diffusion` prints both.
#[test]
#[ignore = "builds candle"]
fn parts_of_stable_diffusion_in_candle() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("candle/Cargo.toml");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/candle");
    let built = escargot::CargoBuild::new().manifest_path(manifest).release().target_dir(target).run();
    let program = built.expect("the program builds");
    let lab = Lab::new();
    // On one thread, for books of many are not kept in the order of the log.
    let mut record = lab.record(&["-o", "run.trace"], &[program.path().as_os_str()]);
    let books = books(&record.env("RAYON_NUM_THREADS", "1").output().unwrap());
    let report = lab.report("run.trace");
    let heap = heap(&report, "host");
    let kept = ["allocs", "frees", "live", "peak"].map(|figure| books["host"][figure].as_u64().unwrap());
    let told = [heap.allocs, heap.frees, heap.end.allocated_bytes.0, heap.peak.figures.allocated_bytes.0];
    println!(
        "allocs, frees, live at the end, peak: books {kept:?}, trace {told:?}; weights {}",
        books["weights"]
    );
    // What the C library asks for itself is in no book of the program's, and it gives all of it back.
    let others = told[0] - kept[0];
    assert!(others < 64 && told[1] - kept[1] == others, "{others}");
    assert_eq!(told[2..], kept[2..], "live at the end, peak");
    let weights: u64 =
        books["weights"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert!(weights > 500_000_000 && kept[3] > weights, "its weights are real ones: {weights}");
    assert_eq!(lab.traces(), [OsStr::new("run.trace")]);
}
