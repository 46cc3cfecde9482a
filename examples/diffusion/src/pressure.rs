//! A watch on how much memory is left, and what is given up when it is too little.

use crate::machine::Machine;
use crate::quantity::Bytes;
use crate::recording::{Mark, Reason};
use crate::residency::Residency;

/// Looks at the device, if there is a threshold: below it, gives back cached segments, and then units that nobody runs until
/// enough is free.
pub(crate) fn relieve_device(
    machine: &Machine,
    residency: &Residency,
    threshold: Option<Bytes>,
) -> anyhow::Result<()> {
    let Some(threshold) = threshold else { return Ok(()) };
    let short = || machine.device.free().is_some_and(|free| free < threshold);
    if short() {
        release_cache(machine, Reason::Pressure)?;
    }
    while short() && residency.give_way()? {
        release_cache(machine, Reason::Pressure)?;
    }
    Ok(())
}

/// Gives cached segments back to the driver. Finding none is nothing to tell.
pub(crate) fn release_cache(machine: &Machine, why: Reason) -> anyhow::Result<()> {
    let released = machine.device.release_cached()?;
    if released > Bytes::ZERO {
        Mark::Released(released, why).record();
        machine.books.remedied(|book| &mut book.released, released);
    }
    Ok(())
}

/// Whether the host has less than `threshold` available; no where the kernel does not say.
pub(crate) fn host_is_short(threshold: Option<Bytes>) -> bool {
    let Some(threshold) = threshold else { return false };
    let said = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    available(&said).is_some_and(|available| available < threshold)
}

fn available(meminfo: &str) -> Option<Bytes> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes::kib(kib))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_as_the_kernel_says_it() {
        let said = "MemTotal:       16308160 kB\nMemAvailable:    8123456 kB\n";
        assert_eq!(available(said), Some(Bytes::kib(8_123_456)));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(host_is_short(Some(Bytes(u64::MAX))) && !host_is_short(None));
    }
}
