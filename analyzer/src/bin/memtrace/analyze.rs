//! `memtrace analyze`: the report, as text or as JSON.

use memtrace_analyzer::{Trace, report::ReportText};

use crate::{arguments::Analyze, failure::Failure, output, progress};

pub(crate) fn run(arguments: &Analyze) -> Result<(), Failure> {
    let trace = Trace::open(&arguments.trace).map_err(Failure::unreadable(&arguments.trace))?;
    let analysis = trace.analyze(progress::shown()).map_err(Failure::unreadable(&arguments.trace))?;
    if arguments.json {
        output::print_json(&analysis.report)
    } else {
        output::print(ReportText(&analysis.report))
    }
}
