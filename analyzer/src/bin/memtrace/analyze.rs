//! `memtrace analyze`: the terminal UI, or the report as text or as JSON.

use std::{
    io::{IsTerminal as _, stdout},
    path::Path,
};

use memtrace_analyzer::{
    Checkpoints, PartError,
    diff::InstantsDiffText,
    import,
    instant::{When, WhenError},
    report::{Report, ReportText, StateText},
    tui,
};

use crate::{
    arguments::{Analyze, Selection},
    failure::Failure,
    output, progress,
};

pub(crate) fn run(arguments: &Analyze) -> Result<(), Failure> {
    if let Some(when) = &arguments.at {
        return run_at(arguments, when);
    }
    if arguments.selection.is_everything()
        && arguments.cycle.is_none()
        && !arguments.text
        && !arguments.json
        && has_screen()
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
    let report = report(&arguments.trace, &arguments.selection, arguments.cycle.as_deref())?;
    if arguments.json { output::print_json(&report) } else { output::print(ReportText(&report)) }
}

/// The report of what is selected of a trace, with growth over one cycle if it is named.
pub(crate) fn report(path: &Path, selection: &Selection, cycle: Option<&str>) -> Result<Report, Failure> {
    let opened = import::open(path, &mut progress::imported());
    let trace = opened.map_err(Failure::not_imported(path))?;
    let trace = match cycle {
        Some(cycle) => trace.with_cycle(cycle),
        None => trace,
    };
    let analysis = trace.analyze_filtered(&selection.part(), &selection.filter(), progress::shown());
    let analysis = analysis.map_err(|error| match error {
        PartError::Read(error) => Failure::unreadable(path)(error),
        error => Failure::NoSuchPart(error),
    })?;
    Ok(analysis.report)
}

/// What was live at an instant, or what differs from it at another.
fn run_at(arguments: &Analyze, when: &When) -> Result<(), Failure> {
    let opened = import::open(&arguments.trace, &mut progress::imported());
    let trace = opened.map_err(Failure::not_imported(&arguments.trace))?;
    let failure = |error| match error {
        WhenError::Read(error) => Failure::unreadable(&arguments.trace)(error),
        error => Failure::NoSuchInstant(error),
    };
    let checkpoints = Checkpoints::default();
    let Some(against) = &arguments.against else {
        let state = trace.state(&checkpoints, when).map_err(failure)?;
        return if arguments.json { output::print_json(&state) } else { output::print(StateText(&state)) };
    };
    let diff = trace.compare(&checkpoints, when, against).map_err(failure)?;
    if arguments.json { output::print_json(&diff) } else { output::print(InstantsDiffText(&diff)) }
}

/// Whether the output is a terminal that can place text anywhere; one that calls itself dumb cannot.
fn has_screen() -> bool {
    stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}
