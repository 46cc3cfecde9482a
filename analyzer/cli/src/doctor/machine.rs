//! The machine: what it is, its clock, its disk, and whether it reports memory pressure.

use std::fs;

use memtrace_analysis::report::FindingVerdict;
use memtrace_format::Bytes;

use super::Check;
use crate::machine::Machine;

/// Less room than this is soon full: some eight million events.
const LITTLE_ROOM: Bytes = Bytes(256 << 20);

pub(super) fn checks() -> Vec<Check> {
    let pressure = pressure().records("memory pressure");
    vec![Check::ok("machine", Machine::this().to_string()), clock(), room(), pressure]
}

fn clock() -> Check {
    const WHAT: &str = "clock";
    let source = fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let source = source.unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let is_steady = ["constant_tsc", "nonstop_tsc"].iter().all(|flag| flags.split(' ').any(|f| f == *flag));
    if cfg!(target_arch = "aarch64") {
        return Check::ok(WHAT, "the system counter, which is the same on all processors");
    }
    if is_steady {
        return Check::ok(
            WHAT,
            format!("the processor's counter is steady; the kernel uses {}", source.trim()),
        );
    }
    let found = "the processor's counter may stop or change its rate; the kernel's clock is read instead, which costs more";
    Check::new(WHAT, FindingVerdict::Warn, found, "")
}

fn room() -> Check {
    const WHAT: &str = "disk";
    match rustix::fs::statvfs(".") {
        Ok(disk) => {
            let free = Bytes(disk.f_bavail.saturating_mul(disk.f_frsize));
            let found = format!("{free} free here; a trace takes 32 bytes an event");
            if free < LITTLE_ROOM {
                let advice = "record elsewhere with -o, or only the newest events with MEMTRACE_MODE=ring";
                Check::new(WHAT, FindingVerdict::Warn, found, advice)
            } else {
                Check::ok(WHAT, found)
            }
        }
        Err(error) => Check::new(WHAT, FindingVerdict::Warn, format!("not known: {error}"), ""),
    }
}

fn pressure() -> Check {
    const WHAT: &str = "memory pressure";
    match fs::read_to_string("/proc/pressure/memory") {
        Ok(_) => Check::ok(WHAT, "the kernel reports it"),
        Err(error) => Check::absent(WHAT, format!("the kernel does not report it: {error}")),
    }
}
