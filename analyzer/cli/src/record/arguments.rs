//! The arguments of `memtrace record`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};
use memtrace_format::Bytes;

/// `memtrace record`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace record -- python launch.py --medvram
    memtrace record --torch -- python launch.py         with PyTorch's modules and their moves
    memtrace record --stacks python -- python launch.py with the Python lines that ask for memory
    memtrace record -o run.trace --analyze -- ./engine
    memtrace record --follow -- ./webui.sh              a script and what it runs, a trace each

memtrace records host memory, what the program asks of the CUDA driver, and the blocks of PyTorch's
caching allocators. The program must be linked dynamically. This command returns the program's exit
status, or 128 + n if signal n ended it.")]
pub(crate) struct Arguments {
    /// The trace to write; %p becomes the process id [default: the program's name, as in python.%p.trace]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Open the trace when the program has ended
    #[arg(long)]
    pub(crate) analyze: bool,
    /// Record child processes too, each into its own trace
    #[arg(long)]
    pub(crate) follow: bool,
    /// Record host blocks from this size on [default: 4KiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) host_threshold: Option<Bytes>,
    /// Record the stack of calls that ask for memory
    #[arg(long, value_name = "KIND")]
    pub(crate) stacks: Option<Stacks>,
    /// Keep this many innermost frames of a stack
    #[arg(long, value_name = "FRAMES", requires = "stacks", default_value_t = 32,
        value_parser = clap::value_parser!(u8).range(1..=128))]
    pub(crate) stack_depth: u8,
    /// Record PyTorch's modules by name, with their forwards and their moves between devices
    #[arg(long)]
    pub(crate) torch: bool,
    /// The folder of memtrace's Python package, for --torch and --stacks python [default: near the library]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) python: Option<PathBuf>,
    /// The library to record with [default: libmemtrace.so near this command]
    #[arg(long, value_name = "libmemtrace.so")]
    pub(crate) library: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// The calls that a stack is made of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Stacks {
    /// Machine code; the analysis names the functions, on this machine
    Native,
    /// Python: file, line and function (CPython 3.8 to 3.13)
    Python,
}

impl Stacks {
    /// As the library has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Python => "python",
        }
    }
}
