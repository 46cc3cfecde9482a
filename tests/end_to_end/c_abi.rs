use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use memtrace_analysis::report::Report;
use memtrace_tests::oracle::Program;
use serde_json::Value;
use tempfile::TempDir;

use crate::{optional, programs, truth::assert_same};

/// The example engine in C, with the shared library and with the static one: its own books and the report agree.
#[test]
fn the_engine_in_c_is_told_as_its_own_books_tell_it() {
    let lab = Lab::new();
    for (name, library) in [("shared", SHARED), ("static", STATIC)] {
        let engine = lab.compile(name, "examples/c/engine.c", &[], library);
        let (report, output) = lab.record(Command::new(engine).arg("5"));
        let books: Value = serde_json::from_str(&output).unwrap();
        assert_same(Program::C, &books, &report, name);
        let [heap] = &report.heaps[..] else { panic!("one heap") };
        assert_eq!(heap.name.recorded(), "device:0");
        let owned = heap.peak.by_module.iter().filter(|share| share.name.recorded() == "unet");
        assert_eq!(
            owned.map(|share| share.bytes.0).sum::<u64>(),
            heap.peak.figures.allocated_bytes.0,
            "{name}"
        );
    }
}

/// Every call with every argument that a mistaken program could pass: while recording, before it, after it, without it.
#[test]
fn calls_survive_hostile_arguments() {
    let lab = Lab::new();
    let hostile = lab.compile("hostile", "tests/programs/c/hostile.c", &[], SHARED);
    let (report, said) = lab.record(&mut Command::new(&hostile));
    assert_eq!(said, "before 1 started 0 during 1 after 0\n");
    let strange = report.modules.iter().find(|module| module.name.recorded().starts_with('\u{fffd}'));
    assert!(strange.is_some(), "what is not UTF-8 is replaced");

    let trace = lab.folder.path().join("started.trace");
    let output = programs::quiet(&hostile).arg(&trace).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"before 0 started 1 during 1 after 0\n");
    let complaints =
        String::from_utf8_lossy(&output.stderr).lines().filter(|l| l.contains("cannot create")).count();
    assert_eq!(complaints, 2, "each file that cannot be made is named");
    assert!(memtrace_analysis::analyze(&trace).is_ok());
    assert_eq!(programs::quiet(&hostile).output().unwrap().stdout, b"before 0 started 0 during 0 after 0\n");
}

/// Two shared objects that use the library, opened where neither sees the other's names, and closed again: the process has
/// one recording with the events of both. The library is opened by `dlopen` here, so recording begins under the loader's
/// lock.
#[test]
fn shared_objects_record_together() {
    let lab = Lab::new();
    let plugins = ["one", "two"].map(|name| {
        let define = format!("-DPLUGIN={name}");
        lab.compile(
            &format!("{name}.so"),
            "tests/programs/c/plugin.c",
            &["-shared", "-fPIC", &define],
            SHARED,
        )
    });
    let host = lab.compile("host", "tests/programs/c/host.c", &[], &[]);
    let (report, _) = lab.record(Command::new(host).args(&plugins));
    for name in ["one", "two"] {
        let heaps = || report.heaps.iter().filter(|heap| heap.name.recorded() == name);
        assert_eq!(heaps().count(), 2, "a thread of each has a heap of its own");
        assert_eq!(heaps().map(|heap| heap.allocs).sum::<u64>(), 20_000);
        let modules = report.modules.iter().filter(|module| module.name.recorded() == name);
        assert_eq!(modules.map(|module| module.forwards).sum::<u64>(), 2);
    }
    assert_eq!(report.trace.dropped.total, 0);
}

/// A program with a tracer of its own in which the library is loaded too: two recordings, neither in the other's file, and
/// the second says where it goes. The program's own is whole.
#[test]
fn a_program_with_its_own_tracer_and_the_library_makes_two_logs() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.trace");
    let mut command = programs::diffusion();
    command.args(programs::DIFFUSION).args(["--device", "host", "--tier", "lowvram", "--steps", "2"]);
    command.env("MEMTRACE_FILE", &trace).env("LD_PRELOAD", programs::c_library());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("run.trace\" is another tracer's of this process; recording into"), "{said}");

    let logs: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| *path != trace)
        .collect();
    let [own] = &logs[..] else { panic!("one more log: {logs:?}") };
    let report = memtrace_analysis::analyze(own).unwrap().report;
    let books: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_same(Program::Diffusion, &books, &report, "the program's own");
    let loaded = memtrace_analysis::analyze(&trace).unwrap().report;
    assert_eq!((loaded.trace.events, loaded.trace.pid), (0, report.trace.pid));
}

/// The header is C++ as well.
#[test]
fn the_header_serves_c_plus_plus() {
    if !optional::cxx() {
        return;
    }
    let lab = Lab::new();
    let program = lab.compile_with("g++", "plus", "tests/programs/c/plus.cpp", &["-std=c++17"], SHARED);
    let (report, _) = lab.record(&mut Command::new(program));
    assert_eq!(report.modules[0].forwards, 1);
}

const SHARED: &[&str] = &["-lmemtrace"];
const STATIC: &[&str] = &["-l:libmemtrace.a", "-lpthread", "-ldl", "-lm"];

/// A folder for what a test compiles and records.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn compile(&self, name: &str, source: &str, options: &[&str], libraries: &[&str]) -> PathBuf {
        self.compile_with("gcc", name, source, &[options, &["-std=c11"]].concat(), libraries)
    }

    /// Compiles a source of this repository against the header and the library.
    fn compile_with(
        &self,
        compiler: &str,
        name: &str,
        source: &str,
        options: &[&str],
        libraries: &[&str],
    ) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let library = programs::c_library();
        let folder = library.parent().unwrap();
        let program = self.folder.path().join(name);
        let mut command = Command::new(compiler);
        command.args(["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1"]).args(options);
        command.arg("-I").arg(root.join("tracer/c/include")).arg(root.join(source)).arg("-o").arg(&program);
        command.arg("-L").arg(folder).arg("-Wl,-rpath").arg("-Xlinker").arg(folder).args(libraries);
        let output = command.output().expect("there is a C compiler");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        program
    }

    /// Runs a program to its good end; what was recorded of it, and what it printed.
    fn record(&self, command: &mut Command) -> (Report, String) {
        let name = command.get_program().to_owned();
        let trace = Path::new(&name).with_extension("trace");
        let mut recorded = programs::quiet(Path::new(&name));
        recorded.args(command.get_args().map(OsStr::to_owned)).env("MEMTRACE_FILE", &trace);
        let output = recorded.output().unwrap();
        assert!(output.status.success(), "{recorded:?}: {output:?}");
        (memtrace_analysis::analyze(&trace).unwrap().report, String::from_utf8(output.stdout).unwrap())
    }
}
