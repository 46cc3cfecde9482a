//! Programs that know nothing of the tracer, and that meet with what a recording could hurt them by: nobody may tell from what
//! they do whether they are recorded.

/// Faults in memory: those of the log are the tracer's, all others the program's.
mod faults;

/// Filesystems that copy what is shared when it changes, and are full.
mod shared_blocks;

/// The main thread that leaves before others, and what holds a process or its pipes open.
mod leaving;

/// Recordings that stop before their time.
mod stopped;

/// Handlers that never return to what they interrupted.
mod jumps;

/// Kernels and sandboxes that refuse what the tracer asks for.
mod refused;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use memtrace_format::{CLOSING_OFFSET, Closing, FileHeader};
use tempfile::TempDir;

use crate::{
    programs,
    survival::running::{Outcome, Running},
};

/// A folder for one run of a program.
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

    /// The program, not recorded.
    fn untraced(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = programs::quiet(Path::new(program.as_ref()));
        command.args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The program, recorded into `run.trace` in the folder.
    fn recorded(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = self.untraced(program, arguments);
        command.env("LD_PRELOAD", programs::c_library()).env("MEMTRACE_RECORD", "on");
        command.env("MEMTRACE_FILE", self.path("run.trace")).env("MEMTRACE_SAMPLE", "host=100");
        command
    }
}

/// How the log in the folder says that the recording ended.
fn closing(lab: &Lab) -> Closing {
    let log = fs::read(lab.path("run.trace")).unwrap();
    let header = FileHeader::parse(&log).unwrap();
    Closing::parse(&log[CLOSING_OFFSET..], header.short_session()).unwrap()
}

fn outcome(mut command: Command) -> Outcome {
    Running::from(command.spawn().unwrap()).outcome()
}

/// `programs/c/bystander.c`, compiled.
fn bystander() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("bystander", &[]))
}

/// Compiles a program of this repository.
fn compile(name: &str, options: &[&OsStr]) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread"]);
    command.arg("-I").arg(root.join("../tracer/c/include"));
    command.arg(root.join("programs/c").join(name).with_extension("c")).arg("-o").arg(&program).args(options);
    let output = command.output().expect("there is a C compiler");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    program
}
