//! Checks that NVIDIA's driver is present and may be used.

use std::fs::{self, OpenOptions};

use memtrace_analysis::report::FindingVerdict;

use super::{Check, loader};

pub(super) fn checks() -> Vec<Check> {
    vec![
        devices(),
        library("CUDA driver", "libcuda.so.1")
            .records("device memory and copies, as the driver is asked for them"),
        library("NVML", "libnvidia-ml.so.1").records("figures of devices and who else uses them"),
    ]
}

fn devices() -> Check {
    const WHAT: &str = "GPU";
    let version = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let version =
        version.lines().next().unwrap_or_default().trim_start_matches("NVRM version:").trim().to_owned();
    let nodes = fs::read_dir("/dev").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let is_device = |name: &str| name.strip_prefix("nvidia").is_some_and(|rest| rest.parse::<u32>().is_ok());
    let nodes: Vec<_> =
        nodes.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_device)).collect();
    if nodes.is_empty() {
        return Check::absent(WHAT, "no NVIDIA device; host memory and PyTorch on the CPU can be recorded");
    }
    let refused = nodes.iter().find(|node| OpenOptions::new().read(true).write(true).open(node).is_err());
    match refused {
        Some(node) => Check::new(
            WHAT,
            FindingVerdict::Warn,
            format!("{} may not be opened by this user", node.display()),
            "join the group that owns it: ls -l /dev/nvidia*",
        ),
        None => Check::ok(WHAT, format!("{} devices; {version}", nodes.len())),
    }
}

fn library(what: &'static str, name: &str) -> Check {
    match loader::find(name) {
        Some(path) => Check::ok(what, path.to_string_lossy()),
        None => Check::absent(what, format!("{name} is not installed; its figures are not recorded")),
    }
}
