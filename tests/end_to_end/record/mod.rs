//! `memtrace record`: programs that know nothing of the tracer.

/// Host memory against the books of a program in C.
mod host;

/// What hooks must not do to a program.
mod hooks;

/// The program's status, signals, and what is said where nothing can be recorded.
mod command;

/// Forks, shells, and programs that a program becomes.
mod children;

/// Who asked for memory.
mod stacks;

/// Which lines of Python asked.
mod python_stacks;

/// A program in Rust that is none of this repository's: candle.
mod candle;

/// The CUDA driver, by each of the ways in which a program comes to it.
mod cuda;

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use memtrace_analysis::report::{Heap, Report};
use serde_json::Value;
use tempfile::TempDir;

use crate::programs;

/// A folder for what a test compiles and records.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles a program of this repository.
    fn compile(&self, name: &str, options: &[&str]) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/c").join(name).with_extension("c");
        let program = self.path(Path::new(name).file_stem().unwrap().to_str().unwrap());
        let mut command = Command::new("gcc");
        command.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread"]);
        command.arg(source).arg("-o").arg(&program).args(options);
        let output = command.output().expect("there is a C compiler");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        program
    }

    /// `memtrace record` with these options, of this command, in the lab's folder.
    fn record(&self, options: &[&str], command: &[&OsStr]) -> Command {
        let mut record = programs::memtrace();
        record
            .arg("record")
            .arg("--library")
            .arg(programs::c_library())
            .args(options)
            .arg("--")
            .args(command);
        record.current_dir(self.folder.path());
        record
    }

    /// The names of all traces in the folder.
    fn traces(&self) -> Vec<OsString> {
        let mut names: Vec<OsString> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_str().unwrap().contains(".trace"))
            .collect();
        names.sort();
        names
    }

    fn report(&self, trace: impl AsRef<Path>) -> Report {
        let report = memtrace_analysis::analyze(self.folder.path().join(trace)).unwrap().report;
        assert_eq!(report.trace.dropped.total, 0);
        // A thread that has to wait for a processor between reading the clock and taking its first chunk has an event from
        // before that chunk was made.
        let mut oddities = report.trace.oddities.clone();
        oddities.remove("chunk whose recorder saw time step back");
        assert!(oddities.values().all(|&count| count == 0), "{oddities:?}");
        report
    }
}

/// A program's books.
fn books(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn heap<'a>(report: &'a Report, name: &str) -> &'a Heap {
    let found = report.heaps.iter().find(|heap| heap.name.recorded() == name);
    found.unwrap_or_else(|| panic!("no heap {name}"))
}

/// Holds a heap against a program's books.
fn assert_agrees(report: &Report, name: &str, books: &Value) {
    let heap = heap(report, name);
    let told = [heap.allocs, heap.frees, heap.end.allocated_bytes.0, heap.peak.figures.allocated_bytes.0];
    let kept = ["allocs", "frees", "live", "peak"].map(|figure| books[figure].as_u64().unwrap());
    assert_eq!(told, kept, "{name}: allocs, frees, live bytes, peak");
}
