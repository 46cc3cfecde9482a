//! `memtrace doctor`: checks what can be recorded on this machine, and gives the reason where something cannot.

mod loader;
mod machine;
mod nvidia;
mod python;
mod recording;
mod sandbox;
mod screen;
mod torch;
mod trial;
mod versions;

use std::path::PathBuf;

use clap::Args;
use memtrace_analysis::{Text, report::FindingVerdict};
use serde::Serialize;

use crate::{failure::Failure, output};

/// `memtrace doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if programs can be recorded here, 1 if a check says FAIL. A missing GPU is N/A, not a
failure.")]
pub(crate) struct Arguments {
    /// The library to record with [default: libmemtrace.so near this command]
    #[arg(long, value_name = "libmemtrace.so")]
    library: Option<PathBuf>,
    /// The Python whose PyTorch and stacks are tried
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    verdict: FindingVerdict,
    /// What was found, or why it does not work.
    found: Text,
    /// What to do about it; empty where there is nothing to do.
    advice: &'static str,
    /// What is recorded here if all is well with this; null where nothing depends on it alone.
    records: Option<&'static str>,
    /// What not everybody wants to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

impl Check {
    fn new(
        what: &'static str,
        verdict: FindingVerdict,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self { what, verdict, found: Text::new(found.into()), advice, records: None, details: None }
    }

    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, FindingVerdict::Ok, found, "")
    }

    /// It is not here, which is no fault.
    fn absent(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, FindingVerdict::Na, found, "")
    }

    fn records(self, records: &'static str) -> Self {
        Self { records: Some(records), ..self }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (library, python) = (arguments.library.as_deref(), arguments.python.as_path());
    let mut checks = versions::checks(python);
    checks.extend(machine::checks());
    checks.extend(sandbox::checks());
    checks.extend(recording::checks(library));
    checks.extend(nvidia::checks());
    checks.extend(python::checks(python, library));
    let torch = torch::checks(python);
    let has_torch = torch.iter().any(|check| check.verdict != FindingVerdict::Na);
    checks.extend(torch);
    if has_torch {
        checks.extend(trial::checks(python, library));
    }
    if arguments.json {
        output::print_json(&checks)?
    } else {
        output::print(screen::Screen { checks: &checks, python, has_torch })?
    }
    let fails = checks.iter().any(|check| check.verdict == FindingVerdict::Fail);
    if fails { Err(Failure::Verdict) } else { Ok(()) }
}
