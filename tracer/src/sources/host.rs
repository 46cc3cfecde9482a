//! The host: what this process has of its memory, and what is left.

use std::mem;

use memtrace_format::Bytes;

use super::{
    Reading, Unavailable,
    kernel_file::{KernelFile, kibibytes},
};

/// The host's memory and this process in it.
pub(crate) struct Host {
    meminfo: Reading<KernelFile>,
    statm: Reading<KernelFile>,
    smaps: Reading<KernelFile>,
    page: u64,
}

/// The machine's memory, as `/proc/meminfo` has it. A container sees its host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MachineMemory {
    /// All of it.
    pub(crate) total: Bytes,
    /// What nobody uses, not even as a cache.
    pub(crate) free: Bytes,
    /// What can be had without swapping: free memory, and caches that can be dropped.
    pub(crate) available: Bytes,
    /// What lies in swap.
    pub(crate) swap_used: Bytes,
}

/// Page faults of this process since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageFaults {
    /// Without reading from a disk.
    pub(crate) minor: u64,
    /// With.
    pub(crate) major: u64,
}

impl Host {
    /// Opens the files; those that cannot be opened are told of when they are read.
    pub(crate) fn open() -> Self {
        // SAFETY: sysconf reads a constant of the system.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Self {
            meminfo: KernelFile::open("/proc/meminfo", "/proc/meminfo"),
            statm: KernelFile::open("/proc/self/statm", "/proc/self/statm"),
            smaps: KernelFile::open("/proc/self/smaps_rollup", "/proc/self/smaps_rollup"),
            page: page.cast_unsigned(),
        }
    }

    /// The machine's memory.
    pub(crate) fn machine(&self) -> Reading<MachineMemory> {
        let file = self.meminfo.as_ref().map_err(Unavailable::clone)?;
        file.read(machine)
    }

    /// What of this process is in memory, shared pages counted in full. The kernel's quick sum: it may be some dozen pages
    /// a thread behind.
    pub(crate) fn resident(&self) -> Reading<Bytes> {
        let file = self.statm.as_ref().map_err(Unavailable::clone)?;
        file.read(|text| {
            let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
            pages.checked_mul(self.page).map(Bytes)
        })
    }

    /// What of this process is in memory, each shared page divided by those who share it. The kernel walks all of the
    /// process's pages for this: milliseconds for many GiB, with the lock held that mapping memory takes.
    pub(crate) fn proportional(&self) -> Reading<Bytes> {
        let file = self.smaps.as_ref().map_err(Unavailable::clone)?;
        file.read(|text| kibibytes(text, "Pss"))
    }

    /// The page faults so far.
    pub(crate) fn page_faults(&self) -> Reading<PageFaults> {
        // SAFETY: all zeros is a valid value of the type, which is plain numbers.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        // SAFETY: the place is valid to write to.
        if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
            let why = std::io::Error::last_os_error().to_string();
            return Err(Unavailable::Failed { call: "getrusage", why });
        }
        Ok(PageFaults { minor: usage.ru_minflt.cast_unsigned(), major: usage.ru_majflt.cast_unsigned() })
    }
}

fn machine(text: &str) -> Option<MachineMemory> {
    let swap_total = kibibytes(text, "SwapTotal")?;
    Some(MachineMemory {
        total: kibibytes(text, "MemTotal")?,
        free: kibibytes(text, "MemFree")?,
        available: kibibytes(text, "MemAvailable")?,
        swap_used: Bytes(swap_total.0.checked_sub(kibibytes(text, "SwapFree")?.0)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        let text = "MemTotal:       16384 kB\nMemFree:  1024 kB\nMemAvailable:    2048 kB\nCached: 7 kB\n\
                    SwapCached: 1 kB\nSwapTotal: 8 kB\nSwapFree: 6 kB\n";
        let kib = |count: u64| Bytes(count << 10);
        let expected =
            MachineMemory { total: kib(16384), free: kib(1024), available: kib(2048), swap_used: kib(2) };
        assert_eq!(machine(text), Some(expected));
    }

    #[test]
    fn a_line_that_is_missing_is_not_nothing() {
        assert_eq!(machine("MemTotal: 1 kB\nMemFree: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"), None);
        assert_eq!(kibibytes("Pss: many kB\n", "Pss"), None);
        assert_eq!(kibibytes("Pss: 99999999999999999999 kB\n", "Pss"), None);
    }

    #[test]
    fn this_process_is_somewhere() {
        let host = Host::open();
        let resident = host.resident().unwrap();
        let machine = host.machine().unwrap();
        assert!(resident.0 > 0 && resident.0 < machine.total.0);
        assert!(machine.free.0 <= machine.total.0 && machine.available.0 <= machine.total.0);
        assert!(host.page_faults().unwrap().minor > 0);
    }
}
