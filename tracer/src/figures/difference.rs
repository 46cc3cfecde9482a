//! Differences between sizes.

use std::{
    fmt,
    ops::{Add, Neg},
};

use memtrace_format::Bytes;

/// A number of bytes that may be negative. What does not fit is as large as fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteDifference(pub i64);

impl ByteDifference {
    /// How much more `later` is than `earlier`.
    pub fn between(earlier: Bytes, later: Bytes) -> Self {
        let more = Self::from(Bytes(later.0.abs_diff(earlier.0)));
        if later < earlier { -more } else { more }
    }
}

impl From<Bytes> for ByteDifference {
    fn from(bytes: Bytes) -> Self {
        Self(i64::try_from(bytes.0).unwrap_or(i64::MAX))
    }
}

impl Add for ByteDifference {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Neg for ByteDifference {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Display for ByteDifference {
    /// In GiB, with a sign where one is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.0 as f64 / (1_u64 << 30) as f64;
        if f.sign_plus() { write!(f, "{gib:+.2} GiB") } else { write!(f, "{gib:.2} GiB") }
    }
}
