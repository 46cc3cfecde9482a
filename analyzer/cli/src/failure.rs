//! Failures of the command: their messages and exit statuses.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use memtrace_analysis::{RangeError, ReadError, SnapshotAtError, Text};
use memtrace_export::ExportError;
use memtrace_format::HeaderError;
#[cfg(feature = "nsight")]
use memtrace_import::NsightError;
use memtrace_import::{ContainerError, ImportError, OpenError, PickleFault, ProfilerError};

use crate::record::Unfit;

/// What was asked for makes no sense.
const USAGE: u8 = 2;

/// The input cannot be read as a trace.
const UNREADABLE: u8 = 3;

/// What a command makes cannot be written.
const UNWRITABLE: u8 = 4;

/// As shells have it: there is no such program.
const NO_PROGRAM: u8 = 127;

/// As shells have it: the program is there, and cannot be run.
const NOT_RUNNABLE: u8 = 126;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input cannot be read as a trace.
    Unreadable { path: Text, error: ReadError },
    /// The input is another recording, and cannot be imported.
    NotImported { path: Text, error: ImportError },
    /// The trace to write is there already.
    Exists(Text),
    /// Nothing of this name repeats, for this reason.
    NoSuchCycle(Text),
    /// Words to look for that are none.
    NoWords,
    /// Some of what was asked for cannot be read, which was said.
    SaidUnreadable,
    /// What is asked for can be told of one trace alone.
    OneTrace,
    /// The trace to record is there already.
    TraceExists(Text),
    /// No trace can be made in this folder.
    NoFolder { folder: Text, error: io::Error },
    /// The library that records is at none of these places.
    NoLibrary(Vec<PathBuf>),
    /// The Python package is at none of these places.
    NoPackage(Vec<PathBuf>),
    /// The program cannot be recorded.
    Unrecordable { program: Text, error: Unfit },
    /// The program cannot be run.
    NotRun { program: Text, error: String, status: u8 },
    /// The trace cannot be written.
    Unwritable { path: Text, error: io::Error },
    /// The name of what to write does not follow from what is read.
    NoName,
    /// The trace has no such part.
    NoSuchPart(RangeError),
    /// The trace has no such instant.
    NoSuchInstant(SnapshotAtError),
    /// What is asked for is not what the format shows.
    NoSuchExport(ExportError),
    /// A budget cannot be used.
    Budget { path: Text, error: String },
    /// There is no terminal that could show what is asked for.
    NoScreen,
    /// There is no key in this file.
    NoKey { path: Text, error: String },
    /// There is no budget.
    NoBudget,
    /// The output is a terminal, and not for one.
    ForNoScreen,
    /// A check or a comparison failed, and its output says how.
    Verdict,
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(ReadError) -> Self {
        let path = Text::new(path.to_string_lossy());
        move |error| Self::Unreadable { path, error }
    }

    pub(crate) fn not_imported(path: &Path) -> impl FnOnce(OpenError) -> Self {
        let path = Text::new(path.to_string_lossy());
        move |error| match error {
            OpenError::Read(error) => Self::Unreadable { path, error },
            OpenError::Import(error) => Self::NotImported { path, error },
            error => Self::Output(io::Error::other(error)),
        }
    }

    pub(crate) fn no_part(path: &Path) -> impl FnOnce(RangeError) -> Self {
        move |error| match error {
            RangeError::Read(error) => Self::unreadable(path)(error),
            error => Self::NoSuchPart(error),
        }
    }

    pub(crate) fn no_instant(path: &Path) -> impl FnOnce(SnapshotAtError) -> Self {
        move |error| match error {
            SnapshotAtError::Read(error) => Self::unreadable(path)(error),
            error => Self::NoSuchInstant(error),
        }
    }

    /// The program that is to be recorded cannot be run; the statuses are those of shells.
    pub(crate) fn not_run(program: &OsStr, error: &io::Error) -> Self {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let status = if is_missing { NO_PROGRAM } else { NOT_RUNNABLE };
        Self::NotRun { program: Text::new(program.to_string_lossy()), error: error.to_string(), status }
    }

    /// Says it on stderr. Nobody reading the output any more is no failure.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(error) => {
                eprintln!("memtrace: the output cannot be written: {error}");
                ExitCode::from(UNWRITABLE)
            }
            Self::NoSuchPart(error) => {
                eprintln!("memtrace: the trace has no such part: {error}");
                eprintln!(
                    "  try: `memtrace analyze` without filters shows the phases with their times and threads, and the heaps with their devices"
                );
                ExitCode::from(USAGE)
            }
            Self::NoSuchInstant(error) => {
                eprintln!("memtrace: the trace has no such instant: {error}");
                eprintln!("  try: `memtrace analyze` without --at shows peaks, failed requests and marks");
                ExitCode::from(USAGE)
            }
            Self::NoSuchExport(error) => {
                eprintln!("memtrace: {error}");
                eprintln!(
                    "  try: {}",
                    match error {
                        ExportError::WithoutParquet => {
                            "build it with `--features parquet`, or `--to csv`, which has the same tables"
                        }
                        _ => {
                            "`memtrace export --help` says which format takes --from, --until and --phase, and which takes --at"
                        }
                    }
                );
                ExitCode::from(USAGE)
            }
            Self::Budget { path, error } => {
                eprintln!("memtrace: {path} is not a budget:");
                for line in error.lines() {
                    eprintln!("  {}", Text::new(line));
                }
                eprintln!("  try: this is one:");
                for line in BUDGET.lines() {
                    eprintln!("    {line}");
                }
                eprintln!("  `memtrace check --help` and docs/reference.md have every limit");
                ExitCode::from(USAGE)
            }
            Self::NoScreen => {
                eprintln!("memtrace: --follow needs a terminal on standard output, and TERM other than dumb");
                eprintln!("  try: leave out --follow for a report of what is written so far");
                ExitCode::from(USAGE)
            }
            Self::ForNoScreen => {
                eprintln!("memtrace: this output is binary, and standard output is a terminal");
                eprintln!("  try: -o FILE, or a pipe");
                ExitCode::from(USAGE)
            }
            Self::NoKey { path, error } => {
                eprintln!("memtrace: {path} has no key: {}", Text::new(error.as_str()));
                eprintln!(
                    "  try: head -c 32 /dev/urandom > FILE, or leave out --key-file for a random key that is not kept"
                );
                ExitCode::from(USAGE)
            }
            Self::NoBudget => {
                eprintln!("memtrace: no limit is given");
                eprintln!("  try: --max-peak 8GiB, --no-fail-findings, or --budget FILE.toml");
                ExitCode::from(USAGE)
            }
            Self::Verdict => ExitCode::FAILURE,
            Self::SaidUnreadable => ExitCode::from(UNREADABLE),
            Self::NoSuchCycle(why) => {
                eprintln!("memtrace: growth over this cycle cannot be told: {why}");
                eprintln!("  try: `memtrace analyze` without --cycle lists what repeats, under GROWTH");
                ExitCode::from(USAGE)
            }
            Self::NoWords => {
                eprintln!("memtrace: --grep needs words to look for");
                eprintln!("  try: --grep 'unet alloc', or leave it out for every event");
                ExitCode::from(USAGE)
            }
            Self::Exists(path) => {
                eprintln!("memtrace: {path} exists");
                eprintln!("  try: another name, or --force to replace it (it never replaces its input)");
                ExitCode::from(USAGE)
            }
            Self::NoName => {
                eprintln!("memtrace: the name does not end in .zip, so the trace needs a name");
                eprintln!("  try: -o RUN.trace");
                ExitCode::from(USAGE)
            }
            Self::OneTrace => {
                eprintln!("memtrace: --follow, --at and --cycle take one trace");
                eprintln!("  try: leave them out for a table of processes, with the command for each");
                ExitCode::from(USAGE)
            }
            Self::TraceExists(path) => {
                eprintln!("memtrace: {path} exists");
                eprintln!("  try: another name, or one with the process id in it: -o run.%p.trace");
                ExitCode::from(USAGE)
            }
            Self::NoFolder { folder, error } => {
                eprintln!("memtrace: no trace can be made in {folder}: {error}");
                eprintln!("  try: -o with a name in a folder that you may write to: -o /tmp/run.trace");
                ExitCode::from(UNWRITABLE)
            }
            Self::NoLibrary(places) => {
                eprintln!("memtrace: libmemtrace.so, which records, was not found");
                for place in places {
                    eprintln!("  looked at {}", Text::new(place.to_string_lossy()));
                }
                eprintln!(
                    "  try: install memtrace anew; in a checkout `cargo build --release -p memtrace-c`, and --library target/release/libmemtrace.so"
                );
                ExitCode::from(USAGE)
            }
            Self::NoPackage(places) => {
                eprintln!("memtrace: the Python package for --torch and --stacks python was not found");
                for place in places {
                    eprintln!("  looked at {}", Text::new(place.to_string_lossy()));
                }
                eprintln!("  try: --python with the folder tracer/python of the sources");
                ExitCode::from(USAGE)
            }
            Self::Unrecordable { program, error } => {
                eprintln!("memtrace: {program} cannot be recorded: {error}");
                eprintln!("  try: {}", error.advice());
                ExitCode::from(USAGE)
            }
            Self::NotRun { program, error, status } => {
                eprintln!("memtrace: {program} cannot be run: {}", Text::new(error.as_str()));
                ExitCode::from(*status)
            }
            Self::Unwritable { path, error } => {
                eprintln!("memtrace: {path} cannot be written: {error}");
                ExitCode::from(UNWRITABLE)
            }
            Self::NotImported { path, error } => {
                eprintln!("memtrace: {path} cannot be imported: {}", Text::new(error.to_string()));
                eprintln!("  try: {}", import_advice(error));
                let is_unwritable = matches!(error, ImportError::NoRoom { .. } | ImportError::Write(_));
                ExitCode::from(if is_unwritable { UNWRITABLE } else { UNREADABLE })
            }
            Self::Unreadable { path, error } => {
                eprintln!("memtrace: {path} cannot be read as a trace: {error}");
                eprintln!("  try: {}", by_name(path, error).unwrap_or_else(|| advice(error)));
                ExitCode::from(UNREADABLE)
            }
        }
    }
}

/// A budget, for who has made a mistake in one.
const BUDGET: &str = "\
max-failed-requests = 0
max-swap-time = \"5%\"
[devices]
max-peak = \"8GiB\"
[cycles.step]
max-growth = \"64KiB\"";

fn advice(error: &ReadError) -> &'static str {
    match error {
        ReadError::Open(error) if error.kind() == io::ErrorKind::NotFound => {
            "check the name; `ls *.trace` shows what is here"
        }
        ReadError::Open(_) => "check that you may read the file",
        ReadError::NotAFile { .. } => "give the trace itself, such as run.4242.trace",
        ReadError::Empty => {
            "record again; the process ended, or the disk was full, before anything was written"
        }
        ReadError::Header(HeaderError::NotALog) => {
            "give a file that an engine recorded with MEMTRACE_FILE set, or a recording that `memtrace import --help` names"
        }
        ReadError::Header(HeaderError::Short { .. }) => "copy the file again; only its beginning is there",
        ReadError::Header(HeaderError::Checksum) => {
            "copy the file again, as binary; its first 4096 bytes have changed since they were written"
        }
        ReadError::Header(_) => "use the memtrace that belongs to the tracer that recorded the file",
        ReadError::Packed(_) => {
            "give what `memtrace pack` wrote as it is, or a trace; unzip other archives first"
        }
        ReadError::Copy(_) => "set TMPDIR to a folder with as much room as the ring takes",
        ReadError::UsedAgain => {
            "read it again, or when the program has ended; record into a larger ring (MEMTRACE_MAX_SIZE)"
        }
        ReadError::Read { .. } => "copy the file to another disk and read it there",
        _ => "run `memtrace info` on another trace to see whether this file is the cause",
    }
}

/// What to try with a file whose content says nothing, and whose name does.
fn by_name(path: &Text, error: &ReadError) -> Option<&'static str> {
    let is_named = |ending: &str| path.recorded().to_ascii_lowercase().ends_with(ending);
    let is_report = [".nsys-rep", ".qdrep", ".qdstrm"].into_iter().any(is_named);
    (is_report && matches!(error, ReadError::Header(_))).then_some(
        "it seems to be a report of Nsight Systems, which only nsys reads; export it, and give that: nsys export --type sqlite --output run.sqlite FILE",
    )
}

fn import_advice(error: &ImportError) -> &'static str {
    match error {
        ImportError::Unknown => "give a recording that `memtrace import --help` names",
        ImportError::Pickle(error) => match error.fault {
            PickleFault::Truncated | PickleFault::Length { .. } => {
                "copy the file again, as binary; its end is missing"
            }
            PickleFault::Read(_) => "copy the file to another disk and read it there",
            _ => {
                "give what torch.cuda.memory._dump_snapshot wrote; other pickles are not read, and none is ever run"
            }
        },
        ImportError::Snapshot(_) => "give what torch.cuda.memory._dump_snapshot wrote",
        ImportError::Unread(file) => file.advice(),
        ImportError::Container(error) => match error {
            ContainerError::Gzip(_) | ContainerError::Zip(_) => {
                "copy the file again, as binary; or decompress it first"
            }
            ContainerError::Entries(_) => {
                "unzip it, and give the recordings: several give a table of processes"
            }
            ContainerError::NoSnapshot => {
                "give the recording that the page was made of; a page that torch.cuda._memory_viz wrote carries its snapshot"
            }
            _ => "give a recording that `memtrace import --help` names, or an archive of one",
        },
        ImportError::Profiler(ProfilerError::NoMemory(_)) => {
            "record with torch.profiler.profile(profile_memory=True, with_stack=True)"
        }
        ImportError::Profiler(_) => {
            "give what torch.profiler's export_chrome_trace wrote, whole, or another recording that `memtrace import --help` names"
        }
        ImportError::Timeline(_) => {
            "give what export_memory_timeline wrote under a name that ends in .raw.json.gz; the other forms hold sums alone"
        }
        ImportError::Profile(_) => "give what jax.profiler.save_device_memory_profile wrote, whole",
        ImportError::Rmm(_) => "correct or remove that line; nothing was imported",
        #[cfg(feature = "nsight")]
        ImportError::Nsight(NsightError::Foreign) => {
            "give what `nsys export --type sqlite` wrote, or another recording that `memtrace import --help` names"
        }
        #[cfg(feature = "nsight")]
        ImportError::Nsight(_) => {
            "record with `nsys profile --cuda-memory-usage=true`, then `nsys export --type sqlite --output run.sqlite run.nsys-rep`"
        }
        ImportError::WithoutNsight => "build it with `--features nsight`",
        ImportError::NoRoom { .. } => {
            "set TMPDIR to a folder with room, or use `memtrace import FILE -o run.trace`"
        }
        ImportError::Write(_) => "make room: a trace of a recording takes about as much as the recording",
        _ => "report this with the first kilobyte of the file",
    }
}
