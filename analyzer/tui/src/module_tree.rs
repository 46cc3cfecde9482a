//! The modules as a tree: parents first, parts below them, indented.

use std::collections::HashMap;

use memtrace_analysis::timeline::ModuleTrack;

/// The rows that show the modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleTree {
    rows: Vec<ModuleRow>,
    several_devices: bool,
}

/// A module's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModuleRow {
    /// Its place in the timeline and the report.
    pub(crate) index: usize,
    /// How many modules contain it.
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
        Self { rows, several_devices: several_devices(modules) }
    }

    /// The rows, from the top.
    pub(crate) fn rows(&self) -> &[ModuleRow] {
        &self.rows
    }

    /// Whether the modules were on more than one device, so that a bar must say on which.
    pub(crate) fn several_devices(&self) -> bool {
        self.several_devices
    }
}

fn several_devices(modules: &[ModuleTrack]) -> bool {
    let tiers = modules.iter().flat_map(|module| module.stays.iter().map(|stay| stay.tier));
    let mut devices = tiers.filter(|tier| tier.is_device());
    let first = devices.next();
    devices.any(|device| Some(device) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_analysis::Text;

    fn tree(parents: &[Option<u32>]) -> Vec<(usize, usize)> {
        let modules: Vec<ModuleTrack> = parents
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
            .collect();
        ModuleTree::new(&modules).rows().iter().map(|row| (row.index, row.depth)).collect()
    }

    #[test]
    fn parts_follow_what_contains_them() {
        let rows = tree(&[Some(2), None, None, Some(2), Some(0)]);
        assert_eq!(rows, [(1, 0), (2, 0), (0, 1), (4, 2), (3, 1)]);
    }

    #[test]
    fn every_module_has_a_row_whatever_its_parents_are() {
        assert_eq!(tree(&[Some(0), Some(77)]), [(0, 0), (1, 0)]);
        assert_eq!(tree(&[Some(1), Some(0)]), [(0, 0), (1, 1)]);
        assert_eq!(tree(&[]), []);
    }
}
