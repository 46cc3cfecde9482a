//! The free blocks of a heap's segments: found by either end, the largest known at any time.

use std::collections::{BTreeMap, BinaryHeap};

use hashbrown::HashMap;

/// Disjoint free ranges `[start, end)`.
///
/// A free range is found by its start and by its end in a hash table each (boundary tags), which is all that an allocator
/// that splits from the front needs. The index by order that is needed to find the range *around* an address is built when
/// one is first looked for, and kept up from then on. `benches/replay.rs` is why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holes {
    by_start: HashMap<u64, u64>,
    by_end: HashMap<u64, u64>,
    in_order: Option<BTreeMap<u64, u64>>,
    /// Every range of `by_start` as `(size, start)`, and ranges that are gone: those are passed over when they surface.
    by_size: BinaryHeap<(u64, u64)>,
    total: u64,
}

impl Holes {
    /// The bytes of all ranges.
    #[inline(always)]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many ranges there are.
    #[inline(always)]
    pub(crate) fn count(&self) -> u64 {
        self.by_start.len() as u64
    }

    /// The size of the largest range; zero if there is none.
    pub(crate) fn largest(&mut self) -> u64 {
        while let Some(&(size, start)) = self.by_size.peek() {
            if self.by_start.get(&start).is_some_and(|end| end - start == size) {
                return size;
            }
            self.by_size.pop();
        }
        0
    }

    /// The end of the range that starts here.
    #[inline]
    pub(crate) fn starting_at(&self, start: u64) -> Option<u64> {
        self.by_start.get(&start).copied()
    }

    /// The start of the range that ends here.
    #[inline]
    pub(crate) fn ending_at(&self, end: u64) -> Option<u64> {
        self.by_end.get(&end).copied()
    }

    /// The range that this address lies in.
    pub(crate) fn around(&mut self, address: u64) -> Option<(u64, u64)> {
        if let Some(end) = self.starting_at(address) {
            return Some((address, end));
        }
        let by_start = &self.by_start;
        let in_order =
            self.in_order.get_or_insert_with(|| by_start.iter().map(|(&start, &end)| (start, end)).collect());
        let (&start, &end) = in_order.range(..=address).next_back()?;
        (address < end).then_some((start, end))
    }

    /// Adds a range that overlaps none.
    #[inline]
    pub(crate) fn insert(&mut self, start: u64, end: u64) {
        self.total += end - start;
        self.by_start.insert(start, end);
        self.by_end.insert(end, start);
        self.note_size(start, end);
        if let Some(in_order) = &mut self.in_order {
            in_order.insert(start, end);
        }
    }

    /// Removes the range that starts here.
    #[inline]
    pub(crate) fn remove(&mut self, start: u64) {
        let Some(end) = self.by_start.remove(&start) else { return };
        self.total -= end - start;
        self.by_end.remove(&end);
        if let Some(in_order) = &mut self.in_order {
            in_order.remove(&start);
        }
    }

    /// Takes `size` bytes from the front of the range that starts here, if it is that long.
    #[inline]
    pub(crate) fn take_front(&mut self, start: u64, size: u64) -> bool {
        let hashbrown::hash_map::Entry::Occupied(entry) = self.by_start.entry(start) else { return false };
        let end = *entry.get();
        let Some(rest) = (end - start).checked_sub(size) else { return false };
        entry.remove();
        if rest == 0 {
            self.by_end.remove(&end);
        } else {
            self.by_start.insert(start + size, end);
            self.by_end.insert(end, start + size);
            self.note_size(start + size, end);
        }
        if let Some(in_order) = &mut self.in_order {
            in_order.remove(&start);
            if rest != 0 {
                in_order.insert(start + size, end);
            }
        }
        self.total -= size;
        true
    }

    #[inline]
    fn note_size(&mut self, start: u64, end: u64) {
        self.by_size.push((end - start, start));
        if self.by_size.len() > 2 * self.by_start.len() + 64 {
            self.by_size = self.by_start.iter().map(|(&start, &end)| (end - start, start)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A model of 64 places that are free or not.
        #[test]
        fn ranges_are_those_of_a_naive_model(
            steps in prop::collection::vec((0u64..64, 1u64..9, any::<bool>()), 1..200),
        ) {
            let mut free = [false; 64];
            let mut holes = Holes::default();
            for (at, length, give) in steps {
                let end = (at + length).min(64);
                let part = at as usize..end as usize;
                if give && !free[part.clone()].iter().any(|free| *free) {
                    free[part].fill(true);
                    let start = holes.ending_at(at).unwrap_or(at);
                    let stop = holes.starting_at(end).unwrap_or(end);
                    holes.remove(start);
                    holes.remove(end);
                    holes.insert(start, stop);
                } else if !give && free[part.clone()].iter().all(|free| *free) {
                    free[part].fill(false);
                    let (start, stop) = holes.around(at).unwrap();
                    if start == at {
                        prop_assert!(holes.take_front(at, end - at));
                    } else {
                        holes.remove(start);
                        holes.insert(start, at);
                        if end < stop {
                            holes.insert(end, stop);
                        }
                    }
                }
                let runs: Vec<u64> =
                    free.split(|free| !free).map(|run| run.len() as u64).filter(|&run| run > 0).collect();
                prop_assert_eq!(holes.total(), runs.iter().sum::<u64>());
                prop_assert_eq!(holes.count(), runs.len() as u64);
                prop_assert_eq!(holes.largest(), runs.iter().copied().max().unwrap_or(0));
            }
        }
    }
}
