use std::{env, thread, time::Duration};

use super::{
    log::Log,
    tally::{Tally, tally},
    trial::Trial,
};

/// How many kills a test run makes.
const KILLS: u64 = 50;

#[test]
#[ignore = "survival: run with --ignored; one of them can hang under load"]
fn sigkill_loses_no_committed_event() {
    kill_repeatedly(KILLS);
}

/// The full proof, for a release: `cargo test -p memtrace-tests --test end_to_end -- --ignored a_thousand`.
#[test]
#[ignore = "takes minutes"]
fn a_thousand_sigkills_lose_no_committed_event() {
    let kills = env::var("MEMTRACE_KILLS").ok().and_then(|kills| kills.parse().ok());
    kill_repeatedly(kills.unwrap_or(1000));
}

/// Kills the program at moments spread over its start and its first 60 ms, and looks for every event it
/// had acknowledged.
fn kill_repeatedly(kills: u64) {
    let (mut acknowledged, mut lost) = (0, 0);
    let mut state = std::process::id().into();
    for kill in 0..kills {
        let threads = [1, 8, 64][kill as usize % 3];
        let mut trial = Trial::new("endless", threads, 0);
        let running = trial.start();
        thread::sleep(Duration::from_micros(random(&mut state) % 60_000));
        running.kill();
        let run = assert_committed(&trial);
        acknowledged += run.0;
        lost += run.1;
    }
    println!("{kills} kills, {acknowledged} events acknowledged, {lost} lost because no chunk was ready");
    // The helper is starved now and then on a busy machine, not as a rule.
    assert!(lost * 50 <= acknowledged, "{lost} of {acknowledged} events found no chunk ready");
    assert!(acknowledged > kills * 100, "the program hardly ran: {acknowledged} events in {kills} runs");
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

/// xorshift64*, the same in every run with the same beginning.
fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
