use memtrace_format::{Calibration, Definition, Event, NameId, Ticks};

use super::{log::Log, trial::Trial};

/// How far a time of the log may lie from the kernel's clock: a hundred times what is usual on a machine of one's own,
/// because a virtual one is held up between two readings.
const ERROR_NS: f64 = 50_000.0;

#[test]
fn times_in_the_log_are_those_of_the_kernels_clocks() {
    let mut trial = Trial::new("clocks", 1, 20_000);
    trial.succeed();
    let log = trial.log();
    assert_bracketed(&log, "monotonic", |calibration| calibration.monotonic_ns);
    assert_bracketed(&log, "realtime", |calibration| calibration.realtime_ns);
}

/// Each mark carries what the clock said just before it, so its own time lies between its value and the next mark's, however
/// long the program was held up.
fn assert_bracketed(log: &Log, name: &str, clock: fn(&Calibration) -> u64) {
    let name = id_of(log, name);
    let marks: Vec<(Ticks, u64)> = log
        .threads
        .values()
        .flat_map(|thread| &thread.events)
        .filter_map(|&(time, event)| match event {
            Event::Mark { name: found, value } if found == name => Some((time, value)),
            _ => None,
        })
        .collect();
    assert!(marks.len() >= 20_000, "{} marks", marks.len());
    let mut calibrations = log.calibrations.clone();
    calibrations.sort_by_key(|calibration| calibration.ticks);
    // Chunks that were made together share one.
    calibrations.dedup_by_key(|calibration| calibration.ticks);
    let mut worst: f64 = 0.0;
    for pair in marks.windows(2) {
        let [(time, before), (_, after)] = [pair[0], pair[1]];
        // Counted from `before`, so that a double holds it.
        let time = at(&calibrations, time, clock) - before as f64;
        worst = worst.max(-time).max(time - (after - before) as f64);
    }
    println!("the log's times are at most {worst:.0} ns off");
    assert!(worst <= ERROR_NS, "{worst} ns");
}

/// The clock's time at `ticks`, on the line through the calibrations around it.
fn at(calibrations: &[Calibration], ticks: Ticks, clock: fn(&Calibration) -> u64) -> f64 {
    let later = calibrations.partition_point(|calibration| calibration.ticks <= ticks);
    let later = later.clamp(1, calibrations.len() - 1);
    let (a, b) = (&calibrations[later - 1], &calibrations[later]);
    let rate = (clock(b) - clock(a)) as f64 / (b.ticks.0 - a.ticks.0) as f64;
    clock(a) as f64 + (ticks.0 as f64 - a.ticks.0 as f64) * rate
}

fn id_of(log: &Log, text: &str) -> NameId {
    let name = log.definitions.iter().find_map(|definition| match definition {
        Definition::Name(id, name) if name.text == text => Some(*id),
        _ => None,
    });
    name.expect("the name is defined")
}
