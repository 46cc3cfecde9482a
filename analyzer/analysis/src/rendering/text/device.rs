//! Devices: a monitor's figures, and profile runs.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{ROWS, and_more, maybe};
use crate::{
    report::{DeviceMemory, Monitor, Report},
    table::Table,
};

pub(super) fn monitors(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    // What heaps have is said with the heaps.
    let sampled = |monitor: &&Monitor| monitor.free.is_some() || monitor.total.is_some();
    let monitors: Vec<_> = report.samples.monitor.iter().filter(sampled).collect();
    if monitors.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        "DEVICES",
        "free",
        "total",
        "least free",
        "most in use",
        "active",
        "most",
        "reserved",
        "most",
    ]);
    for monitor in monitors.iter().take(ROWS) {
        table.row([
            format!("device {}", monitor.device),
            maybe(monitor.free),
            maybe(monitor.total),
            maybe(monitor.min_free),
            maybe(monitor.system_peak),
            maybe(monitor.active),
            maybe(monitor.active_peak),
            maybe(monitor.reserved),
            maybe(monitor.reserved_peak),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, monitors.len() as u64, ROWS, "devices")
}

pub(super) fn profiles(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    for profile in report.profile.iter().take(ROWS) {
        writeln!(
            f,
            "\nPROFILE RUN of device {}, {} from {}",
            profile.device, profile.profile_time_ns, profile.before_profile.time_ns
        )?;
        writeln!(f, "  {} needed beside the cache:", signed(profile.non_kv_cache_memory))?;
        writeln!(f, "    {} weights", signed(profile.weights_memory))?;
        writeln!(
            f,
            "    {} activations at most (allocated in the run beyond its start)",
            size(i128::from(profile.peak_activation))
        )?;
        writeln!(f, "    {} more beside the allocator", signed(profile.non_torch_increase))?;
        if let Some(why) = profile.non_kv_cache_memory_why {
            writeln!(f, "    ? {why}")?;
        }
        let mut table = Table::new(["", "free", "total", "allocated", "reserved", "beside it"]);
        let mut row = |name: &str, at: &DeviceMemory| {
            table.row([
                name.to_owned(),
                maybe(at.free),
                maybe(at.total),
                at.allocated.to_string(),
                maybe(at.reserved),
                signed(at.non_allocator),
            ]);
        };
        if let Some(before) = &profile.before_create {
            row("before the weights", before);
        }
        row("before the run", &profile.before_profile);
        row("after the run", &profile.after_profile);
        write!(f, "\n{table}")?;
    }
    and_more(f, report.profile.len() as u64, ROWS, "profile runs")
}

fn signed(bytes: Option<i64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| size(i128::from(bytes)))
}

/// Bytes that may be owed.
pub(super) fn signed_bytes(bytes: i64) -> String {
    size(i128::from(bytes))
}

fn size(bytes: i128) -> String {
    let size = Bytes(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX));
    format!("{}{size}", if bytes < 0 { "−" } else { "" })
}
