//! The clock of the log: the processor's counter where it can be trusted, else CLOCK_MONOTONIC.

use std::fs;

use memtrace_format::{Calibration, ClockKind, Ticks};

use crate::state::Mode;

/// The instant now, on the clock of this mode.
#[inline(always)]
pub(crate) fn now(mode: Mode) -> Ticks {
    if mode.reads_counter() { Ticks(counter()) } else { Ticks(nanoseconds(libc::CLOCK_MONOTONIC)) }
}

/// The clock to use on this machine.
pub(crate) fn choose() -> ClockKind {
    if counter_is_invariant() && kernel_trusts_counter() { ClockKind::Tsc } else { ClockKind::Monotonic }
}

/// One instant on three clocks: the closest bracketing of the counter by CLOCK_MONOTONIC out of 16.
pub(crate) fn calibrate(clock: ClockKind) -> Calibration {
    const ATTEMPTS: usize = 16;
    let mode = Mode::on(clock);
    let attempt = || {
        let before = nanoseconds(libc::CLOCK_MONOTONIC);
        let ticks = now(mode);
        let realtime_ns = nanoseconds(libc::CLOCK_REALTIME);
        let after = nanoseconds(libc::CLOCK_MONOTONIC);
        // The counter is read right behind the first clock; half the bracket is the error, and the tightest wins.
        (after - before, Calibration { ticks, monotonic_ns: before, realtime_ns })
    };
    let (_, mut best) =
        (0..ATTEMPTS).map(|_| attempt()).min_by_key(|&(width, _)| width).unwrap_or_else(attempt);
    if clock == ClockKind::Monotonic {
        best.monotonic_ns = best.ticks.0;
    }
    best
}

fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to, and both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 has RDTSC, and Linux leaves it allowed unless a process forbids it to itself.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: Linux lets user code read the virtual counter; reading it has no side effect.
    unsafe {
        std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags))
    };
    ticks
}

/// CPUID leaf 0x80000007, EDX bit 8: the counter runs at one rate in all power states.
#[cfg(target_arch = "x86_64")]
fn counter_is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER_LEAF: u32 = 0x8000_0007;
    __cpuid(0x8000_0000).eax >= POWER_LEAF && __cpuid(POWER_LEAF).edx & (1 << 8) != 0
}

/// The architecture says so.
#[cfg(target_arch = "aarch64")]
fn counter_is_invariant() -> bool {
    true
}

/// The kernel watches the counter against other clocks and gives it up when it cannot be trusted.
fn kernel_trusts_counter() -> bool {
    const FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(FILE).unwrap_or_default();
    matches!(source.trim(), "tsc" | "arch_sys_counter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_calibration_is_later_on_all_clocks() {
        for clock in [ClockKind::Monotonic, choose()] {
            let first = calibrate(clock);
            let second = calibrate(clock);
            assert!(second.ticks > first.ticks);
            assert!(second.monotonic_ns > first.monotonic_ns);
            assert!(second.realtime_ns >= first.realtime_ns);
        }
    }
}
