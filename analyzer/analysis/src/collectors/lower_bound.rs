//! The least that a run had to load, given perfect knowledge of the future (Belady's MIN).
//!
//! Given are the sequence in which units were used, their sizes, and how much of the device they may fill together. A unit
//! has to be on the device when it is used; a load costs its size, and giving one up costs nothing, for the host keeps a
//! copy. To find the cheapest schedule is NP-hard when sizes differ, so it is held between two others:
//!
//! - **Below**, [`least`]: units may be held in part. Every schedule of whole units is one of these too, so the cheapest of
//!   these costs no more than any of whole units. It is found exactly: a unit is then so many bytes that are always used
//!   together, all bytes are equally large and equally dear, and for those the rule of Belady and Mattson (give up what is
//!   used furthest in the future) is the best there is.
//!   Where units are few, [`optimum`] tries all schedules of whole ones that could be the cheapest, and the bound is no bound
//!   but the cost itself.
//! - **Above**, [`Keeper`]: whole units, and the same rule as far as it goes. Somebody could do that, so the cheapest is no
//!   dearer.

use std::collections::BTreeSet;

use hashbrown::HashMap;

/// The index of a use that never comes.
const NEVER: usize = usize::MAX;

/// The most units of which [`optimum`] keeps sets.
const FEW: usize = 32;

/// The most sets that [`optimum`] keeps at a time, and the most that it looks at in all.
const SETS: usize = 1 << 10;
const ALL_SETS: u64 = 1 << 20;

/// What has to be on the device, one after the other: indices of units.
pub(super) type Uses<'a> = &'a [u32];

/// The fewest bytes that have to be loaded for these uses, if units may be held in part. `held` is there at the beginning.
pub(super) fn least(uses: Uses<'_>, sizes: &[u64], capacity: u64, held: &[u32]) -> u64 {
    let next = next_uses(uses, sizes.len());
    let capacity = roomy(uses, sizes, capacity);
    let mut there = vec![0_u64; sizes.len()];
    let mut by_next_use = BTreeSet::new();
    let (mut total, mut cost) = (0_u64, 0_u64);
    for &unit in held {
        let unit = unit as usize;
        if there[unit] == 0 {
            there[unit] = sizes[unit];
            total = total.saturating_add(sizes[unit]);
            by_next_use.insert((next.first[unit], unit));
        }
    }
    for (now, &unit) in uses.iter().enumerate() {
        let unit = unit as usize;
        by_next_use.remove(&(now, unit));
        let missing = sizes[unit] - there[unit];
        cost = cost.saturating_add(missing);
        total = total.saturating_add(missing);
        there[unit] = sizes[unit];
        while total > capacity {
            let Some((when, furthest)) = by_next_use.pop_last() else { break };
            let given_up = there[furthest].min(total - capacity);
            there[furthest] -= given_up;
            total -= given_up;
            if there[furthest] > 0 {
                by_next_use.insert((when, furthest));
            }
        }
        by_next_use.insert((next.after[now], unit));
    }
    cost
}

/// The fewest bytes that have to be loaded for these uses, if units are held whole; none where trying takes too long. `held`
/// is there at the beginning.
///
/// After each use, the sets of units that may be on the device are known, each with the least that it cost to come to it.
/// Nothing is gained by giving a unit up before there is need, nor by giving up more than has to go.
pub(super) fn optimum(uses: Uses<'_>, sizes: &[u64], capacity: u64, held: &[u32]) -> Option<u64> {
    if sizes.len() > FEW {
        return None;
    }
    let capacity = roomy(uses, sizes, capacity);
    let start = held.iter().fold(0_u32, |set, &unit| set | 1 << unit);
    let mut sets = HashMap::from([(start, 0_u64)]);
    let mut looked_at = 0;
    for &unit in uses {
        // Of each set that the unit is not in, every part is looked at.
        let parts = |set: &u32| if set & 1 << unit == 0 { 1_u64 << set.count_ones() } else { 1 };
        looked_at += sets.keys().map(parts).sum::<u64>();
        if sets.len() > SETS || looked_at > ALL_SETS {
            return None;
        }
        if sets.keys().all(|set| set & 1 << unit != 0) {
            continue;
        }
        let mut after: HashMap<u32, u64> = HashMap::with_capacity(sets.len());
        for (set, cost) in sets {
            if set & 1 << unit != 0 {
                keep_least(&mut after, set, cost);
                continue;
            }
            let cost = cost.saturating_add(sizes[unit as usize]);
            let room = capacity - sizes[unit as usize];
            fill(sizes, set, room, &mut |staying| keep_least(&mut after, staying | 1 << unit, cost));
        }
        sets = after;
    }
    sets.into_values().min()
}

fn keep_least(sets: &mut HashMap<u32, u64>, set: u32, cost: u64) {
    let least = sets.entry(set).or_insert(cost);
    *least = cost.min(*least);
}

/// Every part of `set` that fits `room`, and beside which no more of the set would.
fn fill(sizes: &[u64], set: u32, room: u64, each: &mut impl FnMut(u32)) {
    let size_of = |units: u32| {
        (0..u32::BITS)
            .filter(|unit| units & 1 << unit != 0)
            .fold(0_u64, |sum, unit| sum.saturating_add(sizes[unit as usize]))
    };
    let mut part = set;
    loop {
        let filled = size_of(part);
        let fits_more = |unit: &u32| {
            let rest = set & !part;
            rest & 1 << unit != 0 && filled.saturating_add(sizes[*unit as usize]) <= room
        };
        if filled <= room && !(0..u32::BITS).any(|unit| fits_more(&unit)) {
            each(part);
            if part == set {
                return;
            }
        }
        if part == 0 {
            return;
        }
        part = (part - 1) & set;
    }
}

/// Keeps whole units on the device, by the rule that what is used furthest in the future leaves first; of those, what fits
/// all the same stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Keeper {
    /// The units on the device, in ascending order.
    pub(super) held: Vec<u32>,
}

impl Keeper {
    /// The bytes that it loads for these uses.
    pub(super) fn serve(&mut self, uses: Uses<'_>, sizes: &[u64], capacity: u64) -> u64 {
        let next = next_uses(uses, sizes.len());
        let capacity = roomy(uses, sizes, capacity);
        let size = |unit: usize| sizes[unit];
        let mut held: BTreeSet<(usize, usize)> =
            self.held.iter().map(|&unit| (next.first[unit as usize], unit as usize)).collect();
        let mut total = held.iter().fold(0_u64, |total, &(_, unit)| total.saturating_add(size(unit)));
        let mut cost = 0_u64;
        for (now, &unit) in uses.iter().enumerate() {
            let unit = unit as usize;
            if !held.remove(&(now, unit)) {
                cost = cost.saturating_add(size(unit));
                total = total.saturating_add(size(unit));
            }
            let mut leaving = Vec::new();
            while total > capacity {
                let Some(furthest) = held.pop_last() else { break };
                total = total.saturating_sub(size(furthest.1));
                leaving.push(furthest);
            }
            while let Some(nearest) = leaving.pop() {
                if total.saturating_add(size(nearest.1)) <= capacity {
                    total += size(nearest.1);
                    held.insert(nearest);
                }
            }
            held.insert((next.after[now], unit));
        }
        self.held = held.into_iter().map(|(_, unit)| unit as u32).collect();
        self.held.sort_unstable();
        cost
    }
}

/// What is used must fit.
fn roomy(uses: Uses<'_>, sizes: &[u64], capacity: u64) -> u64 {
    uses.iter().map(|&unit| sizes[unit as usize]).max().unwrap_or(0).max(capacity)
}

struct NextUses {
    /// After each use, when its unit is used again.
    after: Vec<usize>,
    /// When each unit is used first.
    first: Vec<usize>,
}

fn next_uses(uses: Uses<'_>, units: usize) -> NextUses {
    let mut first = vec![NEVER; units];
    let mut after = vec![NEVER; uses.len()];
    for (now, &unit) in uses.iter().enumerate().rev() {
        after[now] = std::mem::replace(&mut first[unit as usize], now);
    }
    NextUses { after, first }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The cheapest schedule, found by trying all: after each use, every way to hold `grain` of each unit at a time (all of
    /// it, or byte by byte) that has room and has the unit in use whole.
    fn cheapest(uses: &[u32], sizes: &[u64], capacity: u64, held: &[u32], in_part: bool) -> u64 {
        let mut start = vec![0; sizes.len()];
        held.iter().for_each(|&unit| start[unit as usize] = sizes[unit as usize]);
        let mut costs = HashMap::from([(start, 0)]);
        for &unit in uses {
            let mut after: HashMap<Vec<u64>, u64> = HashMap::new();
            for (there, cost) in costs {
                let cost = cost + sizes[unit as usize] - there[unit as usize];
                let mut ways = vec![there.clone()];
                ways[0][unit as usize] = sizes[unit as usize];
                for other in (0..sizes.len()).filter(|&other| other != unit as usize) {
                    let kept = |way: &Vec<u64>| -> Vec<Vec<u64>> {
                        let kept = if in_part { (0..=way[other]).collect() } else { vec![0, way[other]] };
                        kept.into_iter()
                            .map(|bytes| {
                                let mut way = way.clone();
                                way[other] = bytes;
                                way
                            })
                            .collect()
                    };
                    ways = ways.iter().flat_map(kept).collect();
                }
                for way in ways.into_iter().filter(|way| way.iter().sum::<u64>() <= capacity) {
                    let least = after.entry(way).or_insert(u64::MAX);
                    *least = cost.min(*least);
                }
            }
            costs = after;
        }
        costs.into_values().min().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_cheapest_schedule_lies_between_the_two(
            sizes in prop::collection::vec(1u64..6, 1..5),
            uses in prop::collection::vec(0u32..4, 0..14),
            more in 0u64..8,
            held in prop::collection::btree_set(0u32..4, 0..3),
        ) {
            let units = sizes.len() as u32;
            let uses: Vec<u32> = uses.into_iter().map(|unit| unit % units).collect();
            let capacity = sizes.iter().max().unwrap() + more;
            let mut room = capacity;
            let held: Vec<u32> = held
                .into_iter()
                .filter(|&unit| unit < units)
                .filter(|&unit| {
                    let fits = room.checked_sub(sizes[unit as usize]);
                    room = fits.unwrap_or(room);
                    fits.is_some()
                })
                .collect();
            let below = least(&uses, &sizes, capacity, &held);
            let above = Keeper { held: held.clone() }.serve(&uses, &sizes, capacity);
            // Of what is held in part, the bound is the cheapest itself.
            prop_assert_eq!(below, cheapest(&uses, &sizes, capacity, &held, true));
            let whole = cheapest(&uses, &sizes, capacity, &held, false);
            prop_assert!(below <= whole && whole <= above, "{} <= {} <= {}", below, whole, above);
            prop_assert_eq!(optimum(&uses, &sizes, capacity, &held), Some(whole));
        }

        #[test]
        fn more_units_and_uses_than_can_be_tried_by_force_keep_the_order(
            sizes in prop::collection::vec(1u64..100, 2..12),
            uses in prop::collection::vec(0u32..12, 0..300),
            share in 0u64..100,
        ) {
            let units = sizes.len() as u32;
            let uses: Vec<u32> = uses.into_iter().map(|unit| unit % units).collect();
            let capacity = sizes.iter().max().unwrap() + sizes.iter().sum::<u64>() * share / 100;
            let below = least(&uses, &sizes, capacity, &[]);
            let above = Keeper::default().serve(&uses, &sizes, capacity);
            prop_assert!(below <= above);
            if let Some(between) = optimum(&uses, &sizes, capacity, &[]) {
                prop_assert!(below <= between && between <= above, "{} <= {} <= {}", below, between, above);
            }
        }

        #[test]
        fn of_equal_sizes_both_are_the_cheapest(
            uses in prop::collection::vec(0u32..6, 0..200),
            room in 1u64..6,
        ) {
            let sizes = [7; 6];
            let below = least(&uses, &sizes, room * 7, &[]);
            prop_assert_eq!(below, Keeper::default().serve(&uses, &sizes, room * 7));
        }

        #[test]
        fn a_sequence_served_in_pieces_costs_no_less(
            sizes in prop::collection::vec(1u64..50, 6),
            uses in prop::collection::vec(0u32..6, 2..120),
            more in 0u64..60,
            cut in 1usize..100,
        ) {
            let capacity = sizes.iter().max().unwrap() + more;
            let all = least(&uses, &sizes, capacity, &[]);
            let pieces: Vec<u64> = uses.chunks(cut).map(|piece| least(piece, &sizes, capacity, &[])).collect();
            let folded: u64 = pieces[0] + pieces[1..].iter().map(|piece| piece.saturating_sub(capacity)).sum::<u64>();
            prop_assert!(folded <= all, "{} <= {}", folded, all);
            let mut keeper = Keeper::default();
            let kept: u64 = uses.chunks(cut).map(|piece| keeper.serve(piece, &sizes, capacity)).sum();
            prop_assert!(kept >= all);
        }
    }

    #[test]
    fn a_unit_larger_than_the_room_is_alone() {
        assert_eq!(least(&[0, 1, 0], &[10, 3], 5, &[]), 16);
        assert_eq!(Keeper::default().serve(&[0, 1, 0], &[10, 3], 5), 23);
    }

    #[test]
    fn extreme_sizes_do_not_overflow() {
        let sizes = [u64::MAX, u64::MAX, 1];
        assert_eq!(least(&[0, 1, 2, 0], &sizes, 1, &[2]), u64::MAX);
        assert_eq!(Keeper { held: vec![2] }.serve(&[0, 1, 2, 0], &sizes, 1), u64::MAX);
    }
}
