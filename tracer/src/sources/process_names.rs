//! Names of other processes of the machine.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The name of a process, at most 15 bytes as the kernel keeps it; `None` if it has ended, or hides itself.
///
/// Nothing is kept from call to call: sysinfo would keep a descriptor of the program's open for each process.
pub(crate) fn process_name(pid: u32) -> Option<String> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted);
    let name = system.process(pid)?.name().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;

    #[test]
    fn a_process_has_the_name_that_the_kernel_gives_it() {
        let kernel = fs::read_to_string("/proc/self/comm").unwrap();
        // The test's thread may have a name of its own; the process has that of its first thread.
        let first = fs::read_to_string(format!("/proc/{0}/task/{0}/comm", process::id())).unwrap();
        assert!(!kernel.is_empty());
        assert_eq!(process_name(process::id()).as_deref(), Some(first.trim_end_matches('\n')));
    }

    #[test]
    fn who_is_not_there_has_no_name_and_nothing_stays_open() {
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        // Whatever is opened once.
        process_name(1);
        let before = open();
        for _ in 0..64 {
            process_name(process::id());
            assert_eq!(process_name(u32::MAX - 1), None);
        }
        assert!(open() < before + 32, "descriptors stay open: {before}, then {}", open());
    }
}
