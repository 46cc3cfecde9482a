use std::{collections::BTreeMap, thread, time::Duration};

use memtrace_format::Event;

use super::{
    log::Log,
    numbering::Number,
    running::wait_until,
    tally::{Tally, number, tally},
    trial::Trial,
};

/// How many kills a test run makes.
const KILLS: u64 = 50;

#[test]
fn sigkill_loses_no_committed_event() {
    kill_repeatedly(KILLS);
}

#[test]
fn sigkill_loses_no_event_that_a_ring_keeps() {
    kill_rings(KILLS / 2);
}

#[test]
#[ignore = "takes minutes; for a release, see tests/README.md"]
fn a_thousand_sigkills_lose_no_committed_event() {
    kill_repeatedly(1000);
}

#[test]
#[ignore = "takes minutes; for a release, see tests/README.md"]
fn a_thousand_sigkills_lose_no_event_that_a_ring_keeps() {
    kill_rings(1000);
}

#[test]
fn what_a_killed_process_lost_is_told_or_said_to_be_more() {
    kill_relentless(8);
}

#[test]
#[ignore = "takes minutes; for a release, see tests/README.md"]
fn what_a_hundred_killed_processes_lost_is_told_or_said_to_be_more() {
    kill_relentless(100);
}

/// Kills a program that records faster than the tracer makes room, into a file or into a ring. As many events are missing as its
/// report says, or more if it says so.
fn kill_relentless(kills: u64) {
    let (mut lost, mut told, mut exact) = (0, 0, 0);
    let mut state = std::process::id().into();
    for kill in 0..kills {
        let trial = Trial::new("relentless", [8, 64][kill as usize % 2], 0);
        let is_ring = kill % 4 >= 2;
        let mut trial = if is_ring { trial.env("MEMTRACE_MODE", "ring") } else { trial };
        trial = trial.env("MEMTRACE_MAX_SIZE", if is_ring { "8 MiB" } else { "1 GiB" });
        let running = trial.start();
        wait_until("the program records", || trial.acknowledged_by(0) > 0);
        thread::sleep(Duration::from_micros(random(&mut state) % 100_000));
        running.kill();
        let report = memtrace_analysis::analyze(trial.path("run.trace")).unwrap().report;
        let dropped = &report.trace.dropped;
        let missing = missing(&trial, is_ring);
        assert!(
            dropped.at_least || missing <= dropped.total,
            "{missing} are missing, and exactly {dropped:?} are told"
        );
        lost += missing;
        told += dropped.total;
        exact += u64::from(!dropped.at_least);
    }
    println!("{kills} kills, {lost} events missing, {told} told; {exact} figures are exact");
}

/// How many numbers are missing; of a ring, behind the first that each thread has there.
fn missing(trial: &Trial, is_ring: bool) -> u64 {
    let log = trial.log();
    let mut first_and_count: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
    let events = log.threads.values().flat_map(|thread| &thread.events);
    for number in events.filter_map(|(_, event)| number(event)) {
        let (_, count) = first_and_count.entry(number.stream).or_insert((number.count, 0));
        *count += 1;
    }
    let of_stream = |(stream, acknowledged): (usize, u64)| match first_and_count.get(&(stream as u16)) {
        Some(&(first, count)) => (acknowledged + 1).saturating_sub(if is_ring { first } else { 1 } + count),
        None if is_ring => 0,
        None => acknowledged,
    };
    trial.acknowledged().into_iter().enumerate().map(of_stream).sum()
}

/// Kills the program at moments spread over 60 ms, from its start on or from its first event on, and looks for every event it
/// had acknowledged.
fn kill_repeatedly(kills: u64) {
    let (mut acknowledged, mut lost) = (0, 0);
    let mut state = std::process::id().into();
    for kill in 0..kills {
        let threads = [1, 8, 64][kill as usize % 3];
        let trial = Trial::new("endless", threads, 0);
        let mut trial = if kill % 4 < 2 { trial } else { trial.sampled() };
        let running = trial.start();
        if kill % 2 == 1 {
            wait_until("the program records", || trial.acknowledged_by(0) > 0);
        }
        thread::sleep(Duration::from_micros(random(&mut state) % 60_000));
        running.kill();
        let run = assert_committed(&trial);
        acknowledged += run.0;
        lost += run.1;
    }
    println!("{kills} kills, {acknowledged} events acknowledged, {lost} lost because no chunk was ready");
    assert!(acknowledged > kills, "the program hardly ran: {acknowledged} events in {kills} runs");
}

/// Returns how many events had been acknowledged, and how many of them were lost because no chunk was ready.
fn assert_committed(trial: &Trial) -> (u64, u64) {
    let acknowledged = trial.acknowledged();
    let total = acknowledged.iter().sum();
    let mut all_lost = 0;
    let Some(log) = Log::read_if_begun(&trial.path("run.trace")) else {
        assert_eq!(total, 0, "events were acknowledged before the log began");
        return (0, 0);
    };
    let streams = tally(&log);
    let absent = Tally { needs_a_chunk: true, ..Tally::default() };
    for (stream, &acknowledged) in acknowledged.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let tally = streams.get(&(stream as u16)).unwrap_or(&absent);
        // An event that was lost because no chunk was ready is told of in the thread's next chunk. If the process dies
        // before there is one, the loss can only lie where a chunk was needed.
        let lost = acknowledged.saturating_sub(tally.last);
        all_lost += lost + tally.missing;
        assert!(
            lost == 0 || tally.needs_a_chunk,
            "stream {stream} had acknowledged {acknowledged}: {tally:?}"
        );
        assert!(tally.last <= acknowledged + 1, "stream {stream} had acknowledged {acknowledged}: {tally:?}");
    }
    (total, all_lost)
}

/// Kills a program that records into a ring after it has recorded up to three times what the ring holds.
fn kill_rings(kills: u64) {
    let (mut recorded, mut kept, mut wrapped) = (0, 0, 0);
    let mut state = std::process::id().into();
    for kill in 0..kills {
        let (threads, mebibytes) = [(1, 1), (8, 2), (64, 6)][kill as usize % 3];
        let trial = Trial::new("endless-freeing", threads, 0).env("MEMTRACE_MODE", "ring");
        let mut trial = trial.env("MEMTRACE_MAX_SIZE", format!("{mebibytes} MiB"));
        let enough = random(&mut state) % (3 * (mebibytes << 20) / 48);
        let running = trial.start();
        wait_until("the program records", || trial.acknowledged().iter().sum::<u64>() >= enough);
        running.kill();
        recorded += trial.acknowledged().iter().sum::<u64>();
        let log = trial.log();
        assert_eq!(log.stepping_back, 0, "a thread's time steps back on a clock that does not");
        wrapped += u64::from(!log.baseline.is_empty());
        kept += assert_newest_kept(&log, &trial.acknowledged());
    }
    println!(
        "{kills} kills, {recorded} events acknowledged, {kept} of them kept; {wrapped} rings had wrapped"
    );
    assert!(wrapped * 4 > kills, "only {wrapped} of {kills} rings had wrapped");
}

/// Every thread's newest events are in the ring, one after the other up to the last that it acknowledged, and the baseline
/// says what was live before the first of them. Returns how many there are.
fn assert_newest_kept(log: &Log, acknowledged: &[u64]) -> u64 {
    let mut kept = 0;
    let live = live_blocks(&log.baseline);
    for thread in log.threads.values() {
        let (mut first, mut last, mut told, mut missing) = (None, None::<Number>, 0, 0);
        for (at, (_, event)) in thread.events.iter().enumerate() {
            if let (Event::Dropped { count, .. }, Some(_)) = (event, last) {
                told += count;
            }
            let Some(number) = number(event) else { continue };
            if let Some(last) = last {
                assert!(
                    number.stream == last.stream && number.count > last.count,
                    "{number:?} after {last:?}"
                );
                missing += number.count - last.count - 1;
            }
            // What is lost with a block includes that it was given back.
            assert!(missing <= told, "{number:?}: {missing} are missing, {told} were told");
            last = Some(number);
            if at >= thread.folded {
                first = first.or(last);
                kept += 1;
            }
        }
        let Some(last) = last else { continue };
        let acknowledged = acknowledged[usize::from(last.stream)];
        assert!(last.count <= acknowledged + 1, "{last:?}, {acknowledged} acknowledged");
        assert!(last.count >= acknowledged || thread.room < 64, "{last:?}, {acknowledged} acknowledged");
        // A block that was live when the window began was handed out just before it, unless the news of its end was lost.
        let lost = told > 0 || thread.losses.iter().any(|(_, drops)| drops.total() > 0);
        let first = first.map_or(last.count + 1, |first| first.count);
        for live in live.iter().filter(|live| live.stream == last.stream) {
            assert!(
                live.count < first && (live.count + 1 == first || lost),
                "{live:?} is live before {first}"
            );
        }
    }
    kept
}

/// The blocks that the baseline has.
fn live_blocks(baseline: &[Event]) -> Vec<Number> {
    let blocks = baseline.iter().filter(|event| matches!(event, Event::BlockAlloc(_)));
    blocks.filter_map(number).collect()
}

/// xorshift64*, the same in every run with the same beginning.
fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
