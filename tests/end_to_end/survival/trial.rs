use std::{
    fs::{self, File},
    os::unix::{
        fs::{FileExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    log::Log,
    numbering::STREAMS,
    running::{Outcome, Running},
};
use crate::programs;

/// A run of the program, to be prepared and then started. Its folder goes with it.
pub(crate) struct Trial {
    folder: TempDir,
    pub(crate) command: Command,
}

impl Trial {
    /// The program, recording into `run.trace` in its folder.
    pub(crate) fn new(hazard: &str, threads: u16, events: u64) -> Self {
        let trial = Self::untraced(hazard, threads, events);
        let log = trial.path("run.trace");
        trial.env("MEMTRACE_FILE", log)
    }

    /// The program, not recording.
    pub(crate) fn untraced(hazard: &str, threads: u16, events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acknowledgements = folder.path().join("acknowledgements");
        File::create(&acknowledgements).unwrap().set_len(STREAMS as u64 * 64).unwrap();
        Self::with_arguments(folder, [hazard, "acknowledgements", &threads.to_string(), &events.to_string()])
    }

    /// The program, not recording, and without a file of its own.
    pub(crate) fn without_a_file(hazard: &str, threads: u16, events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::with_arguments(folder, [hazard, "-", &threads.to_string(), &events.to_string()])
    }

    fn with_arguments(folder: TempDir, arguments: [&str; 4]) -> Self {
        let mut command = programs::survivor();
        command.args(arguments).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { folder, command }
    }

    /// Sampled as often as can be, while other trials are not sampled.
    pub(crate) fn sampled(self) -> Self {
        self.env("MEMTRACE_SAMPLE", "host=1000,pss=1000")
    }

    pub(crate) fn env(mut self, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(variable, value);
        self
    }

    /// If this user is root: the program of an ordinary user, in a folder of his. Prepare the rest after this.
    pub(crate) fn for_nobody_if_root(mut self) -> Self {
        const NOBODY: u32 = 65_534;
        // SAFETY: it has no arguments.
        if unsafe { libc::geteuid() } != 0 {
            return self;
        }
        let program = self.path("survivor");
        copy_program(&program);
        chown(self.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
        let mut command = Command::new(program);
        command.args(self.command.get_args()).current_dir(self.path("")).uid(NOBODY).gid(NOBODY);
        command.env_remove("MEMTRACE_FILE").env_remove("MEMTRACE_MAX_SIZE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// Sets a limit of the process, which the tracer finds there when it starts.
    pub(crate) fn limit(mut self, what: libc::__rlimit_resource_t, limit: u64) -> Self {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: setrlimit may be called between fork and exec.
        unsafe {
            self.command.pre_exec(move || match libc::setrlimit(what, &raw const limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of the logs in the folder.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut logs: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(".trace")).collect();
        logs.sort();
        logs
    }

    /// The log of the run.
    pub(crate) fn log(&self) -> Log {
        Log::read(&self.path("run.trace"))
    }

    /// How many events each stream has acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<u64> {
        let bytes = fs::read(self.path("acknowledgements")).unwrap();
        let line = |line: &[u8; 64]| u64::from_le_bytes(*line.first_chunk().unwrap());
        bytes.as_chunks::<64>().0.iter().map(line).collect()
    }

    /// How many events `stream` has acknowledged. Cheap enough to ask while the program runs.
    pub(crate) fn acknowledged_by(&self, stream: u16) -> u64 {
        let mut count = [0; 8];
        let file = File::open(self.path("acknowledgements")).unwrap();
        file.read_exact_at(&mut count, u64::from(stream) * 64).unwrap();
        u64::from_le_bytes(count)
    }

    /// Starts the program.
    pub(crate) fn start(&mut self) -> Running {
        Running::from(self.command.spawn().unwrap())
    }

    /// Runs the program to its end.
    pub(crate) fn run(&mut self) -> Outcome {
        self.start().outcome()
    }

    /// Runs the program to its end, which is a good one.
    pub(crate) fn succeed(&mut self) -> Outcome {
        let outcome = self.run();
        assert!(outcome.status.success(), "{outcome:?}");
        outcome
    }
}

/// Copies the program. Another process does, for while this one wrote the copy, a child of another test could hold it open
/// for writing, and then it could not be run.
pub(crate) fn copy_program(to: &Path) {
    assert!(Command::new("cp").arg(programs::survivor().get_program()).arg(to).status().unwrap().success());
}

/// The files at `paths`, which must be one.
pub(crate) fn only(paths: &[PathBuf]) -> &Path {
    assert_eq!(paths.len(), 1, "{paths:?}");
    &paths[0]
}
