//! Sums over the blocks of a heap at two instants, by owner, size and age.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
};

use memtrace_format::{Address, Bytes, StackId};

use super::{At, Flow, Lot};
use crate::{
    Nanos, Text,
    diff::Side,
    report_builder::age_class,
    snapshot::{LiveBlock, OwnerIndex},
};

/// The sums, and the blocks that are at one of the instants alone, the largest first.
#[derive(Debug, Default)]
pub(super) struct Sums<'a> {
    pub(super) all: Flow,
    pub(super) modules: BTreeMap<Text, Flow>,
    pub(super) scopes: BTreeMap<Text, Flow>,
    pub(super) threads: BTreeMap<Text, Flow>,
    pub(super) stacks: BTreeMap<StackId, Flow>,
    pub(super) sizes: BTreeMap<Bytes, Flow>,
    pub(super) ages: BTreeMap<(Nanos, Option<Nanos>), Flow>,
    pub(super) new: Vec<&'a LiveBlock>,
    pub(super) gone: Vec<&'a LiveBlock>,
}

/// What tells a block from one that had its place before.
type Identity = (Address, Nanos, Option<u64>);

impl<'a> Sums<'a> {
    pub(super) fn between([a, b]: [At<'a>; 2]) -> Self {
        let [at_a, at_b] = [a, b].map(|at| counted(at).map(identity).collect::<HashSet<_>>());
        let mut sums = Self::default();
        sums.gone = sums.add(Side::A, a, &at_b);
        sums.new = sums.add(Side::B, b, &at_a);
        sums
    }

    /// Adds one side; returns what is not on the other.
    fn add(&mut self, side: Side, at: At<'a>, other: &HashSet<Identity>) -> Vec<&'a LiveBlock> {
        let mut owners: BTreeMap<OwnerIndex, Flow> = BTreeMap::new();
        let mut lone = Vec::new();
        for block in counted(at) {
            let bytes = at.heap.map_or(Bytes(0), |heap| heap.measure(block));
            let mut flow = Flow::default();
            let is_lone = !other.contains(&identity(block));
            flow.add(side, is_lone, Lot { blocks: 1, bytes });
            if is_lone {
                lone.push(block);
            }
            owners.entry(block.owner).or_default().plus(&flow);
            self.sizes.entry(size_class(bytes)).or_default().plus(&flow);
            self.ages.entry(age_class(at.instant.time_ns.since(block.born_ns))).or_default().plus(&flow);
        }
        for (index, flow) in owners {
            let owner = &at.instant.owners[index.0 as usize];
            self.all.plus(&flow);
            self.modules.entry(owner.module.clone()).or_default().plus(&flow);
            self.scopes.entry(owner.scope.clone()).or_default().plus(&flow);
            self.threads.entry(owner.thread.clone()).or_default().plus(&flow);
            self.stacks.entry(owner.stack).or_default().plus(&flow);
        }
        lone.sort_unstable_by_key(|block| (Reverse(block.bytes), block.address));
        lone
    }
}

impl Flow {
    fn add(&mut self, side: Side, is_lone: bool, lot: Lot) {
        let (all, lone) = match side {
            Side::A => (&mut self.a, &mut self.gone),
            Side::B => (&mut self.b, &mut self.new),
        };
        all.plus(lot);
        if is_lone {
            lone.plus(lot);
        }
    }

    fn plus(&mut self, other: &Self) {
        self.a.plus(other.a);
        self.b.plus(other.b);
        self.new.plus(other.new);
        self.gone.plus(other.gone);
    }
}

impl Lot {
    fn plus(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes = Bytes(self.bytes.0.saturating_add(other.bytes.0));
    }
}

fn counted<'a>(at: At<'a>) -> impl Iterator<Item = &'a LiveBlock> {
    at.heap.into_iter().flat_map(|heap| heap.counted())
}

fn identity(block: &LiveBlock) -> Identity {
    (block.address, block.born_ns, block.born_event)
}

/// The greatest power of two that is no more; zero for zero.
fn size_class(bytes: Bytes) -> Bytes {
    Bytes(bytes.0.checked_ilog2().map_or(0, |power| 1 << power))
}
