//! `memtrace analyze`: the terminal UI, or the report as text or as JSON.

use std::io::{IsTerminal as _, stdout};

use memtrace_analyzer::{
    Checkpoints, Part, PartError, import,
    instant::{When, WhenError},
    report::{ReportText, StateText},
    tui,
};

use crate::{arguments::Analyze, failure::Failure, output, progress};

pub(crate) fn run(arguments: &Analyze) -> Result<(), Failure> {
    let part = arguments.part();
    if let Some(when) = &arguments.at {
        return run_at(arguments, when);
    }
    if part == Part::Whole && arguments.cycle.is_none() && !arguments.text && !arguments.json && has_screen()
    {
        let show = if arguments.follow { tui::follow } else { tui::run };
        return show(&arguments.trace).map_err(|error| match error {
            tui::Error::Read(error) => Failure::not_imported(&arguments.trace)(error),
            tui::Error::Terminal(error) => Failure::Output(error),
            error => Failure::Output(std::io::Error::other(error)),
        });
    }
    if arguments.follow {
        return Err(Failure::NoScreen);
    }
    let opened = import::open(&arguments.trace, &mut progress::imported());
    let trace = opened.map_err(Failure::not_imported(&arguments.trace))?;
    let trace = match &arguments.cycle {
        Some(cycle) => trace.with_cycle(cycle),
        None => trace,
    };
    let analysis = trace.analyze_part(&part, progress::shown()).map_err(|error| match error {
        PartError::Read(error) => Failure::unreadable(&arguments.trace)(error),
        error => Failure::NoSuchPart(error),
    })?;
    if arguments.json {
        output::print_json(&analysis.report)
    } else {
        output::print(ReportText(&analysis.report))
    }
}

/// What was live at an instant.
fn run_at(arguments: &Analyze, when: &When) -> Result<(), Failure> {
    let opened = import::open(&arguments.trace, &mut progress::imported());
    let trace = opened.map_err(Failure::not_imported(&arguments.trace))?;
    let state = trace.state(&Checkpoints::default(), when).map_err(|error| match error {
        WhenError::Read(error) => Failure::unreadable(&arguments.trace)(error),
        error => Failure::NoSuchInstant(error),
    })?;
    if arguments.json { output::print_json(&state) } else { output::print(StateText(&state)) }
}

/// Whether the output is a terminal that can place text anywhere; one that calls itself dumb cannot.
fn has_screen() -> bool {
    stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}
