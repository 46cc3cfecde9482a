//! Size of a packed trace, and speed of packing, unpacking and analyzing it as it lies, beside the trace itself, in one run.
//!
//!     cargo bench -p memtrace-analysis --bench pack                             # 1e6 events
//!     cargo bench -p memtrace-analysis --bench pack -- 10000000 run.trace …     # as many as wanted, and these traces
//!
//! Every figure is the best of three rounds in which raw and packed take turns. "of raw" is how fast the packed trace is analyzed,
//! where 1 is as fast as the trace itself. Traces are made in the folder for temporary files. `README.md`, beside this, has what came out.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Instant,
};

use memtrace_analysis::{
    Trace,
    pack::{pack, unpack},
};
use memtrace_testing::generated::{CASES, generate};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let events = arguments.first().and_then(|events| events.parse().ok()).unwrap_or(1_000_000);
    println!(
        "{:32} {:>9} {:>11} {:>9} {:>10} {:>12} {:>14} {:>7}",
        "", "raw MB", "bytes/event", "smaller", "pack MB/s", "unpack MB/s", "analyze ev/s", "of raw"
    );
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("bench.trace");
    for case in CASES {
        generate(&path, case, events);
        measure(case.name, &path, folder.path());
    }
    for path in arguments.iter().skip(1).map(PathBuf::from) {
        measure(&path.file_name().unwrap_or_default().to_string_lossy(), &path, folder.path());
    }
}

fn measure(name: &str, raw: &Path, folder: &Path) {
    let trace = Trace::open(raw).expect("a readable trace");
    let archive = folder.join("bench.zip");
    let [mut packing, mut unpacking, mut of_raw, mut of_packed] = [f64::INFINITY; 4];
    let (mut before, mut after, mut events) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let out = File::create(&archive).expect("room");
        let began = Instant::now();
        let packed = pack(&trace, "bench", &[], out, &mut |_| ()).expect("room");
        packing = packing.min(began.elapsed().as_secs_f64());
        (before, after) = (packed.log_bytes.0, packed.packed_bytes.0);

        let packed = Trace::open(&archive).expect("it was packed");
        let log = tempfile::tempfile_in(folder).expect("room");
        let began = Instant::now();
        unpack(&packed, &log, &mut |_| ()).expect("room");
        unpacking = unpacking.min(began.elapsed().as_secs_f64());

        for (trace, best) in [(&trace, &mut of_raw), (&packed, &mut of_packed)] {
            let began = Instant::now();
            events = trace.analyze(|_| ()).expect("it is readable").report.trace.events;
            *best = best.min(began.elapsed().as_secs_f64());
        }
    }
    let megabytes = before as f64 / 1e6;
    println!(
        "{name:32} {megabytes:9.1} {:11.2} {:9.1} {:10.0} {:12.0} {:14.0} {:7.2}",
        after as f64 / events.max(1) as f64,
        before as f64 / after.max(1) as f64,
        megabytes / packing,
        megabytes / unpacking,
        events as f64 / of_packed,
        of_raw / of_packed,
    );
}
