//! `memtrace info`: the facts of a file.

use memtrace_analysis::rendering::InfoText;

use crate::{arguments::Info, failure::Failure, input, output, progress};

pub(crate) fn run(arguments: &Info) -> Result<(), Failure> {
    let trace = input::open(&arguments.trace)?;
    let info = trace.info(progress::shown()).map_err(Failure::unreadable(&arguments.trace))?;
    if arguments.json { output::print_json(&info) } else { output::print(InfoText(&info)) }
}
