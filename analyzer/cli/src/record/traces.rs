//! The traces that a recording makes: one a process.

use std::{
    env,
    ffi::OsString,
    fs,
    hash::{BuildHasher as _, RandomState},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{self, Path, PathBuf},
    process,
};

use super::recorded::Recorded;
use crate::{draft::Draft, failure::Failure, place::shown};

/// What `%p` becomes, the library says; here it is to be known again.
const PROCESS: &[u8] = b"%p";

/// Where traces are made.
pub(crate) struct Traces {
    /// Absolute, for a process may be elsewhere when it begins to record.
    pattern: PathBuf,
    /// What the traces of this run have in common and no others: more runs than one may be under way in a folder, by like names.
    run: u64,
}

impl Traces {
    /// `output` for one process, and a pattern with a process id for several.
    pub(crate) fn new(output: PathBuf, several: bool) -> Result<Self, Failure> {
        let mut bytes = output.into_os_string().into_vec();
        let has_process = bytes.windows(PROCESS.len()).any(|part| part == PROCESS);
        if several && !has_process {
            let end = bytes.strip_suffix(b".trace").map_or(bytes.len(), <[u8]>::len);
            bytes.splice(end..end, *b".%p");
        }
        let output = PathBuf::from(OsString::from_vec(bytes));
        if !several && !has_process && output.symlink_metadata().is_ok() {
            return Err(Failure::TraceExists(shown(&output)));
        }
        let pattern = path::absolute(&output).unwrap_or(output);
        // Seeded by the system, and so another number each time.
        let run = RandomState::new().hash_one(process::id());
        let traces = Self { pattern, run };
        let folder = traces.folder();
        // The library would say so too, of each process, and the program would run for nothing.
        Draft::begin(folder).map_err(|error| Failure::NoFolder { folder: shown(folder), error })?;
        Ok(traces)
    }

    pub(crate) fn pattern(&self) -> &Path {
        &self.pattern
    }

    /// As the library is told it.
    pub(crate) fn run(&self) -> String {
        format!("{:016x}", self.run)
    }

    /// The traces that were made, that of `process` first.
    pub(crate) fn made(&self, process: u32) -> Vec<Recorded> {
        let here = env::current_dir().unwrap_or_default();
        let names = self.present().into_iter();
        let traces = names.filter_map(|name| {
            let path = self.folder().join(name);
            Recorded::at(path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path))
        });
        let mut made: Vec<Recorded> = traces.filter(|trace| trace.run() == self.run).collect();
        made.sort_by(|one, other| {
            let key = |trace: &Recorded| (trace.process() != process, trace.path().to_owned());
            key(one).cmp(&key(other))
        });
        made
    }

    /// The names in the folder that a trace could have.
    fn present(&self) -> Vec<OsString> {
        let (prefix, suffix) = self.around_process();
        let Ok(entries) = fs::read_dir(self.folder()) else { return Vec::new() };
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
        names
            .filter(|name| {
                let name = name.as_bytes();
                name.len() >= prefix.len() + suffix.len()
                    && name.starts_with(prefix)
                    && name.ends_with(suffix)
            })
            .collect()
    }

    fn folder(&self) -> &Path {
        self.pattern.parent().unwrap_or(Path::new("/"))
    }

    /// What stands before and behind the process id in a trace's name. Where the pattern has none, the library puts it before
    /// the last dot should the file be there already.
    fn around_process(&self) -> (&[u8], &[u8]) {
        let name = self.pattern.file_name().unwrap_or_default().as_bytes();
        if let Some(place) = name.windows(PROCESS.len()).position(|part| part == PROCESS) {
            return (&name[..place], &name[place + PROCESS.len()..]);
        }
        let dot = name.iter().rposition(|&byte| byte == b'.').unwrap_or(name.len());
        name.split_at(dot)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use memtrace_format::{Calibration, ClockKind, FileHeader, Ticks};

    use super::*;

    fn write(path: &Path, run: u64, pid: u32) {
        let start = Calibration { ticks: Ticks(0), monotonic_ns: 0, realtime_ns: 0 };
        let header = FileHeader {
            compatible: 0,
            incompatible: 0,
            session: u128::from(run) << 64 | u128::from(pid),
            boot: 0,
            pid,
            clock: ClockKind::Monotonic,
            start,
            minor: 0,
        };
        fs::write(path, header.to_bytes()).unwrap();
    }

    fn names(made: &[Recorded]) -> Vec<&str> {
        made.iter().map(|trace| trace.path().file_name().unwrap().to_str().unwrap()).collect()
    }

    /// Whatever was there before, or is made meanwhile by others.
    #[test]
    fn traces_of_other_runs_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let traces = Traces::new(folder.path().join("run.trace"), true).unwrap();
        assert!(traces.pattern().ends_with("run.%p.trace"));
        for (pid, run) in [(1, traces.run ^ 1), (2, traces.run), (3, traces.run), (4, 0)] {
            write(&folder.path().join(format!("run.{pid}.trace")), run, pid);
        }
        write(&folder.path().join("other.5.trace"), traces.run, 5);
        fs::write(folder.path().join("run.6.trace"), "no trace").unwrap();
        assert_eq!(names(&traces.made(3)), ["run.3.trace", "run.2.trace"]);
    }

    #[test]
    fn one_trace_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.trace");
        let traces = Traces::new(path.clone(), false).unwrap();
        write(&path, traces.run, 7);
        assert_eq!(names(&traces.made(7)), ["run.trace"]);
        assert!(Traces::new(path, false).is_err());
    }

    #[test]
    fn there_must_be_a_folder() {
        for folder in ["/proc", "/nowhere/at/all"] {
            let made = Traces::new(Path::new(folder).join("run.trace"), false);
            assert!(matches!(made, Err(Failure::NoFolder { .. })), "{folder}");
        }
    }
}
