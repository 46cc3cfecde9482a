//! This machine: system, processors and memory, for `memtrace doctor` and the archive of `memtrace report`.

use std::fmt::{self, Display, Formatter};

use memtrace_analysis::Text;
use memtrace_format::Bytes;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What this machine is. What it does not say is `None`.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The distribution and its version.
    system: Option<Text>,
    /// The kernel's version.
    kernel: Option<Text>,
    /// The processor's architecture.
    architecture: Text,
    /// The processors that the system counts, and the name of the first.
    processors: Option<(usize, Text)>,
    memory: Option<Memory>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    total: Bytes,
    swap: Bytes,
    /// What the cgroup, as a rule a container, may use, where that is less.
    limit: Option<Bytes>,
}

impl Machine {
    /// Reads it; some milliseconds. It does not read the host's name, nor a user's.
    pub(crate) fn this() -> Self {
        let memory = MemoryRefreshKind::nothing().with_ram().with_swap();
        let wanted = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(memory);
        let machine = System::new_with_specifics(wanted).ok();
        Self {
            system: System::long_os_version().ok().map(Text::new),
            kernel: System::kernel_version().ok().map(Text::new),
            architecture: Text::new(System::cpu_arch()),
            processors: machine.as_ref().and_then(|machine| {
                let first = machine.cpus().first()?;
                Some((machine.cpus().len(), Text::new(first.brand().trim())))
            }),
            memory: machine.as_ref().and_then(Memory::of),
        }
    }
}

impl Memory {
    /// A machine without memory is one that did not say: sysinfo has 0 for a line that is missing.
    fn of(machine: &System) -> Option<Self> {
        let total = machine.total_memory();
        let limit = machine.cgroup_limits().map(|limits| limits.total_memory);
        let limit = limit.filter(|limit| (1..total).contains(limit)).map(Bytes);
        (total > 0).then_some(Self { total: Bytes(total), swap: Bytes(machine.total_swap()), limit })
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.system {
            Some(system) => write!(f, "{system}, ")?,
            None => write!(f, "unknown system, ")?,
        }
        if let Some(kernel) = &self.kernel {
            write!(f, "kernel {kernel}, ")?;
        }
        write!(f, "{}", self.architecture)?;
        if let Some((count, name)) = &self.processors {
            write!(f, "; {count} × {name}")?;
        }
        match self.memory {
            Some(Memory { total, swap, limit }) => {
                write!(f, "; {total} of memory")?;
                if let Some(limit) = limit {
                    write!(f, ", of which this cgroup may use {limit}")?;
                }
                if swap.0 > 0 { write!(f, ", {swap} of swap") } else { write!(f, ", no swap") }
            }
            None => write!(f, "; memory unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The kernel's own files say the same.
    #[test]
    fn it_is_what_the_kernel_says() {
        let machine = Machine::this();
        let meminfo = fs::read_to_string("/proc/meminfo").expect("this is Linux");
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).expect("it has a total");
        let kib: u64 = total.trim().trim_end_matches(" kB").parse().expect("it is a number");
        let memory = machine.memory.expect("this machine has memory");
        assert_eq!(memory.total, Bytes(kib << 10));
        assert!(memory.limit.is_none_or(|limit| limit.0 < memory.total.0));
        let stat = fs::read_to_string("/proc/stat").expect("this is Linux");
        let is_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        let processors = machine.processors.as_ref().map(|(count, _)| *count);
        assert_eq!(processors, Some(stat.lines().filter(is_one).count()));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").expect("this is Linux");
        let text = machine.to_string();
        assert!(text.contains(kernel.trim()) && text.contains(&memory.total.to_string()), "{text}");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("this is Linux");
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        assert!(!words.contains(&host.trim()), "{text}");
    }

    #[test]
    fn what_is_unknown_is_not_nothing() {
        let machine = Machine {
            system: None,
            kernel: None,
            architecture: Text::new("x86_64"),
            processors: None,
            memory: None,
        };
        assert_eq!(machine.to_string(), "unknown system, x86_64; memory unknown");
        let limit = Some(Bytes(1 << 30));
        let memory = Some(Memory { total: Bytes(4 << 30), swap: Bytes(0), limit });
        let text = Machine { memory, processors: Some((2, Text::new("Model"))), ..machine }.to_string();
        let expected = "unknown system, x86_64; 2 × Model; 4.00 GiB of memory, of which this cgroup may use 1.00 GiB, no swap";
        assert_eq!(text, expected);
    }
}
