//! One figure in two runs.

use std::{collections::BTreeMap, fmt::Display};

use memtrace_format::Bytes;
use serde::Serialize;

use crate::Nanos;

/// A figure of one run, or why it is not known.
pub(super) type Said<T> = Result<T, &'static str>;

pub(super) const ABSENT: &str = "it is not in this run";

/// A figure in A and in B. What is not known is `None`, and the field with `_why` says what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// In A.
    pub a: Option<T>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a_why: Option<&'static str>,
    /// In B.
    pub b: Option<T>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b_why: Option<&'static str>,
    /// B − A.
    pub difference: Option<i64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_why: Option<&'static str>,
}

/// Which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// What figures are made of.
pub trait Figure: Copy + Display {
    /// As a number.
    fn number(self) -> u64;
    /// The same kind of figure.
    fn from_number(number: u64) -> Self;
}

impl Figure for u64 {
    fn number(self) -> u64 {
        self
    }

    fn from_number(number: u64) -> Self {
        number
    }
}

impl Figure for Bytes {
    fn number(self) -> u64 {
        self.0
    }

    fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl Figure for Nanos {
    fn number(self) -> u64 {
        self.0
    }

    fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl<T: Figure> Change<T> {
    pub(super) fn between(a: Said<T>, b: Said<T>) -> Self {
        let difference = a.ok().zip(b.ok()).map(|(a, b)| {
            let size = i64::try_from(a.number().abs_diff(b.number())).unwrap_or(i64::MAX);
            if b.number() < a.number() { -size } else { size }
        });
        Self {
            a: a.ok(),
            a_why: a.err(),
            b: b.ok(),
            b_why: b.err(),
            difference,
            difference_why: difference.is_none().then_some("it is not known in both runs"),
        }
    }

    /// Whether the figure is the same in both runs, or known in neither.
    pub fn is_same(&self) -> bool {
        self.a.map(T::number) == self.b.map(T::number)
    }

    /// How much it differs, for putting the largest changes first; what is in one run only differs by all of it.
    pub(super) fn size(&self) -> u64 {
        let number = |side: Option<T>| side.map_or(0, T::number);
        number(self.a).abs_diff(number(self.b))
    }
}

/// The same thing in A and in B, as far as it is there.
#[derive(Debug)]
pub(super) struct Sides<R> {
    pub(super) a: Option<R>,
    pub(super) b: Option<R>,
}

impl<R> Sides<R> {
    pub(super) fn both(a: R, b: R) -> Self {
        Self { a: Some(a), b: Some(b) }
    }

    pub(super) fn only_in(&self) -> Option<Side> {
        match (&self.a, &self.b) {
            (Some(_), None) => Some(Side::A),
            (None, Some(_)) => Some(Side::B),
            _ => None,
        }
    }

    /// A figure that is always known.
    pub(super) fn change<T: Figure>(&self, pick: impl Fn(&R) -> T) -> Change<T> {
        self.change_if_known(|side| Ok(pick(side)))
    }

    pub(super) fn change_if_known<T: Figure>(&self, pick: impl Fn(&R) -> Said<T>) -> Change<T> {
        let said = |side: &Option<R>| side.as_ref().map_or(Err(ABSENT), &pick);
        Change::between(said(&self.a), said(&self.b))
    }
}

/// Brings together what has the same key, in the order of keys.
pub(super) fn aligned<K: Ord, R>(
    a: impl IntoIterator<Item = (K, R)>,
    b: impl IntoIterator<Item = (K, R)>,
) -> BTreeMap<K, Sides<R>> {
    let mut all: BTreeMap<K, Sides<R>> = BTreeMap::new();
    for (key, side) in a {
        all.entry(key).or_insert(Sides { a: None, b: None }).a = Some(side);
    }
    for (key, side) in b {
        all.entry(key).or_insert(Sides { a: None, b: None }).b = Some(side);
    }
    all
}

/// What a report says, or its reason for not saying it.
pub(super) fn said<T>(value: Option<T>, why: Option<&'static str>) -> Said<T> {
    value.ok_or(why.unwrap_or("the report gives no reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_no_difference_and_says_why() {
        let mut sides = aligned([("x", 7), ("y", 1)], [("x", 4), ("z", 9)]);
        let x = sides.remove("x").unwrap().change(|n| Bytes(*n));
        assert_eq!((x.a, x.b, x.difference), (Some(Bytes(7)), Some(Bytes(4)), Some(-3)));
        let z = &sides["z"];
        assert_eq!(z.only_in(), Some(Side::B));
        let z = z.change(|n| Bytes(*n));
        assert_eq!((z.a_why, z.difference, z.size()), (Some(ABSENT), None, 9));
        assert!(!z.is_same());
    }
}
