//! The arguments of the command line, and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use memtrace_analysis::{Filter, Nanos, SnapshotAt, Text, TraceRange};

use crate::{check, completions, cut, diff, doctor, events, export, man, pack, record, report, scrub};

/// Explains what an engine's memory did, from a trace that it recorded.
#[derive(Debug, Parser)]
#[command(
    name = "memtrace",
    version,
    max_term_width = 100,
    after_help = "\
Record an unmodified program, or an engine that links the tracer:

    memtrace record -o run.trace -- python launch.py
    MEMTRACE_FILE=run.%p.trace ./engine        (%p becomes the process id)
    memtrace analyze run.trace

Recordings of other programs open directly: memtrace analyze snapshot.pickle

Exit status: 0 done; 1 a check or comparison failed; 2 wrong usage; 3 the file cannot be read as a
trace; 4 the output cannot be written. A damaged trace is read as far as it goes, and the report
says what is missing."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// What was typed. What is said about mistakes repeats them, and shows them escaped as text from elsewhere.
    pub(crate) fn of_command_line() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let shown = std::env::args_os().map(|typed| Text::new(typed.to_string_lossy()).to_string());
            match Self::try_parse_from(shown) {
                Err(escaped) => escaped.exit(),
                // Only bytes that are no text are wrong, and those are not repeated.
                Ok(_) => error.exit(),
            }
        })
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program and record what its memory does
    Record(record::Arguments),
    /// Show what happened: findings, peaks and their owners, fragmentation, residency, swaps
    Analyze(Analyze),
    /// Show what a trace is: its recorder, how it ended, events by kind, losses
    Info(Info),
    /// Compare two runs: what changed, and whether the second is worse
    Diff(diff::Arguments),
    /// Hold a run against a budget
    Check(check::Arguments),
    /// List single events: of a range, around a time, or those that match words
    Events(events::Arguments),
    /// Convert a recording of another program (PyTorch, JAX, RMM, Nsight Systems) to a trace
    Import(Import),
    /// Write a trace for another tool: Perfetto, PyTorch's viewer, CSV, flame graphs, speedscope
    Export(export::Arguments),
    /// Write a bug report: a page to paste, and an archive to attach
    Report(report::Arguments),
    /// Write a part of a trace as a trace, with everything that was live before
    Cut(cut::Arguments),
    /// Replace the names in a trace by pseudonyms, and leave every figure
    Scrub(scrub::Arguments),
    /// Compress a trace; every command reads the result as it is
    Pack(pack::Pack),
    /// Restore a packed trace byte by byte
    Unpack(pack::Unpack),
    /// Check what can be recorded on this machine
    Doctor(doctor::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
}

/// `memtrace analyze`
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
    memtrace analyze run.trace                     interactive on a terminal
    memtrace analyze --follow run.4242.trace       while the engine runs
    memtrace analyze run.trace | less              the report
    memtrace analyze run.*.trace                   a table of the processes of a run
    memtrace analyze run.trace --json | jq '.heaps[] | {name, peak: .peak.allocated_bytes}'
    memtrace analyze run.trace --from 1.5s --to 2s     half a second of the run
    memtrace analyze run.trace --phase denoise#2       the second run of a phase
    memtrace analyze run.trace --at peak#2             what is live at the second highest peak
    memtrace analyze run.trace --at peak#2 --against peak    what differs between two peaks
    memtrace analyze run.trace --cycle switch          what every switch of models retains
    memtrace analyze run.trace --device 1              the second device only
    memtrace analyze run.trace --thread worker-2       one thread: what it allocated and did

Ranges, filters, --at and --cycle print the report on a terminal too. --from, --to and --phase
select a range: the report counts what happens in it, starting with everything that was live then.
Both ends belong to the range. --device and --thread are filters: the report is that of a run in
which nothing else was recorded.

In JSON, times are nanoseconds since the trace's start and sizes are bytes. An unknown figure is
null, and <name>_why beside it gives the reason.")]
pub(crate) struct Analyze {
    /// The trace, or a recording that `memtrace import` reads; several, or a folder, give a table of processes; `-` is standard input
    #[arg(value_name = "RUN.trace", required = true)]
    pub(crate) traces: Vec<PathBuf>,
    /// Print the report as text, on a terminal too
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep reading while the trace is being written; needs a terminal
    #[arg(long, conflicts_with_all = ["text", "json", "from", "to", "phase", "device", "thread", "cycle"])]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Report what is live at an instant, and which blocks keep which segments: a time, `peak`, `peak#2`, `oom`, `end`, or a mark's name
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["from", "to", "phase", "device", "thread", "cycle"])]
    pub(crate) at: Option<SnapshotAt>,
    /// With --at: compare with this instant: what is new, what is gone, and its owners
    #[arg(long, value_name = "WHEN", requires = "at")]
    pub(crate) against: Option<SnapshotAt>,
    /// Look for growth over this cycle only: a phase, scope, mark or module that repeats
    #[arg(long, value_name = "NAME")]
    pub(crate) cycle: Option<String>,
}

/// What a report covers.
#[derive(Debug, Default, Args)]
pub(crate) struct Selection {
    /// Begin the range at this time since the trace's start: 1.5s, 200ms, or plain seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Nanos>,
    /// End the range at this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Nanos>,
    /// Select one run of this phase; NAME#2 is the second
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    pub(crate) phase: Option<String>,
    /// Report one device only: its heaps, the transfers to and from it, its samples and its ledger
    #[arg(long, value_name = "N")]
    pub(crate) device: Option<u32>,
    /// Report the threads of this name only: what they did, and what they allocated, whoever freed it
    #[arg(long, value_name = "NAME")]
    pub(crate) thread: Option<String>,
}

impl Selection {
    /// The part of the trace that is asked for.
    pub(crate) fn part(&self) -> TraceRange {
        match (&self.phase, self.from, self.to) {
            (Some(phase), ..) => TraceRange::run(phase),
            (None, None, None) => TraceRange::Whole,
            (None, from, to) => TraceRange::Between { from: from.unwrap_or_default(), to },
        }
    }

    /// What of it alone.
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        filter.device = self.device;
        filter.thread.clone_from(&self.thread);
        filter
    }

    /// Whether it is the whole trace, and all of it.
    pub(crate) fn is_everything(&self) -> bool {
        self.part() == TraceRange::Whole && self.filter().is_empty()
    }
}

/// `memtrace info`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace info run.trace
    memtrace info run.trace --json | jq .trace.ended     clean, killed or running
    memtrace info run.trace.zip                          packed traces and other recordings too")]
pub(crate) struct Info {
    /// The trace, or a recording that `memtrace import` reads; `-` is standard input
    #[arg(value_name = "RUN.trace")]
    pub(crate) trace: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `memtrace import`
#[derive(Debug, Args)]
#[command(after_help = "\
Which recording a file is follows from its content:
    a PyTorch memory snapshot   torch.cuda.memory._dump_snapshot(\"snapshot.pickle\"), a pickle of
                                torch.cuda.memory_snapshot(), or PyTorch's page with one in it
    a PyTorch profiler trace    torch.profiler.profile(profile_memory=True), export_chrome_trace()
    a PyTorch memory timeline   export_memory_timeline(\"run.raw.json.gz\")
    a JAX memory profile        jax.profiler.save_device_memory_profile(\"memory.prof\")
    an RMM log                  rmm.enable_logging(log_file_name=\"rmm.csv\")
    an Nsight Systems export    nsys profile --cuda-memory-usage=true; nsys export --type sqlite

Each may be compressed with gzip, or be in a ZIP archive. Every other command reads these files
directly too. A trace is read faster.")]
pub(crate) struct Import {
    /// The recording; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) recording: PathBuf,
    /// The trace to write
    #[arg(short, long, value_name = "RUN.trace")]
    pub(crate) output: PathBuf,
    /// Replace an existing trace
    #[arg(long)]
    pub(crate) force: bool,
}
