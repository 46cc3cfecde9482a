//! Modules, transfers and swaps.

use std::{
    cmp::Reverse,
    fmt::{self, Formatter},
};

use super::{NAME, ROWS, and_more, maybe};
use crate::{
    report::{Bandwidth, DeviceBound, Direction, Module, MovedFor, Report, Swaps},
    table::{Table, grouped, shorten},
};

/// One part in so many of the module that moved or holds most is little.
const LITTLE: u64 = 50;

/// The most swaps that are listed one by one.
const COSTLIEST: usize = 5;

pub(super) fn modules(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.modules.is_empty() {
        return Ok(());
    }
    let mut table =
        Table::new(["MODULES", "size", "forwards", "loads", "evicted", "moved", "in transfer", "on device"]);
    let shown = shown(&report.modules, ROWS * 2);
    for module in &shown {
        table.row([
            shorten(&module.name, 32),
            maybe(module.bytes),
            grouped(module.forwards),
            grouped(module.loads),
            grouped(module.evictions),
            module.transfer_bytes.to_string(),
            module.transfer_ns.to_string(),
            module.time_on_devices().map_or_else(|| "?".to_owned(), |time| time.to_string()),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.modules.len() as u64, shown.len(), "modules")?;
    movers(f, report)
}

/// At most so many modules, in their order: whole models first, then what moved or holds most. Of many, parts that moved and hold less than
/// [`LITTLE`] are left out.
fn shown(modules: &[Module], most: usize) -> Vec<&Module> {
    let weighs = |module: &Module| module.transfer_bytes.max(module.bytes.unwrap_or_default());
    let largest = modules.iter().map(weighs).max().unwrap_or_default();
    let mut ranked: Vec<(usize, &Module)> = modules.iter().enumerate().collect();
    if modules.len() > ROWS {
        ranked.retain(|(_, module)| module.parent_id.is_none() || weighs(module).0 >= largest.0 / LITTLE);
    }
    ranked.sort_by_key(|&(place, module)| (module.parent_id.is_some(), Reverse(weighs(module)), place));
    ranked.truncate(most);
    ranked.sort_by_key(|&(place, _)| place);
    ranked.into_iter().map(|(_, module)| module).collect()
}

/// What modules moved, how fast each way, and who waited.
fn movers(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let moved = |module: &&Module| module.transfer_ns.0 > 0;
    let mut movers: Vec<&Module> = report.modules.iter().filter(moved).collect();
    if movers.is_empty() {
        return Ok(());
    }
    movers.sort_by_key(|module| std::cmp::Reverse((module.stall_ns, module.transfer_ns)));
    let heads = ["MOVES, GB/s p50 (p99)", "to device", "from device", "waits", "waited", "longest", "hidden"];
    let mut table = Table::new(heads);
    for module in movers.iter().take(ROWS) {
        let speed = |way: &str| match module.by_direction.get(way) {
            None => "-".to_owned(),
            Some(direction) => match &direction.gbps {
                Some(gbps) => format!("{:.2} ({:.2})", gbps.p50, gbps.p99),
                None => "-".to_owned(),
            },
        };
        table.row([
            shorten(&module.name, 32),
            speed("h2d"),
            speed("d2h"),
            grouped(module.stalls),
            module.stall_ns.to_string(),
            module.longest_stall_ns.to_string(),
            module.hidden_ns.to_string(),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, movers.len() as u64, ROWS, "modules that moved")
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
    writeln!(f, "  pageable {pageable}, pinned {pinned}")?;
    let memory = &transfers.by_memory;
    let kinds = [("pageable", &memory.pageable), ("pinned", &memory.pinned), ("not said", &memory.unknown)];
    for (name, direction) in kinds.into_iter().filter(|(_, direction)| direction.count > 0) {
        let speed = direction
            .gbps
            .as_ref()
            .map_or_else(String::new, |gbps| format!(", GB/s p50 {:.2}, p99 {:.2}", gbps.p50, gbps.p99));
        let Direction { count, bytes, ns, .. } = direction;
        writeln!(f, "  between host and device, {name}: {} × {bytes} in {ns}{speed}", grouped(*count))?;
    }
    let again = transfers.pageable_again;
    if again.count > 0 {
        let (count, MovedFor { bytes, ns, .. }) = (grouped(again.count), again);
        writeln!(f, "  repeated pageable copies: {count} × {bytes} in {ns}")?;
    }
    let parts = transfers.parts;
    if parts.count > 0 {
        writeln!(
            f,
            "  made by {} copies of {}, counted with the moves they are parts of",
            grouped(parts.count),
            parts.bytes
        )?;
    }
    let (waited, hidden) = (transfers.stall_ns, transfers.hidden_ns);
    writeln!(
        f,
        "  forwards waited {waited} for transfers; {hidden} of transfers were hidden behind computation"
    )?;
    if transfers.reload_waits > 0 {
        writeln!(
            f,
            "  of that {} × {} for modules that had been there before; loading ahead could have hidden {}",
            grouped(transfers.reload_waits),
            transfers.reload_stall_ns,
            transfers.hideable_ns,
        )?;
    }
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
        return lower_bound(f, swaps);
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
    costliest(f, swaps)?;
    match (&swaps.thrash, swaps.thrash_why) {
        (Some(thrash), _) => writeln!(
            f,
            "  thrash (evicted and loaded again within one phase): {} × in {}, {} moved",
            grouped(thrash.count),
            thrash.ns,
            thrash.bytes,
        )?,
        (None, why) => writeln!(f, "  thrash: not known ({})", why.unwrap_or("no reason given"))?,
    }
    lower_bound(f, swaps)
}

fn costliest(f: &mut Formatter<'_>, swaps: &Swaps) -> fmt::Result {
    let mut table = Table::new(["SWAPS THAT HURT MOST", "for", "at", "bytes", "time", "GB/s", "waited for"]);
    for swap in swaps.costliest.iter().take(COSTLIEST) {
        let out: Vec<_> = swap.evicted.iter().map(|module| shorten(module, 24)).collect();
        let out = match &out[..] {
            [] => "-".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        table.row([
            format!("{}{}", shorten(&swap.module, 24), if swap.thrash { " (again)" } else { "" }),
            out,
            swap.time_ns.to_string(),
            swap.bytes.to_string(),
            swap.ns.to_string(),
            swap.gbps.map_or_else(|| "-".to_owned(), |gbps| format!("{gbps:.2}")),
            swap.stall_ns.to_string(),
        ]);
    }
    write!(f, "\n{table}")
}

fn lower_bound(f: &mut Formatter<'_>, swaps: &Swaps) -> fmt::Result {
    let bound = match (&swaps.lower_bound, swaps.lower_bound_why) {
        (Some(bound), _) => bound,
        (None, Some(why)) if swaps.count > 0 => {
            return writeln!(f, "  least that had to be loaded: not known ({why})");
        }
        (None, _) => return Ok(()),
    };
    for device in &bound.by_device {
        let windows = device.windows;
        let windows = if windows > 1 { format!(", judged in {windows} windows") } else { String::new() };
        let DeviceBound { device, loads, loaded_bytes, capacity_bytes, bytes, achievable_bytes, .. } = device;
        writeln!(f, "  loaded to {device}: {loaded_bytes} in {} loads", grouped(*loads))?;
        write!(f, "  least for these forwards in the {capacity_bytes} that modules filled: {bytes}")?;
        if achievable_bytes > bytes {
            write!(f, " at least, {achievable_bytes} at most")?;
        }
        writeln!(f, "{windows}")?;
    }
    Ok(())
}
