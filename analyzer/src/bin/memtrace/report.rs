//! `memtrace report`: what to paste into an issue, and what to attach to it.

use std::{io::Write as _, path::PathBuf};

use clap::Args;
use memtrace_analyzer::{
    Text,
    html::Html,
    import, pack,
    report::{Markdown, write_json},
};
use memtrace_format::Bytes;

use crate::{
    failure::Failure,
    output,
    pack::failure,
    place::{Place, shown},
    progress,
};

/// What issue trackers take as an attachment.
const ATTACHMENT: Bytes = Bytes(25 << 20);

/// `memtrace report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace report run.trace                 a page of Markdown, to paste into an issue
    memtrace report run.trace --html run.html one page for a browser, with charts: it needs nothing else and loads nothing
    memtrace report run.trace -o bug.zip      the page, the whole report as JSON and the trace itself, to attach to it
    memtrace analyze bug.zip                  what whoever gets it does

What is in a trace: the names your engine gives to modules, phases and marks, thread names, functions and files of stacks
where they were recorded, addresses, sizes, times, the process id and what was sampled. Nothing of what was computed.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// Write an archive with the report and the packed trace
    #[arg(short, long, value_name = "BUG.zip")]
    output: Option<PathBuf>,
    /// Write one page for a browser, with charts
    #[arg(long, value_name = "RUN.html", conflicts_with = "output")]
    html: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { trace: path, output, html, force } = arguments;
    let opened = import::open(path, &mut progress::imported());
    let trace = opened.map_err(Failure::not_imported(path))?;
    let analysis = trace.analyze(progress::shown()).map_err(Failure::unreadable(path))?;
    let (report, timeline) = (&analysis.report, &analysis.timeline);
    if let Some(output) = html {
        let mut place = Place::begin(path, output, *force)?;
        write!(place.file, "{}", Html { report, timeline }).map_err(|error| place.unwritable(error))?;
        return place.end();
    }
    let page = Markdown { report, timeline }.to_string();
    let Some(output) = output else { return output::print(page) };
    let mut place = Place::begin(path, output, *force)?;
    let mut json = Vec::new();
    write_json(report, &mut json).map_err(Failure::Output)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    output::print(format_args!(
        "{} is going to hold\n  report.md         {}\n  report.json       {}\n  {}.packed  every event of {} events, with the names of modules, phases, threads and stacks\n",
        shown(output),
        Bytes(page.len() as u64),
        Bytes(json.len() as u64),
        Text::new(name.as_ref()),
        report.trace.events,
    ))?;
    let beside = [("report.md", page.as_bytes()), ("report.json", &json[..])];
    let packed = pack::pack(&trace, &name, &beside, place.file.as_file_mut(), &mut progress::of("packing"));
    let packed = packed.map_err(|error| failure(error, path, &place))?.packed_bytes;
    place.end()?;
    output::print(format_args!("{}: {packed:.1}\n", shown(output)))?;
    if packed > ATTACHMENT {
        output::print(format_args!(
            "  that is more than the {ATTACHMENT:.0} that issue trackers take: record a shorter run, or attach the output of `memtrace report` alone\n"
        ))?;
    }
    Ok(())
}
