//! Checks, by a trial, that the library can read the frames of this Python interpreter.

use std::path::Path;

use memtrace_analysis::{analyze, report::FindingVerdict};

use super::{Check, recording::recorded};
use crate::record::{library, python};

const WHAT: &str = "Python stacks";

/// A program that asks for memory that is recorded, and says what it runs in.
const PROGRAM: &str =
    "import platform as p; block = bytearray(1 << 20); print(p.python_implementation(), p.python_version())";

/// Records a program of one line.
pub(super) fn checks(interpreter: &Path, named_library: Option<&Path>) -> Vec<Check> {
    let checks = stacks(interpreter, named_library);
    checks
        .into_iter()
        .map(|check| check.records("lines of Python that ask for memory (--stacks python)"))
        .collect()
}

fn stacks(interpreter: &Path, named_library: Option<&Path>) -> Vec<Check> {
    // Without the library nothing is recorded, which is said already.
    let Ok(library) = library::find(named_library) else { return Vec::new() };
    let Ok(package) = python::find(None, &library) else {
        let advice = "`memtrace record --python` with the folder tracer/python of the sources";
        return vec![Check::new(
            WHAT,
            FindingVerdict::Warn,
            "there is no Python package near the library",
            advice,
        )];
    };
    let Ok(folder) = tempfile::tempdir() else { return Vec::new() };
    let trace = folder.path().join("python.trace");
    let mut command = recorded(interpreter, &library, &trace, "on,stacks=python");
    command.args(["-c", PROGRAM]);
    python::prepare(&mut command, &package);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return vec![Check::absent(WHAT, format!("{} cannot be run: {error}", interpreter.display()))];
        }
    };
    let [said, errors] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    let report = analyze(trace).map(|analyzed| analyzed.report);
    let shares = report.iter().flat_map(|report| &report.heaps).flat_map(|heap| &heap.peak.by_stack);
    let has_stacks =
        shares.flat_map(|share| &share.stack).any(|frame| frame.recorded().starts_with("<module> ("));
    vec![if has_stacks {
        Check::ok(WHAT, format!("the calls of {said} can be read"))
    } else {
        let why = errors.lines().last().unwrap_or("it took no notice of PYTHONPATH");
        Check::new(WHAT, FindingVerdict::Warn, format!("{}: {why}", interpreter.display()), "--stacks native")
    }]
}
