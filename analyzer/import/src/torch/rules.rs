//! The rules by which PyTorch's caching allocator makes a block for a request, as far as they decide how long it is.
//!
//! A snapshot's events say what was asked for; with the free memory behind a block's address, which the replay knows, the
//! rules say what was handed out.

use memtrace_analysis::allocator_model::{self, Class, MIN_BLOCK, SMALL, SMALL_SEGMENT};

use super::{
    keys::{EXPANDABLE_SEGMENTS, MAX_SPLIT_SIZE, ROUNDUP_POWER2_DIVISIONS},
    pools::PoolKind,
    schema::Dict,
};
use crate::pickle::View;

/// The allocator's rules with the settings of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rules(allocator_model::Rules);

impl Rules {
    /// As `allocator_settings` has them. What is missing or of another kind is as PyTorch has it by default.
    pub(super) fn read(settings: Dict<'_>) -> Self {
        let mut rules = allocator_model::Rules::default();
        rules.expandable_segments = settings.view(EXPANDABLE_SEGMENTS) == Some(View::Bool(true));
        rules.max_split_size = settings.number(MAX_SPLIT_SIZE).ok().flatten().unwrap_or(u64::MAX);
        if let Some(View::Dict(divisions)) = settings.view(ROUNDUP_POWER2_DIVISIONS) {
            for (key, value) in settings.arena.entries(divisions) {
                let (View::String(key), View::Integer(steps)) =
                    (settings.arena.view(key), settings.arena.view(value))
                else {
                    continue;
                };
                let mib =
                    std::str::from_utf8(settings.arena.string(key)).ok().and_then(|key| key.parse().ok());
                if let (Some(mib), Ok(steps)) = (mib, u64::try_from(steps)) {
                    rules.divide(mib, steps);
                }
            }
        }
        Self(rules)
    }

    /// The size of a block for a request, where so many free bytes begin at its address. An expandable segment shows that the
    /// setting was on, even if it is off at the end.
    pub(super) fn block(&self, requested: u64, free: u64, pool: PoolKind, expandable: bool) -> u64 {
        if pool == PoolKind::Whole {
            return free.max(requested);
        }
        let rounded = self.0.rounded(requested);
        let Some(rest) = free.checked_sub(rounded) else { return rounded };
        let class = if pool == PoolKind::Small { Class::Small } else { Class::Large };
        if self.0.splits(class, expandable, rounded, rest) { rounded } else { free }
    }

    /// More free bytes than this behind a block's address make no difference.
    pub(super) fn enough(&self, requested: u64, pool: PoolKind) -> u64 {
        let rounded = self.0.rounded(requested);
        if pool == PoolKind::Whole || rounded >= self.0.max_split_size {
            return u64::MAX;
        }
        rounded.saturating_add(SMALL + MIN_BLOCK)
    }

    /// The pool of a request.
    pub(super) fn pool_of_request(&self, requested: u64) -> PoolKind {
        match self.0.class(self.0.rounded(requested)) {
            Class::Small => PoolKind::Small,
            Class::Large => PoolKind::Large,
        }
    }

    /// The pool of a segment.
    pub(super) fn pool_of_segment(size: u64) -> PoolKind {
        if size <= SMALL_SEGMENT { PoolKind::Small } else { PoolKind::Large }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_block_is_split_when_enough_is_left() {
        let plain = Rules::default();
        assert_eq!(plain.block(600, 2 * MIB, PoolKind::Small, false), 1024);
        assert_eq!(plain.block(600, 1024 + 512, PoolKind::Small, false), 1024);
        assert_eq!(plain.block(2 * MIB, 3 * MIB, PoolKind::Large, false), 3 * MIB, "1 MiB is not enough");
        assert_eq!(plain.block(2 * MIB, 3 * MIB + 512, PoolKind::Large, false), 2 * MIB);
        let mut expandable = plain.clone();
        expandable.0.expandable_segments = true;
        assert_eq!(expandable.block(2 * MIB, 3 * MIB, PoolKind::Large, false), 2 * MIB);
        assert_eq!(plain.block(2 * MIB, 3 * MIB, PoolKind::Large, true), 2 * MIB);
        let mut limited = plain.clone();
        limited.0.max_split_size = 20 * MIB;
        assert_eq!(limited.block(20 * MIB, 64 * MIB, PoolKind::Large, false), 64 * MIB, "too large to split");
    }
}
