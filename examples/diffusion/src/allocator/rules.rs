//! The sizes that the caching allocator rounds, pools and splits by.
//!
//! They are those that PyTorch publishes for its CUDA caching allocator with default settings
//! (`c10/cuda/CUDACachingAllocator`: `kMinBlockSize`, `kSmallSize`, `kSmallBuffer`, `kMinLargeAlloc`, `kLargeBuffer`,
//! `kRoundLarge`, and the functions that use them).

use crate::quantity::Bytes;

/// Every block is a multiple of this.
const MIN_BLOCK: Bytes = Bytes(512);
/// Requests up to this size share the small pool.
const SMALL: Bytes = Bytes::mib(1);
/// The small pool's segments.
const SMALL_SEGMENT: Bytes = Bytes::mib(2);
/// From this size on, a request that needs a segment gets one of its own size.
const OWN_SEGMENT: Bytes = Bytes::mib(10);
/// The large pool's segments below that.
const LARGE_SEGMENT: Bytes = Bytes::mib(20);
/// Segments of their own size are a multiple of this.
const SEGMENT_GRANULE: Bytes = Bytes::mib(2);

/// Which of the two pools of a stream a block belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Small,
    Large,
}

impl Class {
    pub(crate) fn of(block: Bytes) -> Class {
        if block <= SMALL { Class::Small } else { Class::Large }
    }

    /// Whether a free block is worth cutting, if `remainder` is what is left over. The large pool leaves up to 1 MiB
    /// uncut, since such a remainder could serve no request of that pool.
    pub(super) fn splits(self, remainder: Bytes) -> bool {
        match self {
            Class::Small => remainder >= MIN_BLOCK,
            Class::Large => remainder > SMALL,
        }
    }
}

/// The block that a request needs.
pub(super) fn block_size(requested: Bytes) -> Bytes {
    requested.max(MIN_BLOCK).round_up(MIN_BLOCK)
}

/// The segment that is reserved for a block when nothing cached fits.
pub(super) fn segment_size(block: Bytes) -> Bytes {
    if block <= SMALL {
        SMALL_SEGMENT
    } else if block < OWN_SEGMENT {
        LARGE_SEGMENT
    } else {
        block.round_up(SEGMENT_GRANULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_multiples_of_512() {
        let sizes = [1, 511, 512, 513, 1 << 20].map(|n| block_size(Bytes(n)).0);
        assert_eq!(sizes, [512, 512, 512, 1024, 1 << 20]);
    }

    #[test]
    fn requests_up_to_1_mib_are_small() {
        assert_eq!(Class::of(Bytes::mib(1)), Class::Small);
        assert_eq!(Class::of(Bytes::mib(1) + Bytes(512)), Class::Large);
    }

    #[test]
    fn segments_are_2_mib_20_mib_or_as_large_as_the_block() {
        let below_own = Bytes::mib(10).saturating_sub(Bytes(512));
        let sizes = [Bytes(512), Bytes::mib(1), Bytes::mib(1) + Bytes(512), below_own].map(segment_size);
        assert_eq!(sizes, [2, 2, 20, 20].map(Bytes::mib));
        assert_eq!(segment_size(Bytes::mib(10)), Bytes::mib(10));
        assert_eq!(segment_size(Bytes::mib(10) + Bytes(512)), Bytes::mib(12));
    }

    #[test]
    fn small_blocks_split_from_512_and_large_ones_above_1_mib() {
        assert!(Class::Small.splits(Bytes(512)));
        assert!(!Class::Small.splits(Bytes::ZERO));
        assert!(!Class::Large.splits(Bytes::mib(1)));
        assert!(Class::Large.splits(Bytes::mib(1) + Bytes(512)));
    }
}
