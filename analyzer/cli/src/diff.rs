//! `memtrace diff`: two runs side by side.

use std::path::PathBuf;

use clap::Args;
use memtrace_analysis::{
    diff::{Diff, Tolerance},
    rendering::DiffText,
};

use crate::{analyze::report, arguments::Selection, failure::Failure, output};

/// `memtrace diff`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace diff before.trace after.trace
    memtrace diff main.trace branch.trace --fail-if-worse 2     for a pipeline

Heaps and cycles are matched by name, modules by full name, stacks by their frames, and phases by
name and ordinal. --fail-if-worse judges peaks, the bytes left at the end, the growth of cycles,
failed requests and swapped bytes. Durations differ between any two runs, so only --fail-if-slower
judges them.")]
pub(crate) struct Arguments {
    /// The run to compare with
    #[arg(value_name = "A.trace")]
    a: PathBuf,
    /// The run to judge
    #[arg(value_name = "B.trace")]
    b: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 if B needs more than A by over this many percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_if_worse: Option<f64>,
    /// Exit with 1 if swaps or the waits for them take longer in B by over this many percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_if_slower: Option<f64>,
    /// Accept a figure that is unknown in both runs
    #[arg(long)]
    allow_unknown: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let selected = |path| report(path, &arguments.selection, None);
    let (a, b) = (selected(&arguments.a)?, selected(&arguments.b)?);
    let mut diff = Diff::between(&a, &b);
    if arguments.fail_if_worse.is_some() || arguments.fail_if_slower.is_some() {
        diff = diff.judged(Tolerance::new(arguments.fail_if_worse, arguments.fail_if_slower));
    }
    if arguments.json {
        output::print_json(&diff)?;
    } else {
        output::print(DiffText(&diff))?;
    }
    match &diff.judgement {
        Some(judgement) if !judgement.is_well(arguments.allow_unknown) => Err(Failure::Verdict),
        _ => Ok(()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(percent / 100.0),
        _ => Err("it is not a percentage; try 5".to_owned()),
    }
}
