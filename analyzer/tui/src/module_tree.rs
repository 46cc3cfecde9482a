//! The modules as a tree: parents first, parts below them, indented.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use memtrace_analysis::{Nanos, report::Stay, timeline::ModuleTrack};
use memtrace_format::Tier;

/// The rows that show the modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleTree {
    rows: Vec<ModuleRow>,
    devices: Vec<Tier>,
    /// The stays of the parts of modules that are only moved in parts, by the module's place.
    of_parts: HashMap<usize, Vec<Stay>>,
}

/// A module's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModuleRow {
    /// Its place in the timeline and the report.
    pub(crate) index: usize,
    /// The number of modules that contain it.
    pub(crate) depth: usize,
}

impl ModuleTree {
    /// Orders the modules. One whose parent is lost, or that contains itself, stands on its own.
    pub(crate) fn new(modules: &[ModuleTrack]) -> Self {
        let places: HashMap<u32, usize> =
            modules.iter().enumerate().map(|(index, module)| (module.id, index)).collect();
        let mut parts: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut tops = Vec::new();
        for (index, module) in modules.iter().enumerate() {
            match module.parent.and_then(|parent| places.get(&parent)) {
                Some(&parent) if parent != index => parts.entry(parent).or_default().push(index),
                _ => tops.push(index),
            }
        }
        let mut rows = Vec::with_capacity(modules.len());
        let mut seen = vec![false; modules.len()];
        // What hangs on no top is a ring of parents; each opens where it is met first.
        for top in tops.into_iter().chain(0..modules.len()) {
            let mut open = vec![ModuleRow { index: top, depth: 0 }];
            while let Some(row) = open.pop() {
                if std::mem::replace(&mut seen[row.index], true) {
                    continue;
                }
                rows.push(row);
                let parts = parts.get(&row.index).map_or(&[][..], Vec::as_slice);
                open.extend(parts.iter().rev().map(|&index| ModuleRow { index, depth: row.depth + 1 }));
            }
        }
        let mut of_parts: HashMap<usize, Vec<Stay>> = HashMap::new();
        // Parts come behind the whole.
        for row in rows.iter().rev().filter(|row| modules[row.index].stays.is_empty()) {
            let parts = parts.get(&row.index).map_or(&[][..], Vec::as_slice);
            let stays = |part: &usize| match &modules[*part].stays[..] {
                [] => of_parts.get(part).map_or(&[][..], Vec::as_slice),
                stays => stays,
            };
            let together = together(parts.iter().flat_map(stays));
            if !together.is_empty() {
                of_parts.insert(row.index, together);
            }
        }
        Self { rows, devices: devices(modules), of_parts }
    }

    /// The rows, from the top.
    pub(crate) fn rows(&self) -> &[ModuleRow] {
        &self.rows
    }

    /// Returns the stays of the parts of a module that has none of its own: on a device where any part is on one.
    pub(crate) fn stays_of_parts(&self, index: usize) -> &[Stay] {
        self.of_parts.get(&index).map_or(&[], Vec::as_slice)
    }

    /// Returns true if the modules were on more than one device, so that bars must tell which.
    pub(crate) fn several_devices(&self) -> bool {
        self.devices.len() > 1
    }

    /// The devices that modules were on, in order.
    pub(crate) fn devices(&self) -> &[Tier] {
        &self.devices
    }
}

/// The tiers of several modules as those of one: a device where any is on one, else the tier that most are in.
fn together<'a>(stays: impl Iterator<Item = &'a Stay>) -> Vec<Stay> {
    let mut changes: Vec<(Nanos, Tier, i64)> =
        stays.flat_map(|stay| [(stay.from_ns, stay.tier, 1), (stay.to_ns, stay.tier, -1)]).collect();
    changes.sort_unstable_by_key(|(time, ..)| *time);
    let mut counts: BTreeMap<Tier, i64> = BTreeMap::new();
    let mut together: Vec<Stay> = Vec::new();
    for (place, &(from, tier, change)) in changes.iter().enumerate() {
        *counts.entry(tier).or_default() += change;
        let Some(&(to, ..)) = changes.get(place + 1).filter(|(to, ..)| *to > from) else { continue };
        let there = counts.iter().filter(|(_, count)| **count > 0);
        let Some((&tier, _)) = there.max_by_key(|(tier, count)| (tier.is_device(), **count)) else {
            continue;
        };
        match together.last_mut() {
            Some(last) if last.tier == tier && last.to_ns == from => last.to_ns = to,
            _ => together.push(Stay { tier, from_ns: from, to_ns: to }),
        }
    }
    together
}

fn devices(modules: &[ModuleTrack]) -> Vec<Tier> {
    let tiers = modules.iter().flat_map(|module| module.stays.iter().map(|stay| stay.tier));
    let devices: BTreeSet<Tier> = tiers.filter(|tier| tier.is_device()).collect();
    devices.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_analysis::Text;

    fn modules(parents: &[Option<u32>]) -> Vec<ModuleTrack> {
        parents
            .iter()
            .zip(0..)
            .map(|(&parent, id)| ModuleTrack {
                id,
                name: Text::new("m"),
                parent,
                stays: [].into(),
                inherited: false,
                thinned: false,
                forwards: [].into(),
                moves: [].into(),
                moves_left_out: 0,
            })
            .collect()
    }

    fn tree(parents: &[Option<u32>]) -> Vec<(usize, usize)> {
        ModuleTree::new(&modules(parents)).rows().iter().map(|row| (row.index, row.depth)).collect()
    }

    #[test]
    fn parts_follow_what_contains_them() {
        let rows = tree(&[Some(2), None, None, Some(2), Some(0)]);
        assert_eq!(rows, [(1, 0), (2, 0), (0, 1), (4, 2), (3, 1)]);
    }

    #[test]
    fn a_whole_that_is_moved_in_parts_is_where_its_parts_are() {
        let stay = |tier, from, to| Stay { tier, from_ns: Nanos(from), to_ns: Nanos(to) };
        let (host, device) = (Tier::Host, Tier::Device(0));
        let mut modules = modules(&[None, Some(0), Some(0), Some(2)]);
        modules[1].stays = [stay(host, 0, 10), stay(device, 10, 20), stay(host, 20, 50)].into();
        modules[3].stays = [stay(host, 5, 18), stay(device, 18, 30), stay(host, 30, 40)].into();
        let tree = ModuleTree::new(&modules);
        assert_eq!(tree.stays_of_parts(0), [stay(host, 0, 10), stay(device, 10, 30), stay(host, 30, 50)]);
        assert_eq!(tree.stays_of_parts(2), &modules[3].stays[..]);
        assert_eq!(tree.stays_of_parts(1), [], "it has stays of its own");
    }

    #[test]
    fn every_module_has_a_row_whatever_its_parents_are() {
        assert_eq!(tree(&[Some(0), Some(77)]), [(0, 0), (1, 0)]);
        assert_eq!(tree(&[Some(1), Some(0)]), [(0, 0), (1, 1)]);
        assert_eq!(tree(&[]), []);
    }
}
