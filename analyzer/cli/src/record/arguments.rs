//! What can be typed behind `memtrace record`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};
use memtrace_format::Bytes;

/// `memtrace record`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace record -- python launch.py --medvram
    memtrace record --torch -- python launch.py      the modules of PyTorch have their names, forwards and moves
    memtrace record --stacks python -- python launch.py     the lines of Python that ask for memory
    memtrace record -o run.trace --analyze -- ./engine
    memtrace record --follow -- ./webui.sh           a script, and whatever it runs: a trace for each process

Recorded are host memory, what the program asks of the CUDA driver, and the blocks of PyTorch's caching allocators.
The program must be linked dynamically. Its exit status is that of this command; 128 + n where signal n ended it.")]
pub(crate) struct Arguments {
    /// The trace to make; %p becomes the process id [default: the program's name, as in python.%p.trace]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Open the trace when the program has ended
    #[arg(long)]
    pub(crate) analyze: bool,
    /// Record the programs that it runs as well, each into a trace of its own
    #[arg(long)]
    pub(crate) follow: bool,
    /// Record host memory from blocks of this size on
    #[arg(long, value_name = "BYTES")]
    pub(crate) host_threshold: Option<Bytes>,
    /// Record who asks for memory as well: the stack of calls
    #[arg(long, value_name = "KIND")]
    pub(crate) stacks: Option<Stacks>,
    /// How many frames of a stack are kept, the innermost
    #[arg(long, value_name = "FRAMES", requires = "stacks", default_value_t = 32,
        value_parser = clap::value_parser!(u8).range(1..=128))]
    pub(crate) stack_depth: u8,
    /// Name the modules of a Python program that uses PyTorch, their forwards, and their moves between devices
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
    /// Of machine code; the analysis names them, on this machine
    Native,
    /// Of Python: file, line and function (CPython 3.8 to 3.13)
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
