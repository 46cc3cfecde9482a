//! `memtrace events`: the log itself, event by event.

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::PathBuf,
};

use clap::Args;
use memtrace_analysis::{
    Nanos, ReadError, Trace,
    events::{Browser, Entry, EventLine, EventPlace, Query},
    rendering::write_json_line,
};

use crate::{failure::Failure, input};

/// The columns of the text, but for the last.
const HEADLINE: &str =
    "              time  thread            kind                   address           size  about";

/// `memtrace events`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace events run.trace --around 1.5s             what happened at a time
    memtrace events run.trace --from 1s --to 1.1s
    memtrace events run.trace --grep 0x7f3a00001000     what held an address, and when
    memtrace events run.trace --grep 'unet alloc' --json | jq -s 'map(.bytes) | add'

A word matches a part of a kind, thread, heap, module, name or frame, in any case; 0x… is an
address and matches the blocks and segments that contain it. An event has to match all words.

Times are seconds since the trace's start. With --json, every line is an object with times in
nanoseconds and sizes in bytes.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// Begin the range at this time since the trace's start: 1.5s, 200ms, or plain seconds
    #[arg(long, value_name = "TIME")]
    from: Option<Nanos>,
    /// End the range at this time
    #[arg(long, value_name = "TIME")]
    to: Option<Nanos>,
    /// Show the events on both sides of this time
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to", "grep"])]
    around: Option<Nanos>,
    /// Show what mentions these words only
    #[arg(long, value_name = "WORDS")]
    grep: Option<String>,
    /// Show no more than this many; with --around, on each side (20 if it is not said)
    #[arg(short = 'n', long, value_name = "NUMBER")]
    count: Option<usize>,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.grep.as_ref().is_some_and(|words| words.trim().is_empty()) {
        return Err(Failure::NoWords);
    }
    let trace = input::open(&arguments.trace)?;
    let mut list = List { trace: &trace, json: arguments.json, out: BufWriter::new(io::stdout().lock()) };
    let listed = list.print(arguments);
    let listed = listed.map_err(|error| match error {
        Broken::Read(error) => Failure::unreadable(&arguments.trace)(error),
        Broken::Write(error) => Failure::Output(error),
    });
    if listed? == 0 && arguments.grep.is_some() {
        eprintln!("memtrace: no event mentions these words");
    }
    Ok(())
}

/// Why a list ends early.
enum Broken {
    Read(ReadError),
    Write(io::Error),
}

struct List<'a, W> {
    trace: &'a Trace,
    json: bool,
    out: W,
}

impl<W: Write> List<'_, W> {
    /// Prints the list, and says how many events are in it.
    fn print(&mut self, arguments: &Arguments) -> Result<u64, Broken> {
        if !self.json {
            writeln!(self.out, "{HEADLINE}").map_err(Broken::Write)?;
        }
        let browser = Browser::new(self.trace);
        let Some(around) = arguments.around else { return self.range(&browser, arguments) };
        let place = EventPlace::at(around);
        let count = arguments.count.unwrap_or(20);
        let mut on = |_| ControlFlow::Continue(());
        let before = browser.page_before(place, count, &mut |_| true, &mut on).map_err(Broken::Read)?;
        let behind = browser.page_from(place, count, &mut |_| true, &mut on).map_err(Broken::Read)?;
        let mut listed = 0;
        for entry in [before, behind].into_iter().flatten().flatten() {
            self.line(&entry)?;
            listed += 1;
        }
        self.out.flush().map_err(Broken::Write)?;
        Ok(listed)
    }

    fn range(&mut self, browser: &Browser<'_>, arguments: &Arguments) -> Result<u64, Broken> {
        let mut query = arguments.grep.as_deref().and_then(Query::new);
        let to = arguments.to.unwrap_or(Nanos(u64::MAX));
        let mut left = arguments.count.unwrap_or(usize::MAX);
        let mut listed = 0;
        for entry in browser.from(arguments.from.unwrap_or_default()) {
            let entry = entry.map_err(Broken::Read)?;
            if entry.recorded.time > to || left == 0 {
                break;
            }
            let wanted =
                query.as_mut().is_none_or(|query| query.matches(&entry.recorded, self.trace.definitions()));
            if wanted {
                left -= 1;
                listed += 1;
                self.line(&entry)?;
            }
        }
        self.out.flush().map_err(Broken::Write)?;
        Ok(listed)
    }

    fn line(&mut self, entry: &Entry) -> Result<(), Broken> {
        let line = EventLine::new(&entry.recorded, self.trace.definitions());
        let written = if self.json { write_json_line(&line, &mut self.out) } else { self.text(&line) };
        written.map_err(Broken::Write)
    }

    fn text(&mut self, line: &EventLine) -> io::Result<()> {
        let Nanos(time) = line.time_ns;
        let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000);
        let address = line.address.map(|address| address.to_string()).unwrap_or_default();
        let bytes = line.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let text = format!(
            "{seconds:>8}.{rest:09}  {:<16}  {:<20} {address:>16} {bytes:>11}  {}",
            line.thread,
            line.kind,
            line.about()
        );
        writeln!(self.out, "{}", text.trim_end())
    }
}
