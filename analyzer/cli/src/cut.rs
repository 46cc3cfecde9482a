//! `memtrace cut`: a part of a trace, as a trace.

use std::path::{Path, PathBuf};

use clap::Args;
use memtrace_analysis::{
    Nanos, SnapshotAt, Trace, TraceRange,
    cut::{self, Cut, CutError},
};

use crate::{
    failure::Failure,
    input,
    place::{Place, shown},
    progress,
};

/// `memtrace cut`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace cut run.trace -o part.trace --from 1.5s --to 2s
    memtrace cut run.trace -o part.trace --phase denoise#2
    memtrace cut run.trace -o part.trace --around oom --window 2s   a second on each side
    memtrace cut run.trace.zip -o - --around peak | memtrace pack - -o part.zip

The part contains everything that was live before, so its figures are those of
`memtrace analyze run.trace --from --to`, except what docs/cut.md lists.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads; `-` is standard input
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// The trace to write; `-` is standard output
    #[arg(short, long, value_name = "PART.trace")]
    output: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Which part.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Which {
    /// Begin at this time since the trace's start: 1.5s, 200ms, or plain seconds
    #[arg(long, value_name = "TIME")]
    from: Option<Nanos>,
    /// End at this time
    #[arg(long, value_name = "TIME")]
    to: Option<Nanos>,
    /// Select one run of this phase; NAME#2 is the second
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to", "around"])]
    phase: Option<String>,
    /// Select the surroundings of an instant: a time, `peak`, `peak#2`, `oom`, `end`, or a mark's name
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["from", "to"])]
    around: Option<SnapshotAt>,
    /// With --around: the length of the part, half of it before the instant
    #[arg(long, value_name = "TIME", default_value = WINDOW, requires = "around")]
    window: Nanos,
}

/// The default length of a part.
pub(crate) const WINDOW: &str = "5s";

impl Which {
    /// From when to when that is.
    fn ends(&self, path: &Path, trace: &Trace) -> Result<(Nanos, Option<Nanos>), Failure> {
        if let Some(when) = &self.around {
            let (from, to) = around(instant(path, trace, when)?, self.window);
            return Ok((from, Some(to)));
        }
        let Some(phase) = &self.phase else { return Ok((self.from.unwrap_or_default(), self.to)) };
        let ends = trace.ends_of(&TraceRange::run(phase), progress::shown());
        let (from, to) = ends.map_err(Failure::no_part(path))?;
        Ok((from, Some(to)))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { trace: path, output, which, force } = arguments;
    let trace = input::open(path)?;
    let place = Place::begin(path, output, *force)?;
    let (from, to) = which.ends(path, &trace)?;
    let Cut { from, to, events, folded, .. } = write(path, &trace, (from, to), &place)?;
    place.end(format_args!(
        "{}: {events} events from {from} to {to}, and what is left of {folded} before\n",
        shown(output)
    ))
}

/// When an instant is.
pub(crate) fn instant(path: &Path, trace: &Trace, when: &SnapshotAt) -> Result<Nanos, Failure> {
    trace.time_of(when).map_err(Failure::no_instant(path))
}

/// The ends of a window around an instant.
pub(crate) fn around(middle: Nanos, window: Nanos) -> (Nanos, Nanos) {
    let half = Nanos(window.0 / 2);
    (middle.since(half), middle.plus(half))
}

/// Writes a part into a place.
pub(crate) fn write(
    path: &Path,
    trace: &Trace,
    (from, to): (Nanos, Option<Nanos>),
    place: &Place,
) -> Result<Cut, Failure> {
    let file = place.file.as_file().try_clone().map_err(|error| place.unwritable(error))?;
    let cut = cut::cut(trace, from, to, file, &mut progress::of("cutting"));
    cut.map_err(|error| match error {
        CutError::Range(error) => Failure::no_part(path)(error),
        CutError::Write(error) => place.unwritable(error),
        error => place.unwritable(std::io::Error::other(error)),
    })
}
