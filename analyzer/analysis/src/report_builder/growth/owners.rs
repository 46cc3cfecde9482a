//! The memory of each owner at the ends of a cycle, and the part that it retains.

use std::{cmp::Reverse, collections::BTreeMap};

use memtrace_format::Bytes;

use super::trend;
use crate::{
    Text,
    collectors::{Census, CycleWatch},
    report::{Retained, Trend},
    report_builder::names::Names,
};

/// The most owners of one kind that are listed: those that keep the most; the rest is taken together.
const LISTED: usize = 20;

const NOT_COUNTED: &str =
    "live blocks were counted at too few ends: counting them more often would have cost too much";

/// What owners have, census by census. Two modules of one name are one owner: a module that is loaded again is the same to
/// whoever looks for a leak.
pub(super) struct Courses<'a> {
    censuses: Vec<(u64, &'a Census)>,
    modules: BTreeMap<Text, Vec<u64>>,
    scopes: BTreeMap<Text, Vec<u64>>,
    stacks: BTreeMap<Text, Vec<u64>>,
}

impl<'a> Courses<'a> {
    /// Those censuses of a cycle that were taken when it had warmed up.
    pub(super) fn over(watch: &'a CycleWatch, trend: &Trend) -> Self {
        let warm = |(number, _): &(u64, &Census)| *number > trend.warm_up_cycles;
        Self {
            censuses: watch.censuses().filter(warm).collect(),
            modules: BTreeMap::new(),
            scopes: BTreeMap::new(),
            stacks: BTreeMap::new(),
        }
    }

    /// Adds the owners of one heap.
    pub(super) fn add(&mut self, heap: usize, names: &mut Names<'_>) {
        let looks = self.censuses.len();
        for (look, (_, census)) in self.censuses.iter().enumerate() {
            let Some(census) = census.heaps.get(heap) else { continue };
            let add = |courses: &mut BTreeMap<Text, Vec<u64>>, name: Text, bytes: u64| {
                let sums = courses.entry(name).or_insert_with(|| vec![0; looks]);
                sums[look] = sums[look].saturating_add(bytes);
            };
            for &(id, bytes) in &census.owners {
                let Some(owner) = names.owner(id).copied() else { continue };
                add(&mut self.modules, names.module(owner.module), bytes);
                add(&mut self.scopes, names.scope(owner.scope), bytes);
                add(&mut self.stacks, names.site(owner.stack), bytes);
            }
            if census.others > 0 {
                for courses in [&mut self.modules, &mut self.scopes, &mut self.stacks] {
                    add(courses, Text::new("(others)"), census.others);
                }
            }
        }
    }

    pub(super) fn by_module(&self) -> Vec<Retained> {
        self.kept(&self.modules)
    }

    pub(super) fn by_scope(&self) -> Vec<Retained> {
        self.kept(&self.scopes)
    }

    pub(super) fn by_stack(&self) -> Vec<Retained> {
        self.kept(&self.stacks)
    }

    /// Why it is not known who keeps what.
    pub(super) fn why(&self) -> Option<&'static str> {
        (self.censuses.len() < 2).then_some(NOT_COUNTED)
    }

    fn kept(&self, courses: &BTreeMap<Text, Vec<u64>>) -> Vec<Retained> {
        let [(first, _), .., (last, _)] = &self.censuses[..] else { return Vec::new() };
        let mut kept: Vec<Retained> = courses
            .iter()
            .map(|(name, sums)| retained(name.clone(), sums, last - first))
            .filter(|owner| owner.bytes != 0)
            .collect();
        kept.sort_by(|a, b| (Reverse(a.bytes), &a.name).cmp(&(Reverse(b.bytes), &b.name)));
        let rest = kept.split_off(kept.len().min(LISTED));
        if !rest.is_empty() {
            kept.push(Retained {
                name: Text::new(format!("({} others)", rest.len())),
                bytes: rest.iter().fold(0, |sum, owner| sum.saturating_add(owner.bytes)),
                held_bytes: Bytes(rest.iter().fold(0, |sum, owner| sum.saturating_add(owner.held_bytes.0))),
                grew_in: rest.iter().map(|owner| owner.grew_in).fold(0.0, f64::max),
            });
        }
        kept
    }
}

fn retained(name: Text, sums: &[u64], cycles: u64) -> Retained {
    let (first, last) = (sums[0], sums[sums.len() - 1]);
    let grew = sums.windows(2).filter(|pair| pair[1] > pair[0]).count();
    Retained {
        name,
        bytes: (trend::difference(first, last) as f64 / cycles.max(1) as f64).round() as i64,
        held_bytes: Bytes(last),
        grew_in: grew as f64 / (sums.len() - 1).max(1) as f64,
    }
}
