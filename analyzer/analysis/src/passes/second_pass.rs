//! Second pass: revisits the instants that the first pass selected.
//!
//! Which instants are the ones to look at (the highest peaks, the worst fragmentation) is known only at the end of a pass, and
//! copying what is live at each that might become one would cost the square of it. So they are visited again: each from the
//! checkpoint before it, those behind one checkpoint in one passage.

use std::ops::ControlFlow::{Break, Continue};

use memtrace_format::{Bytes, Event};

use crate::{
    Checkpoints, Nanos, Progress, ReadError,
    model::Waypoint,
    passes::{EventFilter, ReplayDriver},
    replay::Replay,
    source::Log,
};

/// Shows the replay behind each of these events, with the event's place in the list. The checkpoints are those of the first
/// pass. What `event_filter` held back in that one, which had none then, it holds back in this one.
pub(crate) fn revisit(
    log: &Log,
    checkpoints: &Checkpoints,
    stops: &[Waypoint],
    mut event_filter: Option<EventFilter<'_>>,
    mut watch: impl FnMut(Progress),
    mut show: impl FnMut(&Replay<'_>, usize),
) -> Result<(), ReadError> {
    let mut order: Vec<usize> = (0..stops.len()).collect();
    order.sort_unstable_by_key(|&stop| std::cmp::Reverse(stops[stop]));
    let way = |stop: usize| checkpoints.times().partition_point(|&time| time < stops[stop].time);
    let ways: Vec<&[usize]> = order.chunk_by(|&one, &other| way(one) == way(other)).collect();
    for (number, together) in (0..).zip(&ways) {
        let before = together.last().and_then(|&first| stops[first].time.0.checked_sub(1));
        let driver = match before.and_then(|before| checkpoints.resume(log, Nanos(before))) {
            Some(driver) => driver,
            None => ReplayDriver::begin_with(log, (), |now, event| {
                event_filter.as_mut().is_none_or(|event_filter| event_filter.admits(now, event))
            })?,
        };
        let part = |Progress { done, total }| {
            let done = Bytes(total.0.saturating_mul(number).saturating_add(done.0) / ways.len() as u64);
            watch(Progress { done, total });
        };
        visit(driver, stops, together.to_vec(), event_filter.as_mut(), part, &mut show)?;
    }
    Ok(())
}

/// Goes on to the last of the stops that are `left`, the first of them last.
fn visit(
    driver: ReplayDriver<'_, ()>,
    stops: &[Waypoint],
    mut left: Vec<usize>,
    mut event_filter: Option<&mut EventFilter<'_>>,
    watch: impl FnMut(Progress),
    show: &mut impl FnMut(&Replay<'_>, usize),
) -> Result<(), ReadError> {
    // Before an event each stop is shown that came before it. (One may stand at the beginning of a part, long after
    // its heap's latest event.)
    let mut show_reached = |left: &mut Vec<usize>, replay: &Replay<'_>, now: Nanos| {
        let due = left.partition_point(|&stop| stops[stop].time > now);
        for stop in left.extract_if(due.., |&mut stop| is_reached(stops[stop], replay)) {
            show(replay, stop);
        }
    };
    let all = event_filter.is_none();
    let mut admits =
        |now, event: &Event| event_filter.as_mut().is_none_or(|event_filter| event_filter.admits(now, event));
    let replayed = driver.run(watch, |replay, (), batch| {
        let steps = &batch.steps;
        let next = left.last().map_or(Nanos(u64::MAX), |&next| stops[next].time);
        if all && steps.last().is_some_and(|last| last.now.time < next) {
            replay.apply_all(steps, &mut ());
            return Continue(());
        }
        for step in steps {
            if !admits(step.now, &step.event) {
                continue;
            }
            if left.last().is_some_and(|&next| stops[next].time <= step.now.time) {
                show_reached(&mut left, replay, step.now.time);
            }
            if left.is_empty() {
                return Break(());
            }
            replay.apply(step.now, &step.event, &mut ());
        }
        Continue(())
    })?;
    show_reached(&mut left, &replayed.replay, Nanos(u64::MAX));
    Ok(())
}

/// Whether the replay is behind the event.
fn is_reached(stop: Waypoint, replay: &Replay<'_>) -> bool {
    replay.heaps.get(stop.heap).is_some_and(|heap| heap.events > stop.event)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU64};

    use memtrace_format::{Address, BlockAlloc, BlockFree, ModuleId, PoolId, StackId};
    use memtrace_testing::log_file;
    use proptest::prelude::*;

    use super::*;

    /// Blocks that come to sixteen places of two heaps, and go; several events may share an instant.
    fn history(steps: &[(u64, u16, u64)]) -> Vec<(u64, Event)> {
        let (mut time, mut live, mut events) = (0, BTreeMap::new(), Vec::new());
        for &(wait, place, size) in steps {
            time += wait;
            let (pool, address) = (PoolId(1 + place % 2), Address(0x1000 * (u64::from(place) + 1)));
            let event = match live.remove(&place) {
                Some(size) => Event::BlockFree(BlockFree { pool, address, size: Bytes(size) }),
                None => {
                    live.insert(place, size);
                    let (module, stack) = (ModuleId(size as u32 % 5), StackId::NONE);
                    let (size, requested) = (Bytes(size), Bytes(size));
                    Event::BlockAlloc(BlockAlloc { pool, address, size, requested, module, stack })
                }
            };
            events.push((time, event));
        }
        events
    }

    /// Every event of both heaps, as a stop.
    fn stops(events: &[(u64, Event)]) -> Vec<Waypoint> {
        let (mut pools, mut counts) = (Vec::new(), [0; 2]);
        let stop = |(time, event): &(u64, Event)| {
            let (Event::BlockAlloc(BlockAlloc { pool, .. }) | Event::BlockFree(BlockFree { pool, .. })) =
                event
            else {
                unreachable!("there are no others")
            };
            if !pools.contains(pool) {
                pools.push(*pool);
            }
            let heap = pools.iter().position(|known| known == pool).unwrap();
            counts[heap] += 1;
            Waypoint { time: Nanos(*time), heap, event: counts[heap] - 1 }
        };
        events.iter().map(stop).collect()
    }

    /// What is live at each stop, and whose.
    fn shown(trace: &Log, checkpoints: &Checkpoints, stops: &[Waypoint]) -> BTreeMap<usize, Vec<String>> {
        let mut shown = BTreeMap::new();
        let show = |replay: &Replay<'_>, stop: usize| {
            let heap = &replay.heaps[stops[stop].heap];
            let told = heap.state.blocks().map(|(address, block)| {
                format!("{address:x} {block:?} {:?} {:?}", replay.owners.owner(block.owner), replay.end)
            });
            let mut told: Vec<String> = told.collect();
            told.sort_unstable();
            assert_eq!(shown.insert(stop, told), None, "it is shown once");
        };
        revisit(trace, checkpoints, stops, None, |_| (), show).unwrap();
        shown
    }

    proptest! {
        #[test]
        fn a_stop_is_the_same_from_any_checkpoint_before_it(
            steps in prop::collection::vec((0u64..3, 0u16..16, 1u64..0x1000), 1..150),
            every in 1u64..40,
            chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        ) {
            let events = history(&steps);
            let trace = Log::of_file(log_file(&events)).unwrap();
            let all = stops(&events);
            let stops: Vec<Waypoint> = chosen.iter().map(|index| *index.get(&all)).collect();
            let checkpoints = Checkpoints::every(&trace, NonZeroU64::new(every).unwrap()).unwrap();
            prop_assert_eq!(checkpoints.times().len() as u64, events.len() as u64 / every);
            let near = shown(&trace, &checkpoints, &stops);
            prop_assert_eq!(near.len(), stops.len());
            prop_assert_eq!(near, shown(&trace, &Checkpoints::default(), &stops));
        }
    }
}
