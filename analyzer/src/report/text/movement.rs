//! Modules, transfers and swaps.

use std::fmt::{self, Formatter};

use super::{NAME, ROWS, and_more, maybe};
use crate::report::{
    Bandwidth, Direction, Report,
    table::{Table, grouped, shorten},
};

pub(super) fn modules(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.modules.is_empty() {
        return Ok(());
    }
    let mut table =
        Table::new(["MODULES", "size", "forwards", "loads", "evicted", "moved", "in transfer", "on device"]);
    for module in report.modules.iter().take(ROWS * 2) {
        let on_device = module.resident_ns.iter().filter(|(tier, _)| tier.starts_with("device"));
        let on_device = on_device.fold(crate::Nanos(0), |sum, (_, ns)| sum.plus(*ns));
        table.row([
            shorten(&module.name, 32),
            maybe(module.bytes),
            grouped(module.forwards),
            grouped(module.loads),
            grouped(module.evictions),
            module.transfer_bytes.to_string(),
            module.transfer_ns.to_string(),
            if module.residency_why.is_some() { "?".to_owned() } else { on_device.to_string() },
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.modules.len() as u64, ROWS * 2, "modules")
}

pub(super) fn transfers(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let transfers = &report.transfers;
    if transfers.count == 0 && transfers.unfinished == 0 {
        return Ok(());
    }
    let mut table = Table::new(["TRANSFERS", "count", "bytes", "time", "GB/s p50", "p99", "max"]);
    let by = &transfers.by_direction;
    let directions: [(&str, &Direction); 6] = [
        ("host to device", &by.h2d),
        ("device to host", &by.d2h),
        ("device to device", &by.d2d),
        ("host to host", &by.h2h),
        ("disk", &by.disk),
        ("other", &by.other),
    ];
    for (name, direction) in directions.into_iter().filter(|(_, direction)| direction.count > 0) {
        let speed = |pick: fn(&Bandwidth) -> f64| {
            direction.gbps.as_ref().map_or_else(|| "-".to_owned(), |gbps| format!("{:.2}", pick(gbps)))
        };
        table.row([
            name.to_owned(),
            grouped(direction.count),
            direction.bytes.to_string(),
            direction.ns.to_string(),
            speed(|gbps| gbps.p50),
            speed(|gbps| gbps.p99),
            speed(|gbps| gbps.max),
        ]);
    }
    write!(f, "\n{table}")?;
    let (pageable, pinned) = (transfers.pageable_bytes, transfers.pinned_bytes);
    writeln!(
        f,
        "  pageable {pageable}, pinned {pinned}; forwards waited {} for transfers",
        transfers.stall_ns
    )?;
    let reasons = transfers.by_reason.iter();
    let reasons =
        reasons.map(|(reason, moved)| format!("{reason} {} × {}", grouped(moved.count), moved.bytes));
    writeln!(f, "  why: {}", reasons.collect::<Vec<_>>().join(", "))?;
    if transfers.unfinished > 0 {
        writeln!(f, "  {} began and did not end", grouped(transfers.unfinished))?;
    }
    Ok(())
}

pub(super) fn swaps(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let swaps = &report.swaps;
    if swaps.count == 0 {
        return Ok(());
    }
    let mut table = Table::new(["SWAPS, by what came in", "count", "bytes", "time", "waited for"]);
    for module in swaps.by_module.iter().take(ROWS) {
        table.row([
            shorten(&module.name, NAME),
            grouped(module.count),
            module.bytes.to_string(),
            module.ns.to_string(),
            module.stall_ns.to_string(),
        ]);
    }
    table.row([
        "all".to_owned(),
        grouped(swaps.count),
        swaps.bytes.to_string(),
        swaps.ns.to_string(),
        swaps.stall_ns.to_string(),
    ]);
    write!(f, "\n{table}")?;
    and_more(f, swaps.by_module.len() as u64, ROWS, "modules")?;
    match (&swaps.thrash, swaps.thrash_why) {
        (Some(thrash), _) => writeln!(
            f,
            "  thrash (evicted and loaded again within one phase): {} × in {}, {} moved",
            grouped(thrash.count),
            thrash.ns,
            thrash.bytes,
        ),
        (None, why) => writeln!(f, "  thrash: not known ({})", why.unwrap_or("no reason given")),
    }
}
