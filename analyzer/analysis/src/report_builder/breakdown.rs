//! Breaks live memory down by owner, size and age.

use std::{cmp::Reverse, hash::Hash};

use hashbrown::HashMap;
use memtrace_format::{Bytes, StackId};

use super::names::Names;
use crate::{
    Nanos, Text,
    replay::{HeldBlock, OwnerId},
    report::{AgeShare, Breakdown, LineShare, PeakBy, Share, SizeShare, StackShare},
};

/// The most stacks that are listed by themselves, as far as a list may be as long.
const STACKS: usize = 200;

/// The most stacks whose lines are looked up; those that asked for less are taken together.
const SITES: usize = 4096;

/// What stands for the line of blocks without a stack.
const NO_STACK: &str = "(none)";

/// The ages that part the classes: decades from a millisecond to a quarter of an hour.
const AGES: [u64; 7] =
    [1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000, 1_000_000_000_000];

/// Breaks down what the blocks come to at an instant, `by` what peaks are taken on. No list of owners is longer than `limit`.
pub(super) fn breakdown(
    blocks: impl Iterator<Item = HeldBlock>,
    by: PeakBy,
    at: Nanos,
    limit: usize,
    names: &mut Names<'_>,
) -> Breakdown {
    let mut owners: HashMap<OwnerId, Sum> = HashMap::new();
    let mut sizes = Sizes::default();
    let mut ages = [Sum::default(); AGES.len() + 1];
    for block in blocks {
        let bytes = match by {
            PeakBy::Allocated => block.size,
            PeakBy::Requested => block.requested,
        };
        owners.entry(block.owner).or_default().add(bytes, 1);
        sizes.add(bytes);
        ages[age_index(at.since(block.born))].add(bytes, 1);
    }
    let mut modules = HashMap::new();
    let mut scopes = HashMap::new();
    let mut threads = HashMap::new();
    let mut stacks: HashMap<StackId, Sum> = HashMap::new();
    for (id, sum) in owners {
        let owner = names.owner(id).copied();
        *modules.entry(owner.map(|owner| owner.module).unwrap_or_default()).or_default() += sum.bytes;
        *scopes.entry(owner.map(|owner| owner.scope).unwrap_or_default()).or_default() += sum.bytes;
        *threads.entry(owner.map_or(usize::MAX, |owner| owner.thread as usize)).or_default() += sum.bytes;
        stacks
            .entry(owner.map(|owner| owner.stack).unwrap_or_default())
            .or_default()
            .add(sum.bytes, sum.blocks);
    }
    Breakdown {
        by_module: shares(modules, limit, |id| names.module(id)),
        by_scope: shares(scopes, limit, |id| names.scope(id)),
        by_thread: shares(threads, limit, |index| names.thread(index)),
        by_line: by_line(&stacks, limit.min(STACKS), names),
        by_stack: by_stack(stacks, limit.min(STACKS), names),
        by_size: sizes.shares(),
        by_age: by_age(&ages),
    }
}

/// The sums by owner, largest first.
pub(super) fn shares<I: Copy + Eq + Hash + Ord>(
    sums: HashMap<I, u64>,
    limit: usize,
    mut name: impl FnMut(I) -> Text,
) -> Vec<Share> {
    let mut sums: Vec<(I, u64)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|&(id, bytes)| (Reverse(bytes), id));
    let rest = sums.split_off(sums.len().min(limit));
    let mut shares: Vec<_> =
        sums.into_iter().map(|(id, bytes)| Share { name: name(id), bytes: Bytes(bytes) }).collect();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|(_, bytes)| bytes).sum();
        shares.push(Share { name: Text::new(format!("({} others)", rest.len())), bytes: Bytes(bytes) });
    }
    shares
}

/// What each line of the program's own asked for, largest first. Blocks without a stack are of no line.
fn by_line(stacks: &HashMap<StackId, Sum>, limit: usize, names: &Names<'_>) -> Vec<LineShare> {
    let mut stacks: Vec<(StackId, Sum)> = stacks.iter().map(|(&id, &sum)| (id, sum)).collect();
    stacks.sort_unstable_by_key(|&(id, sum)| (Reverse(sum.bytes), id));
    let mut lines: HashMap<Text, (Sum, u64)> = HashMap::new();
    let mut others = (Sum::default(), 0);
    for (at, (id, sum)) in stacks.into_iter().enumerate() {
        let site = (at < SITES).then(|| names.definitions.telling_frame(id));
        let of = match site {
            Some(site) => lines.entry(site.unwrap_or_else(|| Text::new(NO_STACK))).or_default(),
            None => &mut others,
        };
        of.0.add(sum.bytes, sum.blocks);
        of.1 += u64::from(!id.is_none());
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_unstable_by(|(a, (of_a, _)), (b, (of_b, _))| {
        (Reverse(of_a.bytes), a).cmp(&(Reverse(of_b.bytes), b))
    });
    let rest = lines.split_off(lines.len().min(limit));
    let many = rest.len();
    for (_, (sum, stacks)) in rest {
        others.0.add(sum.bytes, sum.blocks);
        others.1 += stacks;
    }
    let share = |(line, (sum, stacks)): (Text, (Sum, u64))| LineShare {
        line,
        bytes: Bytes(sum.bytes),
        blocks: sum.blocks,
        stacks,
    };
    let rest = (others.1 > 0 || many > 0).then(|| (Text::new("(others)"), others));
    lines.into_iter().chain(rest).map(share).collect()
}

fn by_stack(sums: HashMap<StackId, Sum>, limit: usize, names: &Names<'_>) -> Vec<StackShare> {
    let mut sums: Vec<(StackId, Sum)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|&(id, sum)| (Reverse(sum.bytes), id));
    let rest = sums.split_off(sums.len().min(limit));
    let share =
        |stack, stacks, sum: Sum| StackShare { stack, stacks, bytes: Bytes(sum.bytes), blocks: sum.blocks };
    let mut shares: Vec<_> = sums
        .into_iter()
        .map(|(id, sum)| share(names.definitions.frames(id), u64::from(!id.is_none()), sum))
        .collect();
    if !rest.is_empty() {
        let mut others = Sum::default();
        rest.iter().for_each(|(_, sum)| others.add(sum.bytes, sum.blocks));
        shares.push(share(Vec::new(), rest.len() as u64, others));
    }
    shares
}

fn by_age(ages: &[Sum]) -> Vec<AgeShare> {
    let met = ages.iter().enumerate().filter(|(_, sum)| sum.blocks > 0);
    met.map(|(class, sum)| {
        let (from_ns, below_ns) = age_borders(class);
        AgeShare { from_ns, below_ns, bytes: Bytes(sum.bytes), blocks: sum.blocks }
    })
    .collect()
}

/// The class of an age: where it begins, and what is too old for it.
pub(crate) fn age_class(age: Nanos) -> (Nanos, Option<Nanos>) {
    age_borders(age_index(age))
}

fn age_index(age: Nanos) -> usize {
    AGES.partition_point(|&border| border <= age.0)
}

fn age_borders(class: usize) -> (Nanos, Option<Nanos>) {
    let from = class.checked_sub(1).and_then(|below| AGES.get(below)).copied().unwrap_or(0);
    (Nanos(from), AGES.get(class).copied().map(Nanos))
}

/// Bytes and how many blocks they are in.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    bytes: u64,
    blocks: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64, blocks: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks += blocks;
    }
}

/// Ranges of memory by their length: a class for each power of two, and one for those of no bytes.
#[derive(Clone, Debug)]
pub(super) struct Sizes([Sum; 65]);

impl Default for Sizes {
    fn default() -> Self {
        Self([Sum::default(); 65])
    }
}

impl Sizes {
    pub(super) fn of(lengths: impl Iterator<Item = u64>) -> Self {
        let mut sizes = Self::default();
        lengths.for_each(|length| sizes.add(length));
        sizes
    }

    fn add(&mut self, bytes: u64) {
        self.0[(u64::BITS - bytes.leading_zeros()) as usize].add(bytes, 1);
    }

    /// The classes in which there is something, smallest first.
    pub(super) fn shares(&self) -> Vec<SizeShare> {
        let power = |exponent: usize| 1_u64.checked_shl(exponent as u32).map(Bytes);
        let met = self.0.iter().enumerate().filter(|(_, sum)| sum.blocks > 0);
        met.map(|(class, sum)| SizeShare {
            from_bytes: class.checked_sub(1).and_then(power).unwrap_or_default(),
            below_bytes: power(class),
            bytes: Bytes(sum.bytes),
            blocks: sum.blocks,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_between_powers_of_two() {
        let shares = Sizes::of([0, 1, 2, 3, 4, 511, 512, u64::MAX].into_iter()).shares();
        let classes: Vec<_> = shares
            .iter()
            .map(|share| {
                (share.from_bytes.0, share.below_bytes.map(|bytes| bytes.0), share.bytes.0, share.blocks)
            })
            .collect();
        assert_eq!(
            classes,
            [
                (0, Some(1), 0, 1),
                (1, Some(2), 1, 1),
                (2, Some(4), 5, 2),
                (4, Some(8), 4, 1),
                (256, Some(512), 511, 1),
                (512, Some(1024), 512, 1),
                (1 << 63, None, u64::MAX, 1),
            ]
        );
    }
}
