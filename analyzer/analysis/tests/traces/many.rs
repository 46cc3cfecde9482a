//! Very many different things of one kind take time in proportion to how many there are.

use std::fs;

use memtrace_analysis::Trace;
use memtrace_testing::Many;

use crate::recording::file;

/// Of four times as many, the most that the time may grow by. Quadratic time is 16 times.
const GROWTH: u64 = 9;

/// What takes less, in nanoseconds, is not looked at: kernels count in steps of milliseconds. What was quadratic took a second and more.
const ENOUGH: u64 = 400_000_000;

/// What this thread has used of a processor, in nanoseconds. `None`: this kernel does not say.
fn processor_time() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok().filter(|&time| time > 0)
}

/// The least of three.
fn time_of(many: Many, count: u32) -> Option<u64> {
    let file = file(&many.recording(count).bytes());
    let mut least = None;
    for _ in 0..3 {
        let before = processor_time()?;
        let trace = Trace::open(file.path()).expect("the log is sound").with_one_thread();
        let report = trace.analyze(|_| ()).expect("the log is sound").report;
        assert!(report.trace.events >= u64::from(count));
        let time = processor_time()?.saturating_sub(before);
        least = Some(least.map_or(time, |least: u64| least.min(time)));
    }
    least
}

#[test]
fn four_times_as_many_take_about_four_times_as_long() {
    let mut too_long = Vec::new();
    for many in Many::ALL {
        let count = if many == Many::Threads { 256 } else { 3_000 };
        let (Some(few), Some(more)) = (time_of(many, count), time_of(many, 4 * count)) else {
            eprintln!("skipped: the kernel does not say what a thread uses of a processor");
            return;
        };
        eprintln!("{many:?}: {count} in {} ms, {} in {} ms", few / 1_000_000, 4 * count, more / 1_000_000);
        if more > (few * GROWTH).max(ENOUGH) {
            too_long.push(many);
        }
    }
    assert!(too_long.is_empty(), "{too_long:?}");
}
