//! Entries in the order of their addresses, in pages of their own: some hundreds to a leaf, and a list of the leaves.

use std::ptr;

use super::Extent;
use crate::preload::{keeping_errno, pages};

/// The most leaves. With the fewest entries in each that is several million: far more mappings than the kernel lets a process
/// have, though it counts neighbours as one.
const LEAVES: usize = 1 << 14;

/// The most entries of a leaf.
const ENTRIES: usize = 510;

/// Zeros are an empty one.
#[repr(C)]
pub(super) struct List<T> {
    count: usize,
    /// One that was emptied last, for the next that is wanted.
    spare: *mut Leaf<T>,
    /// Highest first, as in each leaf: the kernel maps below what is mapped already, so most of what is new is last. Each has
    /// something in it, or is the only one.
    leaves: [*mut Leaf<T>; LEAVES],
}

#[repr(C)]
struct Leaf<T> {
    count: usize,
    entries: [Entry<T>; ENTRIES],
}

#[derive(Clone, Copy)]
pub(super) struct Entry<T> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) about: T,
}

/// Where an entry is: the place of its leaf, and its own in there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    leaf: usize,
    entry: usize,
}

impl<T: Copy> List<T> {
    /// Puts an entry in that overlaps no other. `false`: there is no room.
    pub(super) fn insert(&mut self, entry: Entry<T>) -> bool {
        let mut place = self.first_not(|other| other.start > entry.start);
        if place.leaf == self.count {
            match self.count.checked_sub(1) {
                Some(last) => place = Place { leaf: last, entry: self.leaf(last).count },
                None if self.add_leaf(0) => {}
                None => return false,
            }
        }
        if self.leaf(place.leaf).count == ENTRIES {
            match self.make_room(place) {
                Some(other) => place = other,
                None => return false,
            }
        }
        self.leaf(place.leaf).insert(place.entry, entry);
        true
    }

    /// The highest entry that overlaps `range`.
    pub(super) fn first_in(&self, range: &Extent) -> Option<Place> {
        let place = self.first_not(|entry| entry.start >= range.end);
        let found = (place.leaf < self.count).then(|| self.leaf_at(place.leaf).filled().get(place.entry));
        found.flatten().is_some_and(|entry| entry.end > range.start).then_some(place)
    }

    pub(super) fn at(&self, place: Place) -> Entry<T> {
        self.leaf_at(place.leaf).filled()[place.entry]
    }

    pub(super) fn remove(&mut self, place: Place) -> Entry<T> {
        let leaf = self.leaf(place.leaf);
        let removed = leaf.remove(place.entry);
        if leaf.count == 0 && self.count > 1 {
            self.remove_leaf(place.leaf);
        }
        removed
    }

    /// The first entry that is not `before`, which those are that come first; behind all others if there is none.
    fn first_not(&self, before: impl Fn(&Entry<T>) -> bool) -> Place {
        let leaves = &self.leaves[..self.count];
        let is_before = |leaf: &*mut Leaf<T>| {
            // SAFETY: what is in the list is a leaf.
            unsafe { &**leaf }.filled().last().is_some_and(&before)
        };
        let leaf = leaves.partition_point(is_before);
        let entry = if leaf < self.count { self.leaf_at(leaf).filled().partition_point(before) } else { 0 };
        Place { leaf, entry }
    }

    /// Of a leaf that is full, moves a part to one behind it. Where the place for a new entry is then.
    fn make_room(&mut self, place: Place) -> Option<Place> {
        const HALF: usize = ENTRIES / 2;
        let next = place.leaf + 1;
        if !self.add_leaf(next) {
            return None;
        }
        // Behind the last, for more of the same will follow.
        if place.entry == ENTRIES {
            return Some(Place { leaf: next, entry: 0 });
        }
        let (from, to) = (self.leaf(place.leaf) as *mut Leaf<T>, self.leaf(next));
        // SAFETY: they are two leaves.
        let from = unsafe { &mut *from };
        to.entries[..ENTRIES - HALF].copy_from_slice(&from.entries[HALF..]);
        (from.count, to.count) = (HALF, ENTRIES - HALF);
        Some(match place.entry.checked_sub(HALF) {
            Some(entry) if entry > 0 => Place { leaf: next, entry },
            _ => place,
        })
    }

    /// Adds an empty leaf at this place. `false`: there is no room.
    fn add_leaf(&mut self, place: usize) -> bool {
        if self.count == LEAVES {
            return false;
        }
        let spare = std::mem::replace(&mut self.spare, ptr::null_mut());
        let leaf = if spare.is_null() {
            keeping_errno(|| pages::zeroed(size_of::<Leaf<T>>())).cast()
        } else {
            spare
        };
        if leaf.is_null() {
            return false;
        }
        self.leaves.copy_within(place..self.count, place + 1);
        self.leaves[place] = leaf;
        self.count += 1;
        true
    }

    /// Takes an empty leaf out.
    fn remove_leaf(&mut self, place: usize) {
        let emptied = std::mem::replace(&mut self.spare, self.leaves[place]);
        if !emptied.is_null() {
            // SAFETY: it is from there, and in no list any more.
            keeping_errno(|| unsafe { pages::give_back(emptied.cast(), size_of::<Leaf<T>>()) });
        }
        self.leaves.copy_within(place + 1..self.count, place);
        self.count -= 1;
    }

    fn leaf(&mut self, place: usize) -> &mut Leaf<T> {
        // SAFETY: what is in the list is a leaf, which only the list leads to.
        unsafe { &mut *self.leaves[..self.count][place] }
    }

    fn leaf_at(&self, place: usize) -> &Leaf<T> {
        // SAFETY: as above.
        unsafe { &*self.leaves[..self.count][place] }
    }
}

impl<T: Copy> Leaf<T> {
    fn filled(&self) -> &[Entry<T>] {
        &self.entries[..self.count]
    }

    fn insert(&mut self, place: usize, entry: Entry<T>) {
        self.entries.copy_within(place..self.count, place + 1);
        self.entries[place] = entry;
        self.count += 1;
    }

    fn remove(&mut self, place: usize) -> Entry<T> {
        let removed = self.entries[place];
        self.entries.copy_within(place + 1..self.count, place);
        self.count -= 1;
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn empty() -> &'static mut List<usize> {
        // SAFETY: zeros are an empty one; the pages are this test's.
        unsafe { &mut *pages::zeroed(size_of::<List<usize>>()).cast() }
    }

    /// More entries than any list of a fixed length had room for, put in and taken out in three orders, beside a map.
    #[test]
    fn it_is_a_map_of_any_size() {
        const COUNT: usize = 100_000;
        let orders: [fn(usize) -> usize; 3] =
            [|number| number, |number| COUNT - number, |number| number.wrapping_mul(48_271) % 131_071];
        for order in orders {
            let (list, mut map) = (empty(), BTreeMap::new());
            for number in 0..COUNT {
                let start = (order(number) + 1) << 12;
                if map.insert(start, number).is_none() {
                    assert!(list.insert(Entry { start, end: start + 4096, about: number }));
                }
                // Some go again at once, as most do in a program.
                if number % 3 == 0 && map.remove(&start).is_some() {
                    let place = list.first_in(&(start..start + 1)).expect("it is there");
                    list.remove(place);
                }
            }
            for (start, about) in map.into_iter().rev() {
                let place = list.first_in(&(0..usize::MAX)).expect("there are more");
                assert_eq!((list.at(place).start, list.at(place).about), (start, about));
                assert!(list.first_in(&(start - 1..start)).is_none_or(|place| list.at(place).start < start));
                assert_eq!(list.remove(place).start, start);
            }
            assert!(list.first_in(&(0..usize::MAX)).is_none());
        }
    }
}
