//! `memtrace export`: a trace for other tools.

use std::{
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use memtrace_analysis::{Nanos, SnapshotAt, Trace};
use memtrace_export::{Export, ExportError, Format, Table};
use memtrace_format::Bytes;

use crate::{
    arguments::Selection,
    failure::Failure,
    input,
    place::{PIPE, Place, shown},
    progress,
};

/// `memtrace export`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace export run.trace --to perfetto -o run.pftrace    open it in Perfetto's viewer
    memtrace export run.trace --to torch -o run.pickle        open it in PyTorch's viewer
    memtrace export run.trace --to csv | head                 the events, as a table
    memtrace export run.trace --to csv --table modules -o modules.csv
    memtrace export run.trace --to parquet -o events.parquet  for DuckDB, pandas or polars
    memtrace export run.trace --to flamegraph -o peak.svg     what is live at the highest peak
    memtrace export run.trace --to collapsed --at end         what is live at the end

perfetto, torch, csv and parquet show the whole run and take --from, --until and --phase. collapsed,
flamegraph and speedscope show an instant and take --at.

A range or filter limits the output to what `memtrace analyze` reports with it. docs/export.md says
what becomes of what.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// The format to write
    #[arg(long, value_name = "FORMAT")]
    to: To,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = PIPE)]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// For csv and parquet: the table to write
    #[arg(long, value_name = "TABLE", default_value = "events")]
    table: Rows,
    /// For collapsed, flamegraph and speedscope: the instant to show: a time, `peak`, `peak#2`, `oom`, `end`, or a mark's name [default: peak]
    #[arg(long, value_name = "WHEN")]
    at: Option<SnapshotAt>,
    /// Begin the range at this time since the trace's start: 1.5s, 200ms, or plain seconds
    #[arg(long, value_name = "TIME")]
    from: Option<Nanos>,
    /// End the range at this time
    #[arg(long, value_name = "TIME")]
    until: Option<Nanos>,
    /// Write one run of this phase; NAME#2 is the second
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "until"])]
    phase: Option<String>,
    /// Write one device only: its heaps, the transfers to and from it, its samples
    #[arg(long, value_name = "N")]
    device: Option<u32>,
    /// Write the threads of this name only: what they did, and what they allocated, whoever freed it
    #[arg(long, value_name = "NAME")]
    thread: Option<String>,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// A timeline of threads, transfers and heaps, with counters of allocated, active and reserved bytes
    Perfetto,
    /// A PyTorch memory snapshot of device heaps and page-locked memory
    Torch,
    /// The table that `--table` selects, as CSV
    Csv,
    /// The same table as Parquet, if memtrace was built with `--features parquet`
    Parquet,
    /// What is live at an instant, as collapsed stacks of heap, module, scopes and frames
    Collapsed,
    /// The same as a flame graph (SVG)
    Flamegraph,
    /// The same for speedscope (JSON)
    Speedscope,
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// Every event, with the state of its heap
    Events,
    /// Every sampled value
    Samples,
    /// Every module, with its transfers
    Modules,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { trace: path, output, force, .. } = arguments;
    let to_stdout = output.as_os_str() == PIPE;
    if to_stdout && arguments.to.is_binary() && io::stdout().is_terminal() {
        return Err(Failure::ForNoScreen);
    }
    let trace = input::open(path)?;
    let export = arguments.export();
    if to_stdout {
        return write(&trace, &export, io::stdout(), path, Failure::Output);
    }
    let place = Place::begin(path, output, *force)?;
    let file = place.file.file();
    write(&trace, &export, file, path, |error| place.unwritable(error))?;
    let bytes = file.metadata().map_err(|error| place.unwritable(error))?.len();
    place.end(format_args!("{}: {:.1}\n", shown(output), Bytes(bytes)))
}

fn write(
    trace: &Trace,
    export: &Export,
    out: impl Write + Send,
    path: &Path,
    unwritable: impl FnOnce(io::Error) -> Failure,
) -> Result<(), Failure> {
    memtrace_export::export(trace, export, out, progress::of("exporting")).map_err(|error| match error {
        ExportError::Range(error) => Failure::no_part(path)(error),
        ExportError::SnapshotAt(error) => Failure::no_instant(path)(error),
        ExportError::Selection(_) | ExportError::NothingLive(_) | ExportError::WithoutParquet => {
            Failure::NoSuchExport(error)
        }
        ExportError::Write(error) => unwritable(error),
        error => unwritable(io::Error::other(error)),
    })
}

impl Arguments {
    fn export(&self) -> Export {
        let mut export = Export::new(match self.to {
            To::Perfetto => Format::Perfetto,
            To::Torch => Format::Torch,
            To::Csv => Format::Csv(self.table.into()),
            To::Parquet => Format::Parquet(self.table.into()),
            To::Collapsed => Format::Collapsed,
            To::Flamegraph => Format::FlameGraph,
            To::Speedscope => Format::Speedscope,
        });
        export.at.clone_from(&self.at);
        let selection = Selection {
            from: self.from,
            to: self.until,
            phase: self.phase.clone(),
            device: self.device,
            thread: self.thread.clone(),
        };
        (export.part, export.filter) = (selection.part(), selection.filter());
        export
    }
}

impl From<Rows> for Table {
    fn from(rows: Rows) -> Self {
        match rows {
            Rows::Events => Self::Events,
            Rows::Samples => Self::Samples,
            Rows::Modules => Self::Modules,
        }
    }
}

impl To {
    /// Whether a person cannot read it.
    fn is_binary(self) -> bool {
        matches!(self, Self::Perfetto | Self::Torch | Self::Parquet)
    }
}
