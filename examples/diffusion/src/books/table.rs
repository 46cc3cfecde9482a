//! The report for people.

use std::fmt;

use super::{HeapReport, ModulePage, Moves, RemedyBook, Report};

/// Shows a report as tables.
pub(crate) struct Table<'a>(pub(crate) &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let run = &report.run;
        writeln!(
            f,
            "{} at scale {}, tier {}, on {} ({})",
            run.model, run.scale, run.tier, report.device.name, report.device.capacity_bytes
        )?;
        writeln!(
            f,
            "jobs: {} done, {} failed; images {}",
            report.jobs.done, report.jobs.failed, report.digest
        )?;
        heaps(f, &report.heaps)?;
        modules(f, &report.modules)?;
        let Moves { count, bytes } = report.swaps;
        writeln!(f, "\n{count} swaps, {bytes} moved for them")?;
        remedies(f, &report.remedies)?;
        writeln!(f, "{} checks of weights against their files, all equal", report.verified.count)?;
        let events: u64 = report.threads.iter().map(|thread| thread.events).sum();
        write!(f, "{events} events offered to the tracer, threads: {}", report.threads.len())
    }
}

/// What the remedies did, if anything.
fn remedies(f: &mut fmt::Formatter<'_>, book: &RemedyBook) -> fmt::Result {
    for (moves, what) in [
        (book.shared, "loads spared, for the weights were there under another name"),
        (book.released, "releases of cached segments"),
        (book.gave_way, "units sent out for want of memory"),
        (book.reused, "checkpoints back from the host and not from disk"),
        (book.dropped, "kept checkpoints dropped"),
    ] {
        if moves.count > 0 {
            writeln!(f, "{} {what}, {}", moves.count, moves.bytes)?;
        }
    }
    Ok(())
}

fn heaps(f: &mut fmt::Formatter<'_>, heaps: &[HeapReport]) -> fmt::Result {
    writeln!(
        f,
        "\n{:<10} {:>14} {:>14} {:>14} {:>12} {:>12} {:>8} {:>8} {:>5}",
        "heap",
        "peak alloc",
        "requested",
        "peak reserved",
        "end alloc",
        "end reserved",
        "allocs",
        "frees",
        "OOMs"
    )?;
    for HeapReport { name, figures, .. } in heaps {
        writeln!(
            f,
            "{name:<10} {:>14} {:>14} {:>14} {:>12} {:>12} {:>8} {:>8} {:>5}",
            figures.peak_allocated_bytes,
            figures.requested_at_peak_bytes,
            figures.peak_reserved_bytes,
            figures.final_allocated_bytes,
            figures.final_reserved_bytes,
            figures.allocs,
            figures.frees,
            figures.ooms
        )?;
    }
    Ok(())
}

fn modules(f: &mut fmt::Formatter<'_>, modules: &[ModulePage]) -> fmt::Result {
    let width = modules.iter().map(|module| module.path.len()).max().unwrap_or_default().max(6);
    writeln!(
        f,
        "\n{:<width$} {:>11} {:>8} {:>17} {:>17} {:>17}",
        "module", "weights", "forwards", "disk to host", "host to device", "device to host"
    )?;
    for module in modules {
        writeln!(
            f,
            "{:<width$} {:>11} {:>8} {:>17} {:>17} {:>17}",
            module.path,
            module.bytes,
            module.forwards,
            module.disk_to_host,
            module.host_to_device,
            module.device_to_host
        )?;
    }
    Ok(())
}

impl fmt::Display for Moves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => f.pad("-"),
            count => f.pad(&format!("{count} x {}", crate::quantity::Bytes(self.bytes.0 / count))),
        }
    }
}
