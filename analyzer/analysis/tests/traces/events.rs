//! Any place of the log is what it is in the whole stream.

use std::ops::ControlFlow;

use memtrace_analysis::{
    Checkpoints, Nanos, Recorded, Trace,
    events::{Browser, Entry, EventLine, EventPlace, Query, SeekSide},
};
use memtrace_format::{Event, NameId};
use proptest::prelude::*;

use crate::recording::{DEVICE, Recording, alloc, file, free};

fn mark(value: u64) -> Event {
    Event::Mark { name: NameId(1), value }
}

/// Every event with its place, counted one by one over the whole stream.
fn whole(trace: &Trace) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for recorded in trace.events() {
        let recorded: Recorded = recorded.expect("a readable file");
        let same = entries.iter().rev().take_while(|entry| entry.recorded.time == recorded.time).count();
        let place = EventPlace { time: recorded.time, rank: same as u64 };
        entries.push(Entry { place, recorded });
    }
    entries
}

fn never(_: Nanos) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn any(_: &Recorded) -> bool {
    true
}

fn recording(threads: &std::collections::BTreeMap<u32, Vec<u64>>, chunk_events: usize) -> Recording {
    let mut recording = Recording::new();
    recording.chunk_events = chunk_events;
    let mut value = 0;
    for (&thread, steps) in threads {
        let mut time = 0;
        for step in steps {
            time += step;
            value += 1;
            recording.at(thread, time, mark(value));
        }
    }
    recording
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Threads with few or many events, many of them at the same time, in chunks of few events.
    #[test]
    fn every_place_is_reached_forwards_and_backwards(
        threads in prop::collection::btree_map(1u32..20, prop::collection::vec(0u64..4, 0..40), 1..6),
        chunk_events in 1usize..9,
        count in 1usize..12,
    ) {
        let file = file(&recording(&threads, chunk_events).bytes());
        let trace = Trace::open(file.path()).unwrap();
        let all = whole(&trace);
        let browser = Browser::new(&trace);
        let end = all.last().map_or(0, |entry| entry.place.time.0);
        for time in (0..=end + 1).map(Nanos) {
            let from: Vec<_> = browser.from(time).map(Result::unwrap).collect();
            let first = all.partition_point(|entry| entry.place.time < time);
            prop_assert_eq!(&from, &all[first..]);
        }
        for (index, entry) in all.iter().enumerate() {
            let before = browser.page_before(entry.place, count, &mut any, &mut never).unwrap().unwrap();
            prop_assert_eq!(&before, &all[index.saturating_sub(count)..index]);
            let from = browser.page_from(entry.place, count, &mut any, &mut never).unwrap().unwrap();
            prop_assert_eq!(&from, &all[index..(index + count).min(all.len())]);
        }
        let third = |recorded: &Recorded| matches!(recorded.event, Event::Mark { value, .. } if value % 3 == 0);
        let thirds: Vec<_> = all.iter().copied().filter(|entry| third(&entry.recorded)).collect();
        for entry in &all {
            let index = thirds.partition_point(|third| third.place < entry.place);
            let before = browser.page_before(entry.place, count, &mut { third }, &mut never).unwrap().unwrap();
            prop_assert_eq!(&before, &thirds[index.saturating_sub(count)..index]);
            let from = browser.page_from(entry.place, count, &mut { third }, &mut never).unwrap().unwrap();
            prop_assert_eq!(&from, &thirds[index..(index + count).min(thirds.len())]);
        }
        let last = browser.page_before(EventPlace::END, count, &mut any, &mut never).unwrap().unwrap();
        prop_assert_eq!(&last, &all[all.len().saturating_sub(count)..]);
    }
}

#[test]
fn a_late_event_in_a_chunk_that_steps_back_is_not_passed_over() {
    let mut recording = Recording::new();
    recording.chunk_events = 3;
    for (value, time) in [10, 100, 20, 30, 31, 32, 40, 41, 42, 43, 44, 45].into_iter().enumerate() {
        recording.at(1, time, mark(value as u64));
    }
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let all = whole(&trace);
    assert_eq!(all[1].place, EventPlace { time: Nanos(100), rank: 0 });
    assert_eq!(all[11].place, EventPlace { time: Nanos(100), rank: 10 });
    let from: Vec<_> = Browser::new(&trace).from(Nanos(50)).map(Result::unwrap).collect();
    assert_eq!(from, all[1..]);
}

#[test]
fn an_event_is_found_on_either_side_by_its_name_its_kind_and_its_address() {
    let mut recording = Recording::new();
    recording.chunk_events = 2;
    recording.thread(1, "Worker");
    let name = recording.name(1, "model switch");
    let rare = |value| Event::Mark { name, value };
    for time in 0..1000 {
        let address = 4096 * (time + 1);
        let event = match time {
            100 | 900 => rare(time),
            time if time % 2 == 0 => alloc(DEVICE, address, 512, 500),
            _ => free(DEVICE, address),
        };
        recording.at(1, time * 10, event);
    }
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let browser = Browser::new(&trace);
    let find = |text: &str, from: u64, side| {
        let mut query = Query::new(text).unwrap();
        let mut wanted = |recorded: &Recorded| query.matches(recorded, trace.definitions());
        let found = browser.find(EventPlace::at(Nanos(from)), side, &mut wanted, &mut never);
        found.unwrap().unwrap().map(|entry| entry.place.time.0)
    };
    assert_eq!(find("Switch", 5000, SeekSide::Forward), Some(9000));
    assert_eq!(find("Switch", 5000, SeekSide::Back), Some(1000));
    assert_eq!(
        find("Switch", 9000, SeekSide::Forward),
        None,
        "the event at the place itself is not looked at"
    );
    assert_eq!(find("Switch", 1000, SeekSide::Back), None);
    assert_eq!(find("0x3200", 0, SeekSide::Forward), None, "behind the end of the block at 0x3000");
    assert_eq!(find("0x31ff", 9990, SeekSide::Back), Some(20));
    assert_eq!(find("cuda:0 free", 0, SeekSide::Forward), Some(10));
    assert_eq!(find("worker mark", 0, SeekSide::Forward), Some(1000));
    assert_eq!(find("nothing like it", 0, SeekSide::Forward), None);
}

#[test]
fn the_state_behind_each_of_several_events_of_one_instant() {
    let mut recording = Recording::new();
    recording.chunk_events = 3;
    for number in 0..30 {
        let (thread, time) = (number % 4 + 1, u64::from(number / 7));
        recording.at(thread, time, alloc(DEVICE, 4096 * (u64::from(number) + 1), 512, 512));
    }
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let all = whole(&trace);
    assert!(all.iter().any(|entry| entry.place.rank > 3));
    for (index, entry) in all.iter().enumerate() {
        let instant = trace.at_place(&Checkpoints::default(), entry.place).unwrap();
        assert_eq!(instant.heaps[0].blocks.len(), index + 1);
        let Event::BlockAlloc(block) = entry.recorded.event else { panic!("all are allocs") };
        assert!(instant.heaps[0].block_at(block.address).is_some());
    }
}

#[test]
fn a_search_that_nobody_waits_for_any_more_ends() {
    let mut recording = Recording::new();
    for time in 0..40_000 {
        recording.at(1, time, mark(time));
    }
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let mut asked = Vec::new();
    let mut stop = |time: Nanos| {
        asked.push(time);
        ControlFlow::Break(())
    };
    let found = Browser::new(&trace).find(
        EventPlace::default(),
        SeekSide::Forward,
        &mut |_: &Recorded| false,
        &mut stop,
    );
    assert_eq!(found.unwrap(), None);
    assert_eq!(asked.len(), 1);
}

#[test]
fn an_event_reads_in_words() {
    let mut recording = Recording::new();
    recording.thread(7, "main");
    recording.at(7, 5, alloc(DEVICE, 0x7000, 512, 500));
    recording.at(7, 6, free(DEVICE, 0x7000));
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).unwrap();
    let lines: Vec<_> = trace
        .events()
        .map(|recorded| EventLine::new(&recorded.unwrap(), trace.definitions()))
        .map(|line| {
            let address = line.address.map(|address| address.to_string()).unwrap_or_default();
            format!(
                "{} {} {} {address} {:?} {}",
                line.time_ns,
                line.thread,
                line.kind,
                line.bytes,
                line.about()
            )
        })
        .collect();
    assert_eq!(
        lines,
        ["5 ns main block alloc 0x7000 Some(Bytes(512)) asked 500 B", "6 ns main block free 0x7000 None "]
    );
}
