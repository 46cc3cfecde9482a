//! What recording costs an engine: runs of the example engine with recording on, with sampling and without, with it off, and
//! without a tracer in it.
//!
//! `cargo bench -p memtrace-tracer --bench engine` builds the engine (twice; see `build.rs`), then runs all four by turns
//! and prints CPU and wall time of whole runs, start-up, exit and helper thread included, as ratios to the engine without
//! a tracer. `-- --smoke` makes a few short runs.

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

fn main() {
    let smoke = memtrace_measure::smoke_bench();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let engines = Engines::build(&folder).expect("the engine builds, with the tracer and with its stub");
    for (name, workload) in WORKLOADS {
        if smoke {
            print(name, &engines, &[workload, &["--scale", "1/512"]].concat(), 2, &folder);
        } else {
            print(name, &engines, workload, 40, &folder);
        }
    }
}

fn print(name: &str, engines: &Engines, workload: &[&str], rounds: usize, folder: &Path) {
    let log = folder.join("run.trace");
    let variants = [
        ("not linked", &engines.not_linked, None, "off"),
        ("linked, off", &engines.linked, None, "off"),
        ("linked, on", &engines.linked, Some(&*log), "off"),
        ("linked, on, with samples", &engines.linked, Some(&*log), ""),
    ];
    let mut cpu = variants.map(|(name, ..)| Samples::new(name));
    let mut wall = cpu.clone();
    let mut log_bytes = 0;
    // The first round writes the weights and warms the page cache.
    for round in 0..=rounds {
        for index in 0..variants.len() {
            let index = (round + index) % variants.len();
            let (_, program, log, sample) = variants[index];
            let usage = run(program, workload, log, sample, folder);
            if let Some(log) = log {
                log_bytes = fs::metadata(log).expect("the engine recorded").len();
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
        let [not_linked, off, on, _] = &samples;
        let table = Table::new(title, &[("x not", not_linked), ("x off", off), ("x on", on)]);
        table.rows(&samples);
    }
}

fn run(program: &Path, workload: &[&str], log: Option<&Path>, sample: &str, folder: &Path) -> Usage {
    let mut command = Command::new(program);
    command.args(workload).args(["--device", "host", "--weights"]).arg(folder.join("weights"));
    command.env_remove("MEMTRACE_FILE").env("MEMTRACE_SAMPLE", sample).stdout(Stdio::null());
    if let Some(log) = log {
        command.env("MEMTRACE_FILE", log);
    }
    let usage = memtrace_measure::run(&mut command).expect("the engine can be started");
    assert!(usage.success, "the engine does its work");
    usage
}
