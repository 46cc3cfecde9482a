//! The costliest of many: a list of bounded length, and how many are not on it.

use std::{cmp::Reverse, collections::BinaryHeap};

/// The `capacity` greatest of what was added.
#[derive(Debug)]
pub(crate) struct Costliest<T: Ord> {
    capacity: usize,
    kept: BinaryHeap<Reverse<T>>,
    pub(crate) left_out: u64,
}

impl<T: Ord> Costliest<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, kept: BinaryHeap::new(), left_out: 0 }
    }

    pub(crate) fn add(&mut self, item: T) {
        if self.kept.len() < self.capacity {
            self.kept.push(Reverse(item));
            return;
        }
        self.left_out += 1;
        if let Some(mut cheapest) = self.kept.peek_mut()
            && cheapest.0 < item
        {
            *cheapest = Reverse(item);
        }
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Those that are kept, in no order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().map(|Reverse(item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_stay_whenever_they_come() {
        let mut costliest = Costliest::new(3);
        [5, 1, 9, 7, 0, 8].into_iter().for_each(|cost| costliest.add(cost));
        let mut kept: Vec<i32> = costliest.kept().copied().collect();
        kept.sort_unstable();
        assert_eq!((kept, costliest.left_out), (vec![7, 8, 9], 3));
    }
}
