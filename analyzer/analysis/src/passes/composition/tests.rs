use std::collections::BTreeMap;

use memtrace_format::{Address, BlockAlloc, BlockFree, Segment, StackId};
use memtrace_testing::log_file;
use proptest::prelude::*;

use super::*;

const POOL: PoolId = PoolId(1);

/// Blocks, each in one of sixteen places, of five modules; now and then a segment over eight of the places comes or goes.
fn history(steps: &[(u64, u8, u8, u64)]) -> Vec<(u64, Event)> {
    let (mut time, mut live, mut events) = (0, BTreeMap::new(), Vec::new());
    for &(wait, place, module, size) in steps {
        time += wait;
        let address = Address(0x1000 * (u64::from(place) + 1));
        let event = match (live.remove(&place), place) {
            (_, 16..) => {
                let (address, size_of, stack) = (Address(0x1000), Bytes(0x8000), StackId::NONE);
                let segment = Segment { pool: POOL, address, size: size_of, stack };
                live.retain(|place, _| *place >= 8);
                if size % 2 == 0 { Event::SegmentAlloc(segment) } else { Event::SegmentFree(segment) }
            }
            (Some(size), _) => {
                let block = BlockFree { pool: POOL, address, size: Bytes(size) };
                if module == 0 { Event::BlockFreeRequested(block) } else { Event::BlockFree(block) }
            }
            (None, _) => {
                live.insert(place, size);
                let (module, stack) = (ModuleId(u32::from(module)), StackId::NONE);
                let (size, requested) = (Bytes(size), Bytes(size));
                Event::BlockAlloc(BlockAlloc { pool: POOL, address, size, requested, module, stack })
            }
        };
        events.push((time, event));
    }
    events
}

/// What each module has after each event, counted anew from all that is live.
fn recounted(trace: &Log, events: &[(u64, Event)]) -> Vec<(u64, BTreeMap<u32, u64>)> {
    let mut replay = Replay::new(trace);
    let count = |(time, event): &(u64, Event)| {
        replay.apply(crate::model::EventContext { time: Nanos(*time), thread: 0 }, event, &mut ());
        let mut sums = BTreeMap::new();
        for (_, block) in replay.heaps.iter().flat_map(|heap| heap.state.blocks()) {
            let owner = replay.owners.owner(block.owner).unwrap();
            if block.is_allocated() {
                *sums.entry(owner.module.0).or_insert(0) += block.size;
            }
        }
        (*time, sums)
    };
    events.iter().map(count).collect()
}

proptest! {
    #[test]
    fn parts_are_what_counting_all_blocks_anew_finds(
        steps in prop::collection::vec((0u64..3000, 0u8..18, 0u8..5, 1u64..0x1000), 1..150),
    ) {
        let events = history(&steps);
        let trace = Log::of_file(log_file(&events)).unwrap();
        let expected = recounted(&trace, &events);
        let composition = composition(&trace, 0, Grouping::Part, 10, |_| true).unwrap().unwrap();
        prop_assert!(composition.others.is_none());
        let end = expected.last().unwrap().0;
        for module in 0..5_u32 {
            let name = match module {
                0 => Text::new("(no module)"),
                module => trace.definitions().module_name(ModuleId(module)),
            };
            let part = composition.parts.iter().find(|part| part.name == name);
            let of = |sums: &BTreeMap<u32, u64>| sums.get(&module).copied().unwrap_or(0);
            let most = expected.iter().map(|(_, sums)| of(sums)).max().unwrap();
            prop_assert_eq!(part.map_or(0, |part| part.most.0), most, "{}", name);
            let Some(part) = part else { continue };
            for bin in 0..=end / 1024 {
                let (from, to) = (bin * 1024, (bin + 1) * 1024);
                let before = expected.iter().rev().find(|(time, _)| *time < from).map_or(0, |(_, sums)| of(sums));
                let inside = expected.iter().filter(|(time, _)| (from..to).contains(time));
                let values: Vec<u64> = inside.map(|(_, sums)| of(sums)).chain([before]).collect();
                let found = part.bytes.extent(Nanos(from), Nanos(to)).unwrap();
                prop_assert_eq!(found.min.0, *values.iter().min().unwrap());
                prop_assert_eq!(found.max.0, *values.iter().max().unwrap());
            }
        }
    }
}

#[test]
fn what_there_are_too_many_of_is_counted_together_and_a_no_ends_it() {
    let alloc = |number: u64| {
        let (pool, address, size) = (POOL, Address(number << 16), Bytes(number));
        let (module, stack) = (ModuleId(number as u32), StackId::NONE);
        (number * 2048, Event::BlockAlloc(BlockAlloc { pool, address, size, requested: size, module, stack }))
    };
    let trace = Log::of_file(log_file(&(1..=400).map(alloc).collect::<Vec<_>>())).unwrap();
    let composition = composition(&trace, 0, Grouping::Module, 3, |_| true).unwrap().unwrap();
    let most: Vec<u64> = composition.parts.iter().map(|part| part.most.0).collect();
    // The first 256 have a record of their own.
    assert_eq!(most, [256, 255, 254]);
    let others = composition.others.unwrap();
    assert_eq!(others.most.0, 400 * 401 / 2 - 256 - 255 - 254);
    assert!(super::composition(&trace, 0, Grouping::Module, 3, |_| false).unwrap().is_none());
    assert!(super::composition(&trace, 1, Grouping::Module, 3, |_| true).unwrap().is_none());
}
