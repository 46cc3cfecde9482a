use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use memtrace_analysis::{Text, Trace};
use memtrace_format::Event;
use serde_json::Value;

use super::{Lab, books};
use crate::optional::{self, Need};

const OPTIONS: [&str; 4] = ["--stacks", "python", "--python", PACKAGE];
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracer/python");

/// The calls that asked for each block in the heap `host`, by its size.
fn calls_by_size(trace: &Path) -> BTreeMap<u64, Vec<String>> {
    let trace = Trace::open(trace).unwrap();
    let mut calls = BTreeMap::new();
    for recorded in trace.events() {
        if let Event::BlockAlloc(alloc) = recorded.unwrap().event
            && trace.definitions().heap_name(alloc.pool).recorded() == "host"
        {
            let frames = trace.definitions().frames(alloc.stack);
            calls.insert(
                alloc.size.0,
                frames.iter().map(|frame: &Text| frame.recorded().to_owned()).collect(),
            );
        }
    }
    calls
}

/// Holds a trace against what the program said of its calls, as far as `depth`.
fn assert_told(trace: &Path, books: &Value, depth: usize) {
    let told = calls_by_size(trace);
    let books = books.as_object().unwrap();
    assert!(books.len() > 100);
    for (size, calls) in books {
        let calls: Vec<_> =
            calls.as_array().unwrap().iter().take(depth).map(|call| call.as_str().unwrap()).collect();
        assert_eq!(told[&size.parse().unwrap()], calls, "the block of {size} bytes");
    }
}

/// Each block is told by the calls that Python says it is of: recursion, generators, threads, code that is made and thrown
/// away; by every interpreter of this machine.
#[test]
fn blocks_are_told_by_the_lines_that_asked() {
    for python in interpreters() {
        let lab = Lab::new();
        let command = [python.as_os_str(), OsStr::new(CALLS)];
        let record = |trace: &str, more: &[&str]| {
            let options = [&["-o", trace], &OPTIONS[..], more].concat();
            books(&lab.record(&options, &command).output().unwrap())
        };
        assert_told(&lab.path("run.trace"), &record("run.trace", &[]), 32);
        assert_told(&lab.path("three.trace"), &record("three.trace", &["--stack-depth", "3"]), 3);
    }
}

/// A forked child has its parent's frames, and a log of its own.
#[test]
fn a_child_tells_its_own_calls() {
    let lab = Lab::new();
    let Some(python) = interpreters().first() else { return };
    let command = [python.as_os_str(), OsStr::new(CALLS), OsStr::new("fork")];
    let options = [&["-o", "%p.trace", "--follow"], &OPTIONS[..]].concat();
    books(&lab.record(&options, &command).output().unwrap());
    let innermost =
        |trace| calls_by_size(&lab.path(trace)).into_values().filter_map(|calls| calls.into_iter().next());
    let traces = lab.traces();
    let of_child = traces.iter().filter(|trace| {
        let calls: Vec<_> = innermost(trace.to_str().unwrap()).collect();
        calls.iter().any(|call| call.starts_with("child ("))
            && !calls.iter().any(|call| call.starts_with("été ("))
    });
    assert_eq!((traces.len(), of_child.count()), (2, 1));
}

/// An interpreter whose frames lie otherwise than is thought has no stacks, and goes on.
#[test]
fn a_layout_that_is_not_true_is_not_gone_by() {
    for python in interpreters() {
        let lab = Lab::new();
        // `-I`: nobody has begun it yet.
        let command = [python.as_os_str(), OsStr::new("-I"), OsStr::new("-c"), OsStr::new(LAYOUTS)];
        let options = [&["-o", "run.trace"], &OPTIONS[..]].concat();
        let output = lab.record(&options, &command).output().unwrap();
        let (minor, others, lie, own): (u8, Vec<u8>, bool, bool) =
            serde_json::from_slice(&output.stdout).unwrap();
        // 3.8 and 3.9 have the same.
        let same = [(8, 9), (9, 8)].iter().find(|(one, _)| *one == minor).map(|(_, other)| *other);
        assert_eq!((others, lie, own), (Vec::from_iter(same), false, true), "{output:?}");
        let calls = calls_by_size(&lab.path("run.trace"));
        assert!(calls[&400_001].is_empty(), "before it was begun");
        assert_eq!(calls[&500_001], ["<module> (<string>:14)"]);
    }
}

const LAYOUTS: &str = "\
import ctypes, json, sys
begin = ctypes.PyDLL(None).memtrace_python_stacks
begin.restype, begin.argtypes = ctypes.c_bool, [ctypes.c_int, ctypes.c_char_p]
minor = sys.version_info.minor
def told(function):
    return f'<string>:{sys._getframe(1).f_lineno}:{function}\\n'.encode()
kept, others = [bytearray(400_000)], []
lie = begin(minor, told('<other>'))
for other in range(20):
    # Of each version, what is there is read in places where it is not.
    if other != minor and begin(other, told('<module>')):
        others.append(other)
own = begin(minor, told('<module>'))
kept.append(bytearray(500_000))
print(json.dumps([minor, others, lie, own]))
";

/// The library's table says of each version what its headers say, as the program beside the table prints it.
#[test]
fn layouts_are_those_of_the_headers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer/c/src/preload/stacks/python");
    let table = std::fs::read_to_string(folder.join("layout.rs")).unwrap();
    for python in interpreters() {
        const HEADERS: &str = "import sysconfig; print(sysconfig.get_path('include'))";
        let headers = Command::new(python).args(["-c", HEADERS]).output().unwrap().stdout;
        let headers = PathBuf::from(String::from_utf8(headers).unwrap().trim());
        if !headers.join("Python.h").exists() {
            optional::skip(Need::PythonHeaders, format_args!("{} has no headers", python.display()));
            continue;
        }
        let lab = Lab::new();
        let program = lab.path("layout");
        let mut compile = Command::new("gcc");
        compile.arg("-w").arg("-I").arg(&headers).arg("-I").arg(headers.join("internal"));
        assert!(compile.arg(folder.join("layout.c")).arg("-o").arg(&program).status().unwrap().success());
        let layout = String::from_utf8(Command::new(program).output().unwrap().stdout).unwrap();
        assert!(layout.contains("minor: ") && table.contains(&layout), "{}: {layout}", python.display());
    }
}

/// The interpreters of this machine that can be read: `python3`, Debian's, and those that pyenv keeps.
fn interpreters() -> &'static [PathBuf] {
    static FOUND: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let root = Command::new("pyenv").arg("root").output().map(|output| output.stdout).unwrap_or_default();
        let versions = Path::new(String::from_utf8_lossy(&root).trim()).join("versions");
        let kept = std::fs::read_dir(versions).into_iter().flatten().flatten();
        let kept = kept.map(|version| version.path().join("bin/python3"));
        let usual = ["python3", "/usr/bin/python3"].map(PathBuf::from);
        let mut found: Vec<PathBuf> =
            usual.into_iter().chain(kept).filter_map(|python| known(&python)).collect();
        found.sort();
        found.dedup();
        found
    });
    if found.is_empty() {
        optional::skip(Need::Python, "there is no CPython from 3.8 to 3.13");
    }
    found
}

/// The interpreter behind this name, which may be a script that finds it.
fn known(python: &Path) -> Option<PathBuf> {
    const CHECK: &str =
        "import sys; print(sys.executable); sys.exit(not (3, 8) <= sys.version_info < (3, 14))";
    let output = Command::new(python).args(["-c", CHECK]).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programs/python/calls.py");
