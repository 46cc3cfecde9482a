//! `memtrace doctor`: checks what can be recorded on this machine, and gives the reason where something cannot.

mod loader;
mod machine;
mod nvidia;
mod python;
mod recording;
mod sandbox;
mod torch;

use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

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
}

impl Check {
    fn new(
        what: &'static str,
        verdict: FindingVerdict,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self { what, verdict, found: Text::new(found.into()), advice }
    }

    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, FindingVerdict::Ok, found, "")
    }

    /// It is not here, which is no fault.
    fn absent(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, FindingVerdict::Na, found, "")
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut checks = recording::checks(arguments.library.as_deref());
    checks.extend(sandbox::checks());
    checks.extend(machine::checks());
    checks.extend(nvidia::checks());
    checks.extend(python::checks(&arguments.python, arguments.library.as_deref()));
    checks.extend(torch::checks(&arguments.python));
    if arguments.json {
        output::print_json(&checks)?
    } else {
        output::print(Checks(&checks))?
    }
    let fails = checks.iter().any(|check| check.verdict == FindingVerdict::Fail);
    if fails { Err(Failure::Verdict) } else { Ok(()) }
}

struct Checks<'a>(&'a [Check]);

impl Display for Checks<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Check { what, verdict, found, advice } in self.0 {
            writeln!(f, "{:<5} {what}: {found}", verdict.name())?;
            if !advice.is_empty() {
                writeln!(f, "      try: {advice}")?;
            }
        }
        Ok(())
    }
}
