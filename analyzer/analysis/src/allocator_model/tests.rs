//! The allocator's documented rules, step by step, and a random history.

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;
const ME: Requester = Requester { arena: 0, stream: 0 };
const OTHER: Requester = Requester { arena: 0, stream: 7 };

fn allocator(capacity_mib: u64) -> Allocator {
    Allocator::new(Rules::default(), capacity_mib * MIB)
}

fn ask(allocator: &mut Allocator, mib: u64) -> BlockId {
    allocator.allocate(ME, mib * MIB).unwrap()
}

#[test]
fn small_requests_share_2_mib_and_larger_ones_20() {
    let mut allocator = allocator(1024);
    allocator.allocate(ME, 1).unwrap();
    allocator.allocate(ME, MIB).unwrap();
    assert_eq!(allocator.reserved(), 2 * MIB);
    ask(&mut allocator, 2);
    ask(&mut allocator, 9);
    assert_eq!(allocator.reserved(), 22 * MIB);
    let own = ask(&mut allocator, 13);
    assert_eq!(
        (allocator.size(own), allocator.reserved()),
        (14 * MIB, 36 * MIB),
        "1 MiB left over is not cut off"
    );
}

#[test]
fn what_one_stream_frees_serves_no_other() {
    let mut allocator = allocator(1024);
    let block = ask(&mut allocator, 30);
    allocator.free(block);
    allocator.allocate(OTHER, 30 * MIB).unwrap();
    assert_eq!(allocator.reserved(), 60 * MIB);
    ask(&mut allocator, 30);
    assert_eq!(allocator.reserved(), 60 * MIB);
}

#[test]
fn cached_segments_go_back_before_a_request_fails() {
    let mut allocator = allocator(64);
    let block = allocator.allocate(OTHER, 40 * MIB).unwrap();
    assert!(allocator.allocate(ME, 30 * MIB).is_none());
    allocator.free(block);
    assert_eq!(allocator.releasable(), 40 * MIB);
    ask(&mut allocator, 30);
    assert_eq!((allocator.reserved(), allocator.reserved_peak()), (30 * MIB, 40 * MIB));
}

#[test]
fn a_block_in_the_middle_pins_its_segment_and_expandable_segments_do_not_mind() {
    for (expandable, served) in [(false, false), (true, true)] {
        let rules = Rules { expandable_segments: expandable, ..Rules::default() };
        let mut allocator = Allocator::new(rules, 60 * MIB);
        let blocks: Vec<BlockId> = (0..15).map(|_| ask(&mut allocator, 4)).collect();
        assert_eq!(allocator.reserved(), 60 * MIB);
        for (index, block) in blocks.iter().enumerate() {
            if ![2, 7, 12].contains(&index) {
                allocator.free(*block);
            }
        }
        // 48 MiB are free: 8, 16, 16 and 8 in a row, and in plain segments never more than 8.
        assert_eq!(allocator.allocate(ME, 16 * MIB).is_some(), served, "expandable: {expandable}");
    }
}

#[test]
fn expandable_segments_grow_by_20_mib_and_give_back_full_steps_only() {
    let rules = Rules { expandable_segments: true, ..Rules::default() };
    let mut allocator = Allocator::new(rules, 100 * MIB);
    let first = ask(&mut allocator, 10);
    assert_eq!(allocator.reserved(), 20 * MIB);
    let second = ask(&mut allocator, 35);
    assert_eq!(allocator.reserved(), 60 * MIB, "it begins right behind the first");
    allocator.free(first);
    allocator.release_cached();
    assert_eq!(allocator.reserved(), 60 * MIB, "the first step is in use by the second block");
    allocator.free(second);
    allocator.release_cached();
    assert_eq!(allocator.reserved(), 0);
    assert!(allocator.allocate(ME, 101 * MIB).is_none());
    assert!(allocator.reserved() <= 100 * MIB);
    ask(&mut allocator, 100);
}

#[test]
fn segments_that_are_never_split_go_back_largest_first() {
    let rules = Rules { max_split_size: 64 * MIB, ..Rules::default() };
    let mut allocator = Allocator::new(rules, 400 * MIB);
    let blocks = [100, 80, 200].map(|mib| ask(&mut allocator, mib));
    for block in blocks {
        allocator.free(block);
    }
    ask(&mut allocator, 20);
    assert_eq!(allocator.reserved(), 400 * MIB, "a small request is not served from them");
    ask(&mut allocator, 150);
    assert_eq!(allocator.reserved(), 350 * MIB, "one that was large enough went back");
}

#[test]
fn with_a_threshold_the_longest_idle_go_back_first() {
    let rules = Rules { garbage_collection_threshold: 0.5, ..Rules::default() };
    let mut allocator = Allocator::new(rules, 200 * MIB);
    let old = ask(&mut allocator, 60);
    let new = ask(&mut allocator, 50);
    let short = ask(&mut allocator, 4);
    allocator.free(short);
    allocator.free(old);
    for _ in 0..8 {
        let block = ask(&mut allocator, 4);
        allocator.free(block);
    }
    allocator.free(new);
    ask(&mut allocator, 70);
    assert_eq!(allocator.reserved(), (50 + 20 + 70) * MIB, "the 60 MiB were idle for longer");
}

#[test]
fn a_recorded_state_goes_on_as_if_it_had_been_the_models_own() {
    let key = PoolKey { requester: ME, class: Class::Large };
    let mut restored = Restored::new(Rules::default(), 64 * MIB);
    restored.segment(key, 100 * MIB, false);
    restored.piece(100 * MIB, 4 * MIB, false);
    let pin = restored.piece(104 * MIB, 4 * MIB, true);
    restored.piece(108 * MIB, 12 * MIB, false);
    restored.segment(key, 120 * MIB, false);
    restored.piece(120 * MIB, 30 * MIB, false);
    let mut allocator = restored.finish();
    assert_eq!((allocator.reserved(), allocator.releasable()), (50 * MIB, 30 * MIB));
    let within = ask(&mut allocator, 12);
    assert_eq!((allocator.reserved(), allocator.size(within)), (50 * MIB, 12 * MIB));
    allocator.free(within);
    allocator.free(pin);
    assert_eq!(allocator.releasable(), 50 * MIB, "merged with both neighbours");
    ask(&mut allocator, 64);
    assert_eq!(allocator.reserved(), 64 * MIB);
}

#[test]
fn a_recorded_expandable_segment_grows_behind_its_end() {
    let key = PoolKey { requester: ME, class: Class::Large };
    let rules = Rules { expandable_segments: true, ..Rules::default() };
    let mut restored = Restored::new(rules, 100 * MIB);
    restored.segment(key, 200 * MIB, true);
    restored.piece(200 * MIB, 20 * MIB, true);
    restored.segment(key, 240 * MIB, true);
    restored.piece(240 * MIB, 20 * MIB, false);
    let mut allocator = restored.finish();
    let block = ask(&mut allocator, 45);
    assert_eq!(allocator.reserved(), 80 * MIB, "the gap of 20 MiB, the free 20, and 20 behind");
    assert_eq!(allocator.size(block), 45 * MIB);
}

#[derive(Clone, Copy, Debug)]
enum TimedEvent {
    Ask { stream: u64, size: u64 },
    Free(prop::sample::Index),
    Release,
}

fn step() -> impl Strategy<Value = TimedEvent> {
    let size = prop_oneof![1..MIB, MIB..24 * MIB, 24 * MIB..90 * MIB];
    prop_oneof![
        6 => (0..2u64, size).prop_map(|(stream, size)| TimedEvent::Ask { stream, size }),
        4 => any::<prop::sample::Index>().prop_map(TimedEvent::Free),
        1 => Just(TimedEvent::Release),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (any::<bool>(), prop_oneof![Just(u64::MAX), Just(32 * MIB)], prop_oneof![Just(0.0), Just(0.6)]).prop_map(
        |(expandable_segments, max_split_size, garbage_collection_threshold)| Rules {
            expandable_segments,
            max_split_size,
            garbage_collection_threshold,
            ..Rules::default()
        },
    )
}

impl Allocator {
    /// Recounts everything from the blocks: nothing overlaps, lists hold just what is free, sums are right.
    fn check(&self, live: &[BlockId]) {
        let mut reserved = 0;
        let mut firsts: Vec<BlockId> = live.to_vec();
        firsts.extend(self.pools.iter().flat_map(|pool| pool.free.iter().map(|fit| fit.id)));
        firsts.extend(self.pools.iter().flat_map(|pool| pool.unmapped.iter().map(|(_, id)| *id)));
        let all = firsts.len();
        firsts.retain(|&id| self.blocks[id].before.is_none());
        let mut seen = 0;
        let mut ranges = Vec::new();
        for first in firsts {
            let mut next = Some(first);
            let mut latest: Option<Block> = None;
            while let Some(id) = next {
                let block = self.blocks[id];
                if let Some(latest) = latest {
                    assert_eq!(latest.end(), block.address);
                    assert!(latest.state != block.state || block.state == State::Used, "not merged");
                }
                assert_eq!(live.contains(&id), block.state == State::Used);
                if block.state != State::Unmapped {
                    reserved += block.size;
                }
                ranges.push((block.address, block.end()));
                seen += 1;
                latest = Some(block);
                next = block.after;
            }
        }
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "overlap");
        assert_eq!((seen, reserved), (all, self.reserved));
        assert!(self.reserved <= self.capacity && self.reserved <= self.reserved_peak);
    }
}

proptest! {
    #[test]
    fn no_history_breaks_it(rules in rules(), steps in prop::collection::vec(step(), 1..120)) {
        let mut allocator = Allocator::new(rules.clone(), 200 * MIB);
        let mut live: Vec<BlockId> = Vec::new();
        for step in steps {
            match step {
                TimedEvent::Ask { stream, size } => {
                    let requester = Requester { arena: 0, stream };
                    if let Some(id) = allocator.allocate(requester, size) {
                        prop_assert!(allocator.size(id) >= size);
                        live.push(id);
                    } else {
                        // It fails for a reason: nothing whole is left, and the driver has too little.
                        prop_assert_eq!(allocator.releasable(), 0);
                        let needs = rules.needs(rules.rounded(size));
                        let room = allocator.capacity - allocator.reserved;
                        prop_assert!(room < needs, "{room} left, {needs} needed");
                    }
                }
                TimedEvent::Free(index) if !live.is_empty() => {
                    let id = live.swap_remove(index.index(live.len()));
                    allocator.free(id);
                }
                TimedEvent::Free(_) => {}
                TimedEvent::Release => allocator.release_cached(),
            }
            allocator.check(&live);
        }
    }
}

/// Somebody may record requests of more than there are addresses, and of all that there are, again and again.
#[test]
fn what_no_address_is_left_for_fails() {
    for expandable_segments in [false, true] {
        let rules = Rules { expandable_segments, ..Rules::default() };
        let mut allocator = Allocator::new(rules, u64::MAX);
        assert!(allocator.allocate(ME, u64::MAX - 8000).is_none());
        let mut served = 0;
        for stream in 0..100 {
            let requester = Requester { arena: 0, stream };
            served += u32::from(allocator.allocate(requester, 1 << 60).is_some());
        }
        assert!((1..16).contains(&served), "{served} pieces of a sixteenth of all addresses");
        allocator.allocate(ME, MIB).unwrap();
    }
}
