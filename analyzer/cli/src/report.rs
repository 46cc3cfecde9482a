//! `memtrace report`: the text to paste into an issue, and the archive to attach to it.

use std::{
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use memtrace_analysis::{
    Analysis, Nanos, SnapshotAt, Text, Trace, pack,
    rendering::{Markdown, write_json},
    report::Report,
};
use memtrace_export::html::Html;
use memtrace_format::Bytes;

use crate::{
    cut::{self, WINDOW},
    failure::Failure,
    input,
    machine::Machine,
    output,
    pack::failure,
    place::{Place, shown},
    progress,
    scrub::{self, How},
};

/// What issue trackers take as an attachment.
const ATTACHMENT: Bytes = Bytes(25 << 20);

/// A shorter part of a trace says nothing.
const SHORTEST: Nanos = Nanos(1_000_000);

/// `memtrace report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace report run.trace                     a page of Markdown, to paste into an issue
    memtrace report run.trace --html run.html     one page for a browser, with charts
    memtrace report run.trace -o bug.zip          an archive to attach to an issue
    memtrace report run.trace -o bug.zip --keep modules,scopes    with these names as they are
    memtrace report run.trace -o bug.zip --whole --no-scrub       the whole trace, with all names
    memtrace analyze bug.zip                      opens the archive

The archive holds the page, the report as JSON, facts about the machine, and the part of the trace
around the first failed request, or else around the peak. All names in it are pseudonyms
(`memtrace scrub --help`). The command lists the contents before it writes them.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads; `-` is standard input
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// Write an archive with the report and a part of the trace; `-` is standard output
    #[arg(short, long, value_name = "BUG.zip")]
    output: Option<PathBuf>,
    /// Write one page for a browser, with charts
    #[arg(long, value_name = "RUN.html", conflicts_with = "output")]
    html: Option<PathBuf>,
    /// Put the whole trace into the archive
    #[arg(long, requires = "output", conflicts_with_all = ["around", "window"])]
    whole: bool,
    /// Put the part around this instant into the archive: a time, `peak`, `peak#2`, `oom`, `end`, or a mark's name
    #[arg(long, value_name = "WHEN", requires = "output")]
    around: Option<SnapshotAt>,
    /// The length of that part
    #[arg(long, value_name = "TIME", default_value = WINDOW)]
    window: Nanos,
    /// Leave all names as they are
    #[arg(long, requires = "output", conflicts_with_all = ["keep", "key_file"])]
    no_scrub: bool,
    #[command(flatten)]
    how: How,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.trace;
    let trace = input::open(path)?;
    if let Some(output) = &arguments.html {
        let mut place = Place::begin(path, output, arguments.force)?;
        let Analysis { report, timeline, .. } = &analyze(path, &trace)?;
        write!(place.file, "{}", Html { report, timeline }).map_err(|error| place.unwritable(error))?;
        return place.end("");
    }
    let Some(output) = &arguments.output else {
        let Analysis { report, timeline, .. } = &analyze(path, &trace)?;
        return output::print(Markdown { report, timeline });
    };
    let mut place = Place::begin(path, output, arguments.force)?;
    let (trace, scrubbed) = if arguments.no_scrub {
        (trace, None)
    } else {
        let clean = Place::temporary()?;
        let scrubbed = scrub::write(path, &trace, &arguments.how, &clean)?;
        (input::open(&clean.file.path())?, Some(scrubbed))
    };
    let Analysis { report, timeline, .. } = &analyze(path, &trace)?;
    let mut page = Markdown { report, timeline }.to_string();
    if let Some(scrubbed) = &scrubbed {
        let (words, stays) = (scrubbed.replaced, scrub::STAYS);
        page += &format!("\n{words} words in this page are pseudonyms; {stays}.\n");
    }
    let mut json = Vec::new();
    write_json(report, &mut json).map_err(Failure::Output)?;
    let machine = machine(&trace, report);
    let names = match &scrubbed {
        Some(scrubbed) => scrub::told(scrubbed),
        None => {
            "with the names of modules, phases, threads, functions and files, and the process id\n".to_owned()
        }
    };
    place.say(format_args!(
        "{} will hold\n  report.md     {}\n  report.json   {}\n  machine.txt   {}\n  and of the trace {}; in all of them, {names}",
        shown(output),
        Bytes(page.len() as u64),
        Bytes(json.len() as u64),
        machine.trim_end().replace('\n', "; "),
        if arguments.whole { "all".to_owned() } else { format!("{} at most", arguments.window) },
    ))?;
    let beside =
        [("report.md", page.as_bytes()), ("report.json", &json[..]), ("machine.txt", machine.as_bytes())];
    // A scrubbed trace is not called what the program's file was.
    let name = if scrubbed.is_some() { "run.trace".into() } else { input::name(path) };
    let mut window =
        (!arguments.whole && report.trace.duration_ns > arguments.window).then_some(arguments.window);
    let middle = match window {
        Some(_) => cut::instant(path, &trace, &arguments.around.clone().unwrap_or_else(|| telling(report)))?,
        None => Nanos(0),
    };
    let (packed, part) = loop {
        let cut = window.map(|window| cut_around(path, &trace, middle, window)).transpose()?;
        let packed_trace = cut.as_ref().map_or(&trace, |(cut, _)| cut);
        let file = place.file.file_mut();
        file.set_len(0).and_then(|()| file.rewind()).map_err(Failure::Output)?;
        let packed = pack::pack(packed_trace, &name, &beside, file, &mut progress::of("packing"));
        let packed = packed.map_err(|error| failure(error, path, &place))?.packed_bytes;
        let shorter = Nanos(window.unwrap_or(report.trace.duration_ns).0 / 2);
        if packed <= ATTACHMENT || arguments.whole || shorter < SHORTEST {
            break (packed, cut.map(|(_, part)| part));
        }
        window = Some(shorter);
    };
    let part =
        part.map_or("all of the trace".to_owned(), |(from, to)| format!("of the trace from {from} to {to}"));
    let over = match packed > ATTACHMENT {
        true => {
            format!("  issue trackers take {ATTACHMENT:.0}: leave out --whole, or give a shorter --window\n")
        }
        false => String::new(),
    };
    place.end(format_args!("{}: {packed:.1}, with {part}\n{over}", shown(output)))
}

fn analyze(path: &Path, trace: &Trace) -> Result<Analysis, Failure> {
    trace.analyze(progress::shown()).map_err(Failure::unreadable(path))
}

/// What of the trace tells why: the first request that failed, or the peak.
fn telling(report: &Report) -> SnapshotAt {
    match (report.ooms_total, report.heaps.is_empty()) {
        (1.., _) => SnapshotAt::Failure(1),
        (0, false) => SnapshotAt::Peak(1),
        (0, true) => SnapshotAt::End,
    }
}

/// The trace around an instant.
fn cut_around(
    path: &Path,
    trace: &Trace,
    middle: Nanos,
    window: Nanos,
) -> Result<(Trace, (Nanos, Nanos)), Failure> {
    let (from, to) = cut::around(middle, window);
    let part = Place::temporary()?;
    let cut = cut::write(path, trace, (from, Some(to)), &part)?;
    Ok((input::open(&part.file.path())?, (cut.from, cut.to)))
}

/// What is known of the machine: of the recorded one what the trace says, of this one what it is.
fn machine(trace: &Trace, report: &Report) -> String {
    let mut facts = format!("memtrace {}\nreported on: {}\n", env!("CARGO_PKG_VERSION"), Machine::this());
    facts += &format!("clock: {}\n", report.trace.clock);
    let mut devices: Vec<_> = trace.definitions().devices().collect();
    devices.sort_by_key(|device| device.ordinal);
    for device in devices {
        let total = device.total.map_or_else(|| "unknown".to_owned(), |total| Bytes(total).to_string());
        facts += &format!("device {}: {}, {total}\n", device.ordinal, Text::new(device.name.as_str()));
    }
    facts
}
