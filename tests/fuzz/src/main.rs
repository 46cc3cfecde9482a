//! Reads what somebody has made to do harm: the same targets and the same changes on any machine, with the stable toolchain.
//!
//! Each execution changes a seed, by a random number that its own number decides, puts the checksums right, and reads the result as
//! the command does. It may be refused; it may not panic, take more than 64 MiB and four times its length in memory, or more than a
//! second of processor time for each begun MiB. What does is kept, and told with the command that does it again.

mod changes;
mod limits;
mod log;
mod packed;
mod pickle;
mod targets;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use fastrand::Rng;

use limits::{Limits, Memory};
use targets::{TARGETS, Target};

#[global_allocator]
static MEMORY: Memory = Memory;

/// Reads what somebody has made to do harm.
#[derive(Debug, Parser)]
struct Arguments {
    /// The targets; all of them if none is named
    targets: Vec<String>,
    /// How long to go on, for all targets together
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// How many executions of each target, whatever the time
    #[arg(long)]
    executions: Option<u64>,
    /// The number of the first execution
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Where to keep what fails
    #[arg(long, default_value = "target/fuzz-failures")]
    failures: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let known = |name: &String| TARGETS.iter().any(|target| target.name == name);
    if let Some(unknown) = arguments.targets.iter().find(|name| !known(name)) {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        anyhow::bail!("there is no target {unknown}; there are {}", names.join(", "));
    }
    let chosen = |target: &&Target| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.name)
    };
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    let share = Duration::from_secs_f64(arguments.seconds / targets.len() as f64);
    // A panic is told with the input that brought it about.
    std::panic::set_hook(Box::new(|_| ()));
    let mut failed = false;
    for target in targets {
        failed |= !fuzz(target, &arguments, share)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether all executions went well.
fn fuzz(target: &Target, arguments: &Arguments, share: Duration) -> anyhow::Result<bool> {
    let seeds = (target.seeds)()?;
    let folder = tempfile::tempdir()?;
    let mut limits = Limits::new(target.run, folder.path().join("input"));
    for (number, seed) in seeds.iter().enumerate() {
        // What is sound is read, and whatever is made once is there afterwards.
        if let Err(failure) = limits.execute(seed) {
            anyhow::bail!("seed {number} of {} is sound: {failure}", target.name);
        }
    }
    limits.accepted = 0;
    let began = Instant::now();
    let mut executions = 0;
    let goes_on = |executions| match arguments.executions {
        Some(most) => executions < most,
        None => began.elapsed() < share,
    };
    while goes_on(executions) {
        let number = arguments.from + executions;
        let mut random = Rng::with_seed(number);
        let mut input = seeds[random.usize(..seeds.len())].clone();
        (target.change)(&mut random, &mut input);
        executions += 1;
        if let Err(failure) = limits.execute(&input) {
            std::fs::create_dir_all(&arguments.failures)?;
            let kept = arguments.failures.join(format!("{}-{number}", target.name));
            std::fs::write(&kept, &input)?;
            println!("{}: execution {number}: {failure}", target.name);
            println!(
                "  the input is {}; again: {} --from {number} --executions 1",
                kept.display(),
                target.name
            );
            return Ok(false);
        }
    }
    println!(
        "{:<8} {executions:>9} executions in {:>5.1} s, {:>3.0}% read as something, at most {:>5.1} MiB and {:>4.0} ms each",
        target.name,
        began.elapsed().as_secs_f64(),
        limits.accepted as f64 / executions.max(1) as f64 * 100.0,
        limits.most_memory as f64 / f64::from(1 << 20),
        limits.most_time.as_secs_f64() * 1e3,
    );
    Ok(true)
}
