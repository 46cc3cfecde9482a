//! The owners of memory, in two runs.

use std::cmp::Reverse;

use memtrace_format::Bytes;
use serde::Serialize;

use super::change::{ABSENT, Change, Said, aligned};
use crate::{
    Text,
    report::{Retained, Share, StackShare},
};

/// What one owner had in both runs.
#[derive(Clone, Debug, Serialize)]
pub struct ShareDiff {
    /// The owner.
    pub name: Text,
    /// Its bytes.
    pub bytes: Change<Bytes>,
}

/// What one stack asked for in both runs.
#[derive(Clone, Debug, Serialize)]
pub struct StackDiff {
    /// Its frames, innermost first; empty for blocks of which none are recorded.
    pub stack: Vec<Text>,
    /// The bytes.
    pub bytes: Change<Bytes>,
    /// The blocks.
    pub blocks: Change<u64>,
}

/// By owner, the largest change first.
pub(super) fn shares(a: Option<&[Share]>, b: Option<&[Share]>) -> Vec<ShareDiff> {
    let listed = |shares: Option<&[Share]>| {
        Listed::of(shares, |share| (!is_the_rest(&share.name)).then(|| (share.name.clone(), share.bytes)))
    };
    named(listed(a), listed(b))
}

/// By owner, what was kept a cycle; what shrinks keeps nothing.
pub(super) fn retained(a: Option<&[Retained]>, b: Option<&[Retained]>) -> Vec<ShareDiff> {
    let listed = |owners: Option<&[Retained]>| {
        Listed::of(owners, |owner| {
            let kept = Bytes(u64::try_from(owner.bytes).unwrap_or(0));
            (!is_the_rest(&owner.name)).then(|| (owner.name.clone(), kept))
        })
    };
    named(listed(a), listed(b))
}

/// By stack, the largest change first.
pub(super) fn stacks(a: Option<&[StackShare]>, b: Option<&[StackShare]>) -> Vec<StackDiff> {
    let listed = |stacks: Option<&[StackShare]>| {
        Listed::of(stacks, |share| {
            let is_the_rest = share.stack.is_empty() && share.stacks > 0;
            (!is_the_rest).then(|| (share.stack.clone(), (share.bytes, share.blocks)))
        })
    };
    let mut stacks: Vec<StackDiff> = owned(listed(a), listed(b))
        .map(|(stack, a, b)| StackDiff {
            stack,
            bytes: Change::between(a.map(|(bytes, _)| bytes), b.map(|(bytes, _)| bytes)),
            blocks: Change::between(a.map(|(_, blocks)| blocks), b.map(|(_, blocks)| blocks)),
        })
        .collect();
    stacks.sort_by_key(|stack| Reverse(stack.bytes.size()));
    stacks
}

fn named(a: Listed<Text, Bytes>, b: Listed<Text, Bytes>) -> Vec<ShareDiff> {
    let mut shares: Vec<ShareDiff> =
        owned(a, b).map(|(name, a, b)| ShareDiff { name, bytes: Change::between(a, b) }).collect();
    shares.sort_by_key(|share| Reverse(share.bytes.size()));
    shares
}

/// The owners that a report lists, and what those have that it does not.
struct Listed<K, T> {
    owners: Vec<(K, T)>,
    others: Said<T>,
}

impl<K, T: Default> Listed<K, T> {
    /// `owner` is none for the last entry of a list that was cut short, which takes the rest together.
    fn of<S>(list: Option<&[S]>, owner: impl Fn(&S) -> Option<(K, T)>) -> Self {
        let Some(list) = list else { return Self { owners: Vec::new(), others: Err(ABSENT) } };
        let owners: Vec<_> = list.iter().filter_map(owner).collect();
        let is_whole = owners.len() == list.len();
        let others =
            if is_whole { Ok(T::default()) } else { Err("it is among those that the report takes together") };
        Self { owners, others }
    }
}

fn owned<K: Ord, T: Copy>(a: Listed<K, T>, b: Listed<K, T>) -> impl Iterator<Item = (K, Said<T>, Said<T>)> {
    let (a_others, b_others) = (a.others, b.others);
    let all = aligned(a.owners, b.owners).into_iter();
    all.map(move |(key, sides)| (key, sides.a.map_or(a_others, Ok), sides.b.map_or(b_others, Ok)))
}

/// Whether it is no owner, but what a list that is cut short takes together.
fn is_the_rest(name: &Text) -> bool {
    name.recorded().starts_with('(') && name.recorded().ends_with("others)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_listed_has_nothing_unless_the_list_is_cut_short() {
        let share = |name: &str, bytes| Share { name: Text::new(name), bytes: Bytes(bytes) };
        let whole = [share("unet", 70), share("vae", 30)];
        let cut = [share("unet", 50), share("(2 others)", 9)];
        let diff = shares(Some(&whole), Some(&cut));
        let told: Vec<_> =
            diff.iter().map(|of| (of.name.recorded(), of.bytes.b, of.bytes.difference)).collect();
        assert_eq!(told, [("vae", None, None), ("unet", Some(Bytes(50)), Some(-20))]);
        let diff = shares(Some(&cut), Some(&whole));
        assert_eq!((diff[0].name.recorded(), diff[0].bytes.a), ("vae", None));
        let diff = shares(Some(&whole), Some(&whole[..1]));
        assert_eq!((diff[0].bytes.b, diff[0].bytes.difference), (Some(Bytes(0)), Some(-30)));
        assert_eq!(shares(None, Some(&whole))[0].bytes.a_why, Some(ABSENT));
    }
}
