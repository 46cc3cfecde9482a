//! Pressure: for how long tasks waited for memory (PSI), on the whole system and in the cgroup of this process.

use std::{fs, path::PathBuf, time::Duration};

use super::{Reading, Unavailable, kernel_file::KernelFile};

/// The files that tell of pressure.
pub(crate) struct Pressure {
    system: Reading<KernelFile>,
    cgroup: Reading<KernelFile>,
}

/// How long tasks waited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stall {
    /// Of the last ten seconds, in percent.
    pub(crate) percent: f64,
    /// Since the system, or the cgroup, began.
    pub(crate) total: Duration,
}

/// The two kinds of waiting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stalls {
    /// At least one task waited.
    pub(crate) some: Stall,
    /// All tasks that were not idle waited at once.
    pub(crate) full: Stall,
}

impl Pressure {
    /// Opens the files; those that cannot be opened are told of when they are read.
    pub(crate) fn open() -> Self {
        Self {
            system: KernelFile::open("/proc/pressure/memory", "/proc/pressure/memory"),
            cgroup: open_cgroup(),
        }
    }

    /// Of the whole system.
    pub(crate) fn system(&self) -> Reading<Stalls> {
        self.system.as_ref().map_err(Unavailable::clone)?.read(stalls)
    }

    /// Of the cgroup that this process was in when the source was opened.
    pub(crate) fn cgroup(&self) -> Reading<Stalls> {
        self.cgroup.as_ref().map_err(Unavailable::clone)?.read(stalls)
    }
}

/// The cgroup's file, where cgroups of version 2 are all there is, or beside those of version 1.
fn open_cgroup() -> Reading<KernelFile> {
    const NAME: &str = "the cgroup's memory.pressure";
    let missing = || Unavailable::Missing(NAME.to_owned());
    let groups = fs::read_to_string("/proc/self/cgroup").map_err(|_| missing())?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/")).ok_or_else(missing)?;
    let in_root = |root: &str| PathBuf::from(root).join(path).join("memory.pressure");
    KernelFile::open(NAME, in_root("/sys/fs/cgroup"))
        .or_else(|_| KernelFile::open(NAME, in_root("/sys/fs/cgroup/unified")))
}

fn stalls(text: &str) -> Option<Stalls> {
    Some(Stalls { some: stall(text, "some ")?, full: stall(text, "full ")? })
}

fn stall(text: &str, kind: &str) -> Option<Stall> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    let value = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    Some(Stall {
        percent: value("avg10")?.parse().ok()?,
        total: Duration::from_micros(value("total")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let text = "some avg10=1.50 avg60=0.50 avg300=0.00 total=123456\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=7\n";
        let found = stalls(text).unwrap();
        assert_eq!(found.some, Stall { percent: 1.5, total: Duration::from_micros(123_456) });
        assert_eq!(found.full, Stall { percent: 0.25, total: Duration::from_micros(7) });
        assert_eq!(stalls("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), None);
    }
}
