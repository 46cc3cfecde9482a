//! `memtrace`: the command line of the analyzer.

#![forbid(unsafe_code)]

/// The standard macro panics if nobody takes the message; that is no reason for another exit status.
macro_rules! eprintln {
    ($($message:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stderr(), $($message)*));
    }};
}

mod analyze;
mod arguments;
mod check;
mod completions;
mod cut;
mod diff;
mod doctor;
mod events;
mod export;
mod failure;
mod import;
mod info;
mod input;
mod machine;
mod man;
mod output;
mod pack;
mod place;
mod progress;
mod record;
mod report;
mod scrub;

use std::process::ExitCode;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::of_command_line().command {
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Cut(arguments) => cut::run(&arguments),
        Command::Scrub(arguments) => scrub::run(&arguments),
        Command::Pack(arguments) => pack::pack(&arguments),
        Command::Unpack(arguments) => pack::unpack(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Record(arguments) => {
            return record::run(&arguments).unwrap_or_else(|failure| failure.report());
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
