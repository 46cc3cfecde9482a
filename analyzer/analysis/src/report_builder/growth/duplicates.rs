//! Weights that were in memory more than once: modules of one fingerprint that were resident at the same time.

use std::collections::BTreeMap;

use memtrace_format::{Bytes, Tier};

use crate::{
    Nanos, Text,
    report::{Duplicate, Growth, Module, Stay},
    report_builder::module::Inherited,
};

/// The most that are reported: the largest.
const LISTED: usize = 100;

/// The most names of one.
const NAMES: usize = 16;

const NO_FINGERPRINTS: &str = "the engine gave no fingerprints of its modules";
const NO_WHEREABOUTS: &str = "no transfer of a module with a fingerprint is recorded";

/// Looks among the modules that moved by themselves: what is a part of another is in memory as often as that.
pub(in crate::report_builder) fn find_duplicates(modules: &[(Module, Inherited)], growth: &mut Growth) {
    let mut by_print: BTreeMap<&str, Vec<Holder<'_>>> = BTreeMap::new();
    let mut fingerprints = false;
    for (module, Inherited(inherited)) in modules {
        let Some(print) = &module.fingerprint else { continue };
        fingerprints = true;
        if !inherited && !module.residency.is_empty() {
            let (name, bytes, stays) = (&module.name, module.bytes, &*module.residency);
            by_print.entry(print).or_default().push(Holder { name, bytes, stays });
        }
    }
    growth.duplicates_why = match (fingerprints, by_print.is_empty()) {
        (false, _) => Some(NO_FINGERPRINTS),
        (true, true) => Some(NO_WHEREABOUTS),
        (true, false) => None,
    };
    let found = by_print.into_iter().filter(|(_, same)| same.len() > 1);
    growth.duplicates = found.filter_map(|(print, same)| duplicate(print, &same)).collect();
    growth.duplicates.sort_by_key(|duplicate| std::cmp::Reverse(duplicate.wasted_bytes));
    growth.duplicates.truncate(LISTED);
}

/// A module that holds weights.
struct Holder<'a> {
    name: &'a Text,
    bytes: Option<Bytes>,
    stays: &'a [Stay],
}

fn duplicate(fingerprint: &str, same: &[Holder<'_>]) -> Option<Duplicate> {
    // Arrivals and departures; at one instant what leaves goes first.
    let mut changes: Vec<(Nanos, i64)> = Vec::new();
    for holder in same {
        for stay in holder.stays.iter().filter(|stay| is_in_memory(stay)) {
            changes.extend([(stay.from_ns, 1), (stay.to_ns, -1)]);
        }
    }
    changes.sort_unstable();
    let (mut here, mut most, mut together) = (0, 0, Nanos(0));
    let mut span: Option<(Nanos, Nanos)> = None;
    let mut since = Nanos(0);
    for (time, change) in changes {
        if here > 1 {
            together = together.plus(time.since(since));
            span = span.map(|(from, _)| (from, time));
        }
        here += change;
        since = time;
        most = most.max(here);
        if here > 1 {
            span = span.or(Some((time, time)));
        }
    }
    let (from_ns, to_ns) = span.filter(|_| together > Nanos(0))?;
    let bytes = same.iter().filter_map(|holder| holder.bytes).max().unwrap_or_default();
    Some(Duplicate {
        fingerprint: fingerprint.to_owned(),
        names: same.iter().take(NAMES).map(|holder| holder.name.clone()).collect(),
        bytes,
        wasted_bytes: Bytes(bytes.0.saturating_mul(u64::try_from(most - 1).unwrap_or(0))),
        from_ns,
        to_ns,
        together_ns: together,
    })
}

fn is_in_memory(stay: &Stay) -> bool {
    !matches!(stay.tier, Tier::Disk | Tier::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stays(list: &[(Tier, u64, u64)]) -> Vec<Stay> {
        let stay =
            |&(tier, from, to): &(Tier, u64, u64)| Stay { tier, from_ns: Nanos(from), to_ns: Nanos(to) };
        list.iter().map(stay).collect()
    }

    fn found(holders: &[&[(Tier, u64, u64)]]) -> Option<Duplicate> {
        let stays: Vec<_> = holders.iter().map(|list| stays(list)).collect();
        let name = Text::new("m");
        let holder = |stays| Holder { name: &name, bytes: Some(Bytes(10)), stays };
        duplicate("f", &stays.iter().map(|stays| holder(stays)).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_in_memory_at_one_time_is_twice_there() {
        let (host, gpu, disk) = (Tier::Host, Tier::Device(0), Tier::Disk);
        let twice = found(&[&[(host, 0, 10), (gpu, 10, 30)], &[(disk, 0, 20), (host, 20, 40)]]).unwrap();
        assert_eq!((twice.from_ns, twice.to_ns, twice.together_ns), (Nanos(20), Nanos(30), Nanos(10)));
        assert_eq!((twice.wasted_bytes, twice.names.len()), (Bytes(10), 2));
        // One after the other, or on disk.
        assert!(found(&[&[(host, 0, 10)], &[(host, 10, 40)], &[(disk, 0, 40)]]).is_none());
        let thrice = found(&[&[(host, 0, 9)], &[(host, 1, 9)], &[(host, 2, 3)]]).unwrap();
        assert_eq!((thrice.wasted_bytes, thrice.together_ns), (Bytes(20), Nanos(8)));
    }
}
