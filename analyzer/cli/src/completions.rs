//! `memtrace completions`: completion scripts for shells, made from the flags.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{arguments, failure::Failure, output};

/// `memtrace completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    memtrace completions bash > ~/.local/share/bash-completion/completions/memtrace
    memtrace completions zsh > ~/.zfunc/_memtrace        with ~/.zfunc in fpath, before compinit
    memtrace completions fish > ~/.config/fish/completions/memtrace.fish")]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut arguments::Arguments::command(), "memtrace", &mut script);
    output::print(String::from_utf8_lossy(&script))
}
