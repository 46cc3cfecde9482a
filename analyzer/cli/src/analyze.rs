//! `memtrace analyze`: the terminal UI, or the report as text or as JSON.

use std::{
    fs,
    io::{IsTerminal as _, stdout},
    path::{Path, PathBuf},
};

use memtrace_analysis::{
    Checkpoints, ReadError, SnapshotAt, Text, Trace, as_positions,
    processes::Process,
    rendering::{ProcessesText, ReportText, SnapshotsDiffText, StateText},
    report::Report,
};

use crate::{
    arguments::{Analyze, Selection},
    failure::Failure,
    input, output,
    place::PIPE,
    progress,
};

pub(crate) fn run(arguments: &Analyze) -> Result<(), Failure> {
    let traces = traces(&arguments.traces)?;
    let [trace] = &traces[..] else { return run_of_several(arguments, &traces) };
    if let Some(when) = &arguments.at {
        return run_at(arguments, trace, when);
    }
    if arguments.selection.is_everything()
        && arguments.cycle.is_none()
        && !arguments.text
        && !arguments.json
        && trace.as_os_str() != PIPE
        && has_screen()
    {
        let show = if arguments.follow { memtrace_tui::follow } else { memtrace_tui::run };
        return show(trace).map_err(|error| match error {
            memtrace_tui::Error::Read(error) => Failure::not_imported(trace)(error),
            memtrace_tui::Error::Terminal(error) => Failure::Output(error),
            error => Failure::Output(std::io::Error::other(error)),
        });
    }
    if arguments.follow {
        return Err(Failure::NoScreen);
    }
    let report = report(trace, &arguments.selection, arguments.cycle.as_deref())?;
    if let Some(why) = report.growth.cycles_why.as_ref().filter(|_| arguments.cycle.is_some()) {
        return Err(Failure::NoSuchCycle(why.clone()));
    }
    if arguments.json { output::print_json(&report) } else { output::print(ReportText(&report)) }
}

/// The report of what is selected of a trace, with growth over one cycle if it is named.
pub(crate) fn report(path: &Path, selection: &Selection, cycle: Option<&str>) -> Result<Report, Failure> {
    let trace = input::open(path)?;
    let trace = match cycle {
        Some(cycle) => trace.with_cycle(cycle),
        None => trace,
    };
    let analysis = trace.analyze_filtered(&selection.part(), &selection.filter(), progress::shown());
    Ok(analysis.map_err(Failure::no_part(path))?.report)
}

/// What was live at an instant, or what differs from it at another.
fn run_at(arguments: &Analyze, path: &Path, when: &SnapshotAt) -> Result<(), Failure> {
    let trace = input::open(path)?;
    let checkpoints = Checkpoints::default();
    as_positions(!trace.has_times(), || print_at(arguments, path, when, (&trace, &checkpoints)))
}

fn print_at(
    arguments: &Analyze,
    path: &Path,
    when: &SnapshotAt,
    (trace, checkpoints): (&Trace, &Checkpoints),
) -> Result<(), Failure> {
    let Some(against) = &arguments.against else {
        let state = trace.state(checkpoints, when).map_err(Failure::no_instant(path))?;
        return if arguments.json { output::print_json(&state) } else { output::print(StateText(&state)) };
    };
    let diff = trace.compare(checkpoints, when, against).map_err(Failure::no_instant(path))?;
    if arguments.json { output::print_json(&diff) } else { output::print(SnapshotsDiffText(&diff)) }
}

/// The arguments that stand for looking at these traces.
pub(crate) fn of(traces: Vec<PathBuf>) -> Analyze {
    Analyze { traces, ..Analyze::default() }
}

/// The files that are named, those in folders by their ending.
fn traces(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut traces = Vec::new();
    for path in named {
        if !path.is_dir() {
            traces.push(path.clone());
            continue;
        }
        let unreadable = |error| Failure::unreadable(path)(ReadError::Open(error));
        let entries = fs::read_dir(path).map_err(unreadable)?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
            .collect();
        found.sort();
        if found.is_empty() {
            return Err(Failure::unreadable(path)(ReadError::NotAFile {
                what: "a directory without traces",
            }));
        }
        traces.append(&mut found);
    }
    Ok(traces)
}

/// A table of processes. One that cannot be read is named, and the others are told all the same.
fn run_of_several(arguments: &Analyze, traces: &[PathBuf]) -> Result<(), Failure> {
    if arguments.follow || arguments.at.is_some() || arguments.cycle.is_some() {
        return Err(Failure::OneTrace);
    }
    let mut processes = Vec::new();
    let mut unread = false;
    for path in traces {
        match report(path, &arguments.selection, None) {
            Ok(report) => processes.push(Process::of(Text::new(path.to_string_lossy()), &report)),
            Err(failure) => {
                failure.report();
                unread = true;
            }
        }
    }
    if !processes.is_empty() {
        if arguments.json {
            output::print_json(&processes)
        } else {
            output::print(ProcessesText(&processes))
        }?;
    }
    if unread { Err(Failure::SaidUnreadable) } else { Ok(()) }
}

/// Whether the output is a terminal that can place text anywhere; one that calls itself dumb cannot.
fn has_screen() -> bool {
    stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}
