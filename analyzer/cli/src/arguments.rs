//! What can be typed, and the help that explains it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use memtrace_analysis::{Filter, Nanos, Part, Text, instant::When};

use crate::{check, completions, cut, diff, doctor, events, export, man, pack, record, report, scrub};

/// Explains what an engine's memory did, from a trace that it recorded.
#[derive(Debug, Parser)]
#[command(
    name = "memtrace",
    version,
    max_term_width = 100,
    after_help = "\
Record a trace of a program as it is, or of an engine that links the tracer:

    memtrace record -o run.trace -- python launch.py
    MEMTRACE_FILE=run.%p.trace ./engine        (%p becomes the process id)
    memtrace analyze run.trace

Recordings of other programs need no flag: memtrace analyze snapshot.pickle

Exit status: 0 done, 1 a check or comparison failed, 2 wrong usage, 3 the file cannot be read as a trace.
A damaged trace is read as far as it goes, and the report says what is missing."
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
    /// Run a program, unmodified, and record what its memory does
    Record(record::Arguments),
    /// Say what happened: peaks and their owners, fragmentation, where modules were, what swapping cost
    Analyze(Analyze),
    /// Say what a trace is: who recorded it, how it ended, how many events of which kind, what was lost
    Info(Info),
    /// Compare two runs: what changed by heap, module and phase, and whether the second is worse
    Diff(diff::Arguments),
    /// Hold a run against a budget
    Check(check::Arguments),
    /// List the events themselves: from a time on, around one, or those that mention something
    Events(events::Arguments),
    /// Write another program's recording as a trace: a PyTorch memory snapshot, an RMM log, an Nsight Systems export
    Import(Import),
    /// Write a trace for another tool: Perfetto, PyTorch's viewers, CSV, flame graphs, speedscope
    Export(export::Arguments),
    /// Write what to paste into a bug report, and what to attach to it
    Report(report::Arguments),
    /// Write a part of a trace as a trace, with what was live before
    Cut(cut::Arguments),
    /// Write a trace with pseudonyms for its names, and every figure as it was
    Scrub(scrub::Arguments),
    /// Make a trace small enough to attach to a bug report; every command reads it as it is
    Pack(pack::Pack),
    /// Write the trace that was packed, every byte as it was
    Unpack(pack::Unpack),
    /// Say what can be recorded on this machine, what not, and why
    Doctor(doctor::Arguments),
    /// Print what a shell needs to complete this command line
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
}

/// `memtrace analyze`
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
    memtrace analyze run.trace                 look at it on a terminal
    memtrace analyze --follow run.4242.trace   look at an engine while it runs
    memtrace analyze run.trace | less          the report
    memtrace analyze run.*.trace               which processes a run had, and which to look at
    memtrace analyze run.trace --json | jq '.heaps[] | {name, peak: .peak.allocated_bytes}'
    memtrace analyze run.trace --from 1.5s --to 2s         what happened in half a second of it
    memtrace analyze run.trace --phase denoise#2           in the second run of a phase
    memtrace analyze run.trace --at peak#2                 what was live at the second highest peak, and who pins what
    memtrace analyze run.trace --at peak#2 --against peak  what came and went from that one to the highest
    memtrace analyze run.trace --cycle switch              what every switch of models leaves behind
    memtrace analyze run.trace --device 1                  the second device alone
    memtrace analyze run.trace --thread worker-2           what a thread allocated, and what it did

With any of these there is a report on a terminal too. With --from, --to or --phase its figures are those of that
range, as though the trace had begun there with everything that was live. Both ends belong to it. With --device
or --thread they are as though nothing else had been recorded.

Times in JSON are nanoseconds since the trace's start, sizes are bytes. A figure that cannot be known is
null, and <name>_why beside it says why.")]
pub(crate) struct Analyze {
    /// The trace, or a recording that `memtrace import` reads; of several, or a folder of traces, a table of processes
    #[arg(value_name = "RUN.trace", required = true)]
    pub(crate) traces: Vec<PathBuf>,
    /// Print the report as text, on a terminal too
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on looking while the trace is being written; needs a terminal
    #[arg(long, conflicts_with_all = ["text", "json", "from", "to", "phase", "device", "thread", "cycle"])]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Report what was live at an instant, and how segments were filled: a time, `peak`, `peak#2`, `oom`, `end`, or a mark's name
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["from", "to", "phase", "device", "thread", "cycle"])]
    pub(crate) at: Option<When>,
    /// With --at: what is new at this instant, what is gone, and whose it is
    #[arg(long, value_name = "WHEN", requires = "at")]
    pub(crate) against: Option<When>,
    /// Look for growth over this cycle alone: a phase, scope, mark or module that comes around again
    #[arg(long, value_name = "NAME")]
    pub(crate) cycle: Option<String>,
}

/// Of what a report tells.
#[derive(Debug, Default, Args)]
pub(crate) struct Selection {
    /// Report what happened from this time on, since the trace's start: 1.5s, 200ms, or plain seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Nanos>,
    /// Report what happened up to this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Nanos>,
    /// Report what happened in a run of this phase; NAME#2 is its second
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    pub(crate) phase: Option<String>,
    /// Report one device alone: its heaps, the transfers to and from it, its samples and its ledger
    #[arg(long, value_name = "N")]
    pub(crate) device: Option<u32>,
    /// Report the threads of this name alone: what they allocated, whoever freed it, and what they did
    #[arg(long, value_name = "NAME")]
    pub(crate) thread: Option<String>,
}

impl Selection {
    /// The part of the trace that is asked for.
    pub(crate) fn part(&self) -> Part {
        match (&self.phase, self.from, self.to) {
            (Some(phase), ..) => Part::run(phase),
            (None, None, None) => Part::Whole,
            (None, from, to) => Part::Between { from: from.unwrap_or_default(), to },
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
        self.part() == Part::Whole && self.filter().is_empty()
    }
}

/// `memtrace info`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace info run.trace
    memtrace info run.trace --json | jq .trace.ended     clean, killed or running
    memtrace info run.trace.zip                          packed traces and recordings of other programs, too")]
pub(crate) struct Info {
    /// The trace, or a recording that `memtrace import` reads
    #[arg(value_name = "RUN.trace")]
    pub(crate) trace: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `memtrace import`
#[derive(Debug, Args)]
#[command(after_help = "\
Which recording it is, is told by its content:
    a PyTorch memory snapshot     torch.cuda.memory._dump_snapshot(\"snapshot.pickle\")
    an RMM log                    rmm.enable_logging(log_file_name=\"rmm.csv\")
    an Nsight Systems export      nsys profile --cuda-memory-usage=true, then nsys export --type sqlite

`memtrace analyze` and `memtrace info` read the same files without this step; a trace is there to be kept, and is
read faster.")]
pub(crate) struct Import {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) recording: PathBuf,
    /// The trace to write
    #[arg(short, long, value_name = "RUN.trace")]
    pub(crate) output: PathBuf,
    /// Replace the trace if there is one
    #[arg(long)]
    pub(crate) force: bool,
}
