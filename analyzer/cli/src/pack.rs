//! `memtrace pack` and `memtrace unpack`: a trace made small enough to attach, and back.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;
use memtrace_analysis::pack::{self, PackError};

use crate::{
    failure::Failure,
    input,
    place::{PIPE, Place, shown},
    progress,
};

/// What issue trackers accept.
const EXTENSION: &str = "zip";

/// `memtrace pack`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace pack run.trace               writes run.trace.zip, to attach to a bug report
    memtrace analyze run.trace.zip        every command reads it as it is
    memtrace unpack run.trace.zip         restores run.trace byte by byte
    memtrace pack - < run.trace > run.zip")]
pub(crate) struct Pack {
    /// The trace, or a recording that `memtrace import` reads; `-` is standard input
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// The file to write [default: the trace's name and .zip]; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// `memtrace unpack`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace unpack run.trace.zip                 writes run.trace
    memtrace unpack bug.zip -o run.trace          names in the archive decide nothing")]
pub(crate) struct Unpack {
    /// The packed trace; `-` is standard input
    #[arg(value_name = "RUN.trace.zip")]
    trace: PathBuf,
    /// The file to write [default: the name without .zip]; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

pub(crate) fn pack(arguments: &Pack) -> Result<(), Failure> {
    let Pack { trace: path, output, force } = arguments;
    let output = output.clone().unwrap_or_else(|| {
        if path.as_os_str() == PIPE {
            return PIPE.into();
        }
        let mut name = OsString::from(path);
        name.push(".");
        name.push(EXTENSION);
        name.into()
    });
    let trace = input::open(path)?;
    let name = input::name(path);
    let mut place = Place::begin(path, &output, *force)?;
    let packed = pack::pack(&trace, &name, &[], place.file.file_mut(), &mut progress::of("packing"));
    let packed = packed.map_err(|error| failure(error, path, &place))?;
    let (before, after) = (packed.log_bytes, packed.packed_bytes);
    let times = before.0 as f64 / after.0.max(1) as f64;
    place.end(format_args!("{}: {after:.1}, {times:.1} times smaller than {before:.1}\n", shown(&output)))
}

pub(crate) fn unpack(arguments: &Unpack) -> Result<(), Failure> {
    let Unpack { trace: path, output, force } = arguments;
    let without =
        || path.extension().is_some_and(|extension| extension == EXTENSION).then(|| path.with_extension(""));
    let piped = || (path.as_os_str() == PIPE).then(|| PIPE.into());
    let output = output.clone().or_else(without).or_else(piped).ok_or(Failure::NoName)?;
    let trace = input::open(path)?;
    let place = Place::begin(path, &output, *force)?;
    let unpacked = pack::unpack(&trace, place.file.file(), &mut progress::of("unpacking"));
    let unpacked = unpacked.map_err(|error| failure(error, path, &place))?;
    place.end(format_args!("{}: {:.1}\n", shown(&output), unpacked.log_bytes))
}

pub(crate) fn failure(error: PackError, path: &Path, place: &Place) -> Failure {
    match error {
        PackError::Read(error) => Failure::unreadable(path)(error),
        PackError::Write(error) => place.unwritable(error),
        error => place.unwritable(std::io::Error::other(error)),
    }
}
