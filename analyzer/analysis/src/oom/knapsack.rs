//! Selects the segments to empty: enough bytes at the least cost.

/// The most steps that an exact answer may take.
const STEPS: usize = 1 << 23;
/// Segments are multiples of this, nearly always.
const UNIT: u64 = 2 << 20;

/// A thing that gives `gain` bytes and costs `cost`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) gain: u64,
    pub(super) cost: u64,
}

/// The items that together give `wanted` for the least cost. None if all of them do not. The least there is where sizes are
/// multiples of 2 MiB and there are not too many items; else those that cost least for what they give.
pub(super) fn cheapest(items: &[Item], wanted: u64) -> Option<Vec<usize>> {
    if items.iter().fold(0u64, |sum, item| sum.saturating_add(item.gain)) < wanted {
        return None;
    }
    let units = usize::try_from(wanted.div_ceil(UNIT)).unwrap_or(usize::MAX);
    let whole = items.iter().all(|item| item.gain.is_multiple_of(UNIT));
    if whole && units.saturating_mul(items.len()) <= STEPS {
        Some(exact(items, units))
    } else {
        Some(greedy(items, wanted))
    }
}

/// By the least cost of every smaller gain.
fn exact(items: &[Item], units: usize) -> Vec<usize> {
    let mut least = vec![u64::MAX; units + 1];
    least[0] = 0;
    // Whether item number i is taken for at least u units, at i * units + u - 1.
    let mut taken = vec![false; items.len() * units];
    for (index, item) in items.iter().enumerate() {
        let gain = usize::try_from(item.gain / UNIT).unwrap_or(usize::MAX);
        for unit in (1..=units).rev() {
            let cost = least[unit.saturating_sub(gain)].saturating_add(item.cost);
            if cost < least[unit] {
                least[unit] = cost;
                taken[index * units + unit - 1] = true;
            }
        }
    }
    let mut chosen = Vec::new();
    let mut unit = units;
    for (index, item) in items.iter().enumerate().rev() {
        if unit > 0 && taken[index * units + unit - 1] {
            chosen.push(index);
            unit = unit.saturating_sub(usize::try_from(item.gain / UNIT).unwrap_or(usize::MAX));
        }
    }
    chosen
}

/// Those that cost least for what they give; and of these none that is not needed.
fn greedy(items: &[Item], wanted: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    let rate = |item: &Item| item.cost as f64 / item.gain.max(1) as f64;
    order.sort_by(|&a, &b| rate(&items[a]).total_cmp(&rate(&items[b])));
    let mut sum = 0u64;
    let mut chosen = Vec::new();
    for index in order {
        if sum >= wanted {
            break;
        }
        sum = sum.saturating_add(items[index].gain);
        chosen.push(index);
    }
    for at in (0..chosen.len()).rev() {
        let gain = items[chosen[at]].gain;
        if sum.saturating_sub(gain) >= wanted {
            sum -= gain;
            chosen.remove(at);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_cheapest_of_all_subsets(
            parts in prop::collection::vec((1u64..20, 0u64..50), 1..10),
            wanted in 1u64..60,
            uneven in any::<bool>(),
        ) {
            let gain = |units: u64| units * UNIT + u64::from(uneven);
            let items: Vec<Item> =
                parts.iter().map(|&(units, cost)| Item { gain: gain(units), cost }).collect();
            let wanted = wanted * UNIT;
            let sums = |set: &mut dyn Iterator<Item = usize>| {
                set.fold((0, 0), |(gain, cost), i| (gain + items[i].gain, cost + items[i].cost))
            };
            let subsets = 0..1u32 << items.len();
            let least = subsets
                .map(|set| sums(&mut (0..items.len()).filter(|i| set >> i & 1 == 1)))
                .filter(|(gain, _)| *gain >= wanted)
                .map(|(_, cost)| cost)
                .min();
            match cheapest(&items, wanted) {
                None => prop_assert_eq!(least, None),
                Some(chosen) => {
                    let (gain, cost) = sums(&mut chosen.iter().copied());
                    prop_assert!(gain >= wanted);
                    if uneven {
                        prop_assert!(Some(cost) >= least);
                    } else {
                        prop_assert_eq!(Some(cost), least);
                    }
                }
            }
        }
    }
}
