//! `memtrace check`: a run held against a budget.

use std::{fs, path::PathBuf};

use clap::Args;
use memtrace_analysis::{
    Text,
    check::{Budget, Check, GrowthLimit, TimeLimit},
    rendering::CheckText,
};
use memtrace_format::Bytes;

use crate::{analyze::report, arguments::Selection, failure::Failure, output};

/// `memtrace check`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace check run.trace --max-peak 8GiB --max-swap-time 5%
    memtrace check run.trace --no-fail-findings
    memtrace check run.trace --max-growth 1MiB/cycle --max-growth 64KiB/switch
    memtrace check run.trace --budget budget.toml

A budget is a TOML file with the same names; limits of heaps stand under [devices] or under a heap:

    max-failed-requests = 0
    no-fail-findings = true
    [devices]
    max-peak = \"8GiB\"
    [heaps.host]
    max-left = \"64MiB\"
    [cycles.switch]
    max-growth = \"64KiB\"

An option takes precedence over the file. An unknown figure (events were dropped, the process was
killed, there is no such heap) fails every limit on it, with the reason. Exit status 1: a limit was
exceeded, or a finding fails.")]
pub(crate) struct Arguments {
    /// The trace
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// Limit the bytes allocated at once on each device's heap
    #[arg(long, value_name = "BYTES")]
    max_peak: Option<Bytes>,
    /// Limit the bytes reserved at once by each device's heap
    #[arg(long, value_name = "BYTES")]
    max_reserved: Option<Bytes>,
    /// Limit the bytes still allocated at the end on each device's heap
    #[arg(long, value_name = "BYTES")]
    max_left: Option<Bytes>,
    /// Limit the bytes that a heap retains in each run of every cycle (1MiB/cycle), or of one (64KiB/switch)
    #[arg(long, value_name = "BYTES/CYCLE")]
    max_growth: Vec<GrowthLimit>,
    /// Limit the time of all swaps: 5% of the run, or 200ms
    #[arg(long, value_name = "LIMIT")]
    max_swap_time: Option<TimeLimit>,
    /// Limit the time that forwards wait for weights: 5% of the run, or 200ms
    #[arg(long, value_name = "LIMIT")]
    max_stall_time: Option<TimeLimit>,
    /// Limit the number of failed requests
    #[arg(long, value_name = "N")]
    max_failed_requests: Option<u64>,
    /// Allow no finding that says FAIL
    #[arg(long)]
    no_fail_findings: bool,
    /// Read limits from this file
    #[arg(long, value_name = "FILE.toml")]
    budget: Option<PathBuf>,
    /// Pass a limit whose figure is unknown
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    selection: Selection,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let budget = arguments.budget()?;
    if budget.is_empty() {
        return Err(Failure::NoBudget);
    }
    let check = Check::of(&report(&arguments.trace, &arguments.selection, None)?, &budget);
    if arguments.json {
        output::print_json(&check)?;
    } else {
        output::print(CheckText(&check))?;
    }
    if check.passes(arguments.allow_unknown) { Ok(()) } else { Err(Failure::Verdict) }
}

impl Arguments {
    /// The file's limits, under those of the command line.
    fn budget(&self) -> Result<Budget, Failure> {
        let mut budget = match &self.budget {
            None => Budget::default(),
            Some(path) => {
                let failure = |error: String| {
                    let path = Text::new(path.to_string_lossy());
                    Failure::Budget { path, error }
                };
                let text = fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
                text.parse()
                    .map_err(|error: memtrace_analysis::check::BudgetError| failure(error.to_string()))?
            }
        };
        let devices = &mut budget.devices;
        devices.max_peak = self.max_peak.or(devices.max_peak);
        devices.max_reserved = self.max_reserved.or(devices.max_reserved);
        devices.max_left = self.max_left.or(devices.max_left);
        self.max_growth.iter().for_each(|limit| budget.limit_growth(limit.clone()));
        budget.max_swap_time = self.max_swap_time.or(budget.max_swap_time);
        budget.max_stall_time = self.max_stall_time.or(budget.max_stall_time);
        budget.max_failed_requests = self.max_failed_requests.or(budget.max_failed_requests);
        budget.no_fail_findings |= self.no_fail_findings;
        Ok(budget)
    }
}
