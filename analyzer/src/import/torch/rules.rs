//! The rules by which PyTorch's caching allocator makes a block for a request, as far as they decide how long it is.
//!
//! They are those of `round_size` and `should_split` in `c10/cuda/CUDACachingAllocator.cpp`. A snapshot's events say what was
//! asked for; with the free memory behind a block's address, which the replay knows, these say what was handed out.

use super::{
    keys::{EXPANDABLE_SEGMENTS, MAX_SPLIT_SIZE, ROUNDUP_POWER2_DIVISIONS},
    pools::PoolKind,
    schema::Dict,
};
use crate::import::pickle::View;

/// Blocks are multiples of this.
const MIN_BLOCK: u64 = 512;
/// The largest request of the small pool, and what must be left of a block of the large pool for it to be split.
const SMALL: u64 = 1 << 20;
/// The size of a segment of the small pool.
const SMALL_SEGMENT: u64 = 2 << 20;
/// Powers of two for which the setting that rounds up has its own number of steps: from 1 MiB to 32 GiB.
const POWERS: usize = 16;

/// The settings that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    expandable_segments: bool,
    /// Blocks of this size or more are never split.
    max_split_size: u64,
    divisions: [u64; POWERS],
}

impl Default for Rules {
    fn default() -> Self {
        Self { expandable_segments: false, max_split_size: u64::MAX, divisions: [0; POWERS] }
    }
}

impl Rules {
    /// As `allocator_settings` has them. What is missing or of another kind is as PyTorch has it by default.
    pub(super) fn read(settings: Dict<'_>) -> Self {
        let mut rules = Self {
            expandable_segments: settings.view(EXPANDABLE_SEGMENTS) == Some(View::Bool(true)),
            max_split_size: settings.number(MAX_SPLIT_SIZE).ok().flatten().unwrap_or(u64::MAX),
            ..Self::default()
        };
        if let Some(View::Dict(divisions)) = settings.view(ROUNDUP_POWER2_DIVISIONS) {
            for (key, value) in settings.arena.entries(divisions) {
                let (View::String(key), View::Integer(steps)) =
                    (settings.arena.view(key), settings.arena.view(value))
                else {
                    continue;
                };
                let mib: Option<u64> =
                    std::str::from_utf8(settings.arena.string(key)).ok().and_then(|key| key.parse().ok());
                let place = mib.and_then(u64::checked_ilog2).map_or(POWERS, |power| power as usize);
                if let (Some(place), Ok(steps)) = (rules.divisions.get_mut(place), u64::try_from(steps)) {
                    *place = steps;
                }
            }
        }
        rules
    }

    /// The size of a block for a request, where so many free bytes begin at its address. An expandable segment shows that the
    /// setting was on, even if it is off at the end.
    pub(super) fn block(&self, requested: u64, free: u64, pool: PoolKind, expandable: bool) -> u64 {
        if pool == PoolKind::Whole {
            return free.max(requested);
        }
        let rounded = self.rounded(requested);
        let Some(rest) = free.checked_sub(rounded) else { return rounded };
        let splits = if pool == PoolKind::Small || expandable || self.expandable_segments {
            rest >= MIN_BLOCK
        } else {
            rounded < self.max_split_size && rest > SMALL
        };
        if splits { rounded } else { free }
    }

    /// More free bytes than this behind a block's address make no difference.
    pub(super) fn enough(&self, requested: u64, pool: PoolKind) -> u64 {
        if pool == PoolKind::Whole || self.rounded(requested) >= self.max_split_size {
            return u64::MAX;
        }
        self.rounded(requested).saturating_add(SMALL + MIN_BLOCK)
    }

    /// The pool of a request.
    pub(super) fn pool_of_request(&self, requested: u64) -> PoolKind {
        if self.rounded(requested) <= SMALL { PoolKind::Small } else { PoolKind::Large }
    }

    /// The pool of a segment.
    pub(super) fn pool_of_segment(size: u64) -> PoolKind {
        if size <= SMALL_SEGMENT { PoolKind::Small } else { PoolKind::Large }
    }

    fn rounded(&self, requested: u64) -> u64 {
        if requested < MIN_BLOCK {
            return MIN_BLOCK;
        }
        let power = requested.ilog2().saturating_sub(SMALL.ilog2()) as usize;
        let steps = self.divisions[power.min(POWERS - 1)];
        if steps > 1 && requested > MIN_BLOCK.saturating_mul(steps) {
            let floor = 1 << requested.ilog2();
            let step = floor >> steps.ilog2();
            return match requested % step.max(1) {
                _ if requested == floor => requested,
                _ if step == 0 => floor.saturating_mul(2),
                0 => requested,
                over => requested.saturating_add(step - over),
            };
        }
        requested.checked_next_multiple_of(MIN_BLOCK).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn requests_are_rounded_like_the_allocator_does() {
        let plain = Rules::default();
        assert_eq!(
            [0, 1, 512, 513, MIB + 1].map(|size| plain.rounded(size)),
            [512, 512, 512, 1024, MIB + 512]
        );
        // The setting's own example: 1200 MiB with four steps between 1024 and 2048.
        let steps = Rules { divisions: [4; POWERS], ..plain };
        assert_eq!(steps.rounded(1200 * MIB), 1280 * MIB);
        assert_eq!(steps.rounded(1024 * MIB), 1024 * MIB);
        assert_eq!(steps.rounded(2048), 2048, "not larger than 512 times the steps");
        assert_eq!(steps.rounded(2049), 2560);
    }

    #[test]
    fn a_block_is_split_when_enough_is_left() {
        let plain = Rules::default();
        assert_eq!(plain.block(600, 2 * MIB, PoolKind::Small, false), 1024);
        assert_eq!(plain.block(600, 1024 + 512, PoolKind::Small, false), 1024);
        assert_eq!(plain.block(2 * MIB, 3 * MIB, PoolKind::Large, false), 3 * MIB, "1 MiB is not enough");
        assert_eq!(plain.block(2 * MIB, 3 * MIB + 512, PoolKind::Large, false), 2 * MIB);
        let expandable = Rules { expandable_segments: true, ..plain };
        assert_eq!(expandable.block(2 * MIB, 3 * MIB, PoolKind::Large, false), 2 * MIB);
        assert_eq!(plain.block(2 * MIB, 3 * MIB, PoolKind::Large, true), 2 * MIB);
        let limited = Rules { max_split_size: 20 * MIB, ..plain };
        assert_eq!(limited.block(20 * MIB, 64 * MIB, PoolKind::Large, false), 64 * MIB, "too large to split");
    }
}
