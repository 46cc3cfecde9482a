//! `memtrace scrub`: a trace with pseudonyms.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use memtrace_analysis::{
    Trace,
    scrub::{Keep, Key, Scrubbed, scrub},
};

use crate::{
    failure::Failure,
    input,
    pack::failure,
    place::{Place, shown},
};

/// `memtrace scrub`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace scrub run.trace -o clean.trace
    memtrace scrub run.trace -o clean.trace --keep modules,scopes
    memtrace scrub run.trace -o clean.trace --key-file ~/.memtrace-key   stable pseudonyms

Every word of a name becomes a pseudonym, the same one wherever it occurs. Paths and module trees
keep their form, short numbers stay, and so does every figure. The trace keeps sizes, times, ids,
the numbers of marks, the names of devices, samples, and the names that mean the same in every
trace. docs/scrub.md lists all of it.")]
pub(crate) struct Arguments {
    /// The trace, or a recording that `memtrace import` reads; `-` is standard input
    #[arg(value_name = "RUN.trace")]
    trace: PathBuf,
    /// The trace to write; `-` is standard output
    #[arg(short, long, value_name = "CLEAN.trace")]
    output: PathBuf,
    #[command(flatten)]
    pub(crate) how: How,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// How names are replaced.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Keep names of this kind
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    keep: Vec<Kept>,
    /// Make the same pseudonyms each time, with the key in this file [default: a random key that is not kept]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// A kind of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kept {
    /// Of modules
    Modules,
    /// Of phases, scopes and marks
    Scopes,
    /// Of threads
    Threads,
    /// Of functions and files
    Stacks,
    /// Of the program's own counters
    Counters,
    /// Of the engine, and its version
    Engine,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { trace: path, output, how, force } = arguments;
    let trace = input::open(path)?;
    let place = Place::begin(path, output, *force)?;
    let scrubbed = write(path, &trace, how, &place)?;
    place.end(format_args!("{}: {}", shown(output), told(&scrubbed)))
}

/// Writes a trace with pseudonyms into a place.
pub(crate) fn write(path: &Path, trace: &Trace, how: &How, place: &Place) -> Result<Scrubbed, Failure> {
    let key = match &how.key_file {
        None => Key::random().map_err(Failure::Output)?,
        Some(file) => {
            let secret = fs::read(file)
                .map_err(|error| Failure::NoKey { path: shown(file), error: error.to_string() })?;
            if secret.is_empty() {
                return Err(Failure::NoKey { path: shown(file), error: "it is empty".to_owned() });
            }
            Key::of(&secret)
        }
    };
    let is_kept = |kept| how.keep.contains(&kept);
    let mut keep = Keep::default();
    (keep.modules, keep.scopes, keep.threads) =
        (is_kept(Kept::Modules), is_kept(Kept::Scopes), is_kept(Kept::Threads));
    (keep.stacks, keep.counters, keep.engine) =
        (is_kept(Kept::Stacks), is_kept(Kept::Counters), is_kept(Kept::Engine));
    scrub(trace, &key, &keep, place.file.file()).map_err(|error| failure(error, path, place))
}

/// What stays readable, and what keeps the rest.
pub(crate) const STAYS: &str = "common words of models and phases (unet, vae, denoise, …) stay, and --keep modules,scopes keeps all \
                                names of these kinds (also: threads, stacks, counters, engine)";

/// What was removed, and what is still there.
pub(crate) fn told(scrubbed: &Scrubbed) -> String {
    let Scrubbed { replaced, kept, damaged, .. } = scrubbed;
    let mut told = format!("{replaced} words have pseudonyms; {STAYS}\n");
    told += "  removed: the process id, threads' ids, the boot's id, addresses, fingerprints of weights\n";
    told += "  still in it: sizes, times (with the date), ids, numbers of marks, samples\n";
    if *damaged > 0 {
        told += &format!("  left out: {damaged} damaged chunks\n");
    }
    if !kept.is_empty() {
        told += &format!("  names still in it, the first ones: {}\n", kept.join(", "));
    }
    told
}
