//! A sandbox: which system calls a recording makes, and whether a filter stands before them.

use std::fs;

use super::Check;

/// The system calls that the tracer makes in a recorded process. A filter may refuse any of them with an error: what cannot be
/// done then is left out or said. One that kills the process for any of them kills it.
const CALLS: &[&str] = &[
    "clock_gettime",
    "clone",
    "clone3",
    "close",
    "close_range",
    "dup3",
    "eventfd2",
    "exit",
    "exit_group",
    "fallocate",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futex",
    "getcwd",
    "getdents64",
    "getpid",
    "getrandom",
    "getrusage",
    "gettid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "newfstatat",
    "openat",
    "pidfd_getfd",
    "pidfd_open",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "pwrite64",
    "read",
    "readlink",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sched_yield",
    "set_robust_list",
    "sigaltstack",
    "statx",
    "tgkill",
    "uname",
    "unlink",
    "unshare",
    "write",
];

pub(super) fn checks() -> Vec<Check> {
    const WHAT: &str = "sandbox";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let filters = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
    let filter = match filters {
        Some("0") => "no filter of system calls is in force",
        Some(_) => "a filter of system calls is in force (seccomp)",
        None => "the kernel does not say whether a filter of system calls is in force",
    };
    let calls = CALLS.join(", ");
    // Who is not under a filter has no use for the list.
    vec![if filters == Some("0") {
        Check { details: Some(format!("a recording calls {calls}")), ..Check::ok(WHAT, filter) }
    } else {
        Check::ok(WHAT, format!("{filter}; a recording must not be killed for {calls}"))
    }]
}
