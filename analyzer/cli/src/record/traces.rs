//! The traces that a recording makes: one a process.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{self, Path, PathBuf},
};

use memtrace_analysis::Text;

use crate::failure::Failure;

/// What `%p` becomes, the library says; here it is to be known again.
const PROCESS: &[u8] = b"%p";

/// Where traces are made.
pub(crate) struct Traces {
    /// Absolute, for a process may be elsewhere when it begins to record.
    pattern: PathBuf,
    before: Vec<OsString>,
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
        if !several && !has_process && output.exists() {
            return Err(Failure::TraceExists(Text::new(output.to_string_lossy())));
        }
        let pattern = path::absolute(&output).unwrap_or(output);
        let traces = Self { pattern, before: Vec::new() };
        Ok(Self { before: traces.present(), ..traces })
    }

    pub(crate) fn pattern(&self) -> &Path {
        &self.pattern
    }

    /// The traces that were made since, that of `process` first.
    pub(crate) fn made(&self, process: u32) -> Vec<PathBuf> {
        let folder = self.folder();
        // A process that became another program which did not record has left its trace under another name.
        let put_aside = |name: &OsStr| name.as_bytes().strip_suffix(b".before-exec").map(<[u8]>::to_vec);
        for name in self.present() {
            if let Some(own) = put_aside(&name).filter(|_| !self.before.contains(&name)) {
                let _ = fs::rename(folder.join(&name), folder.join(OsStr::from_bytes(&own)));
            }
        }
        let mut made: Vec<PathBuf> = self
            .present()
            .into_iter()
            .filter(|name| !self.before.contains(name))
            .map(|name| folder.join(name))
            .collect();
        made.sort();
        let (prefix, suffix) = self.around_process();
        let first = [prefix, process.to_string().as_bytes(), suffix].concat();
        made.sort_by_key(|path| path.file_name().is_none_or(|name| name.as_bytes() != first));
        let shown = |path: PathBuf| match std::env::current_dir() {
            Ok(here) => path.strip_prefix(here).map(Path::to_owned).unwrap_or(path),
            Err(_) => path,
        };
        made.into_iter().map(shown).collect()
    }

    /// The names in the folder that a trace could have.
    fn present(&self) -> Vec<OsString> {
        let (prefix, suffix) = self.around_process();
        let Ok(entries) = fs::read_dir(self.folder()) else { return Vec::new() };
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
        names
            .filter(|name| {
                let name = name.as_bytes().strip_suffix(b".before-exec").unwrap_or(name.as_bytes());
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

    use super::*;

    #[test]
    fn traces_that_were_there_before_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        file("run.1.trace");
        let traces = Traces::new(folder.path().join("run.trace"), true).unwrap();
        assert!(traces.pattern().ends_with("run.%p.trace"));
        for name in ["run.3.trace", "run.2.trace", "run.4.trace.before-exec", "other.5.trace"] {
            file(name);
        }
        let made = traces.made(3);
        let names: Vec<_> = made.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["run.3.trace", "run.2.trace", "run.4.trace"]);
    }

    #[test]
    fn one_trace_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.trace");
        let traces = Traces::new(path.clone(), false).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(traces.made(7), std::slice::from_ref(&path));
        assert!(Traces::new(path, false).is_err());
    }
}
