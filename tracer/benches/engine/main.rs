//! The cost of recording to an engine: runs of the example engine with recording on, by itself, with sampling and with power
//! protection, with it off, and without a tracer in it.
//!
//! `cargo bench -p memtrace-tracer --bench engine` builds the engine (twice; see `build.rs`), then runs all five by turns
//! and prints CPU and wall time of whole runs, start-up, exit and helper thread included, as ratios to the engine without
//! a tracer. `-- --smoke` makes a few short runs; `-- 400` makes that many rounds, for narrower intervals.

mod build;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use build::Engines;
use memtrace_measure::{Samples, Table, Usage};

/// What the engine is told to do: a job whose modules take turns on the device, where most time goes into moving bytes; and
/// one whose modules stay there, where nothing is left but the engine's bookkeeping, because it computes nothing. The
/// second has an event in less than a microsecond, and is the worst that can be asked for.
const WORKLOADS: [(&str, &[&str]); 2] =
    [("lowvram", &["--tier", "lowvram", "--steps", "50"]), ("none", &["--tier", "none", "--steps", "1000"])];

const LOG: (&str, &str) = ("MEMTRACE_FILE", "run.trace");

const NO_SAMPLES: (&str, &str) = ("MEMTRACE_SAMPLE", "off");

fn main() {
    let smoke = memtrace_measure::smoke_bench();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let engines =
        Engines::build(&folder, !smoke).expect("the engine builds, with the tracer and with its stub");
    for (name, workload) in WORKLOADS {
        if smoke {
            print(name, &engines, &[workload, &["--scale", "1/512"]].concat(), 2, &folder);
        } else {
            print(name, &engines, workload, rounds(), &folder);
        }
    }
}

/// What the command line asks for.
fn rounds() -> usize {
    std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(20)
}

fn print(name: &str, engines: &Engines, workload: &[&str], rounds: usize, folder: &Path) {
    let variants: [(_, &Path, &[(&str, &str)]); _] = [
        ("not linked", &engines.not_linked, &[]),
        ("linked, off", &engines.linked, &[]),
        ("linked, on", &engines.linked, &[LOG, NO_SAMPLES]),
        ("linked, on, with samples", &engines.linked, &[LOG]),
        (
            "linked, on, MEMTRACE_FSYNC=100ms",
            &engines.linked,
            &[LOG, NO_SAMPLES, ("MEMTRACE_FSYNC", "100ms")],
        ),
    ];
    let mut cpu = variants.map(|(name, ..)| Samples::new(name));
    let mut wall = cpu.clone();
    let mut log_bytes = 0;
    // The first round writes the weights and warms the page cache.
    for round in 0..=rounds {
        for index in 0..variants.len() {
            let index = (round + index) % variants.len();
            let (_, program, settings) = variants[index];
            let usage = run(program, workload, settings, folder);
            if settings.contains(&LOG) {
                let log = folder.join(LOG.1);
                log_bytes = fs::metadata(&log).expect("the engine recorded").len();
                fs::remove_file(log).expect("the log is ours");
            }
            if round > 0 {
                cpu[index].values.push(usage.cpu.as_nanos() as f64);
                wall[index].values.push(usage.wall.as_nanos() as f64);
            }
        }
    }
    println!("\n{name}: {rounds} rounds; a log of at most {} events", log_bytes / 32);
    for (title, samples) in [("CPU time", cpu), ("wall time", wall)] {
        let [not_linked, off, on, ..] = &samples;
        let table = Table::new(title, &[("x not", not_linked), ("x off", off), ("x on", on)]);
        table.rows(&samples);
    }
}

fn run(program: &Path, workload: &[&str], settings: &[(&str, &str)], folder: &Path) -> Usage {
    let mut command = Command::new(program);
    command.args(workload).args(["--device", "host", "--weights"]).arg(folder.join("weights"));
    for (variable, _) in [LOG, NO_SAMPLES] {
        command.env_remove(variable);
    }
    command.envs(settings.iter().copied()).current_dir(folder).stdout(Stdio::null());
    let usage = memtrace_measure::run(&mut command).expect("the engine can be started");
    assert!(usage.success, "the engine does its work");
    usage
}
