//! Checks, by a trial, that a program can be recorded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use memtrace_analysis::{analyze, report::FindingVerdict};

use super::Check;
use crate::record::library;

const LIBRARY: &str = "recording library";
const RECORDING: &str = "recording";

pub(super) fn checks(named: Option<&Path>) -> Vec<Check> {
    match library::find(named) {
        Ok(library) => {
            let recording = recording(&library).records("host memory, in blocks from 4 KiB on");
            vec![Check::ok(LIBRARY, library.to_string_lossy()), recording]
        }
        Err(places) => {
            let places: Vec<String> =
                places.iter().map(|place| place.to_string_lossy().into_owned()).collect();
            let advice = "install memtrace anew; in a checkout `cargo build --release -p memtrace-c`, and --library target/release/libmemtrace.so";
            vec![Check::new(
                LIBRARY,
                FindingVerdict::Fail,
                format!("at none of {}", places.join(", ")),
                advice,
            )]
        }
    }
}

/// A program with the library in it, which records to `trace` as the words of `switches` say.
pub(super) fn recorded(program: &Path, library: &Path, trace: &Path, switches: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", library).env("MEMTRACE_FILE", trace).env("MEMTRACE_RECORD", switches);
    command.stdin(Stdio::null());
    command
}

/// Records a program that does nothing, in a folder of its own.
fn recording(library: &Path) -> Check {
    let fail = |why: String| {
        Check::new(RECORDING, FindingVerdict::Fail, why, "see what the loader says: LD_DEBUG=libs")
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return fail(format!("no folder can be made to record into: {error}")),
    };
    let trace = folder.path().join("true.trace");
    let ran = recorded(Path::new("true"), library, &trace, "on").output();
    let said = match ran {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "),
        Err(error) => return fail(format!("`true` cannot be run: {error}")),
    };
    let recorded = fs::metadata(&trace).is_ok().then(|| analyze(PathBuf::from(&trace)));
    match recorded {
        Some(Ok(_)) => Check::ok(RECORDING, "`true` was recorded, and its trace is whole"),
        Some(Err(error)) => fail(format!("`true` left a trace that cannot be read: {error}")),
        None => fail(format!("`true` left no trace; it said: {said}")),
    }
}
