use loom::{sync::Arc, thread};
use memtrace_baseline::Fold;
use memtrace_format::{Calibration, CounterId, CounterValue, Event, Ticks};

use super::{
    every_order,
    stage::{Engine, Stage},
};
use crate::ring::Streams;

const LATER: Calibration = Calibration { ticks: Ticks(2), monotonic_ns: 2, realtime_ns: 2 };

/// A recording in ring mode that runs out of chunks: the helper reads chunks while they are written, and hands the first
/// one that is done out again.
#[test]
fn a_chunk_is_folded_once_and_then_another_thread_s() {
    every_order(2, || {
        let stage = Arc::new(Stage::new(2));
        let mut streams = Streams::new(stage.log.short_session());
        for slot in 0..2 {
            streams.watch(stage.watched(slot));
            stage.hand_out(stage.chunk(slot));
        }
        let threads = [1, 101].map(|first| {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                let engine = Engine::new();
                engine.count(&stage, first);
                engine.end(&stage);
            })
        });
        let mut fold = Fold::default();
        let mut handed_out_again = 0;
        let mut helper = |streams: &mut Streams| {
            stage.log.retire_left();
            stage.log.seal_retired(|slot, used| streams.given_back(slot, used));
            streams.fold_into(&mut fold, Ticks(u64::MAX), 2);
            for chunk in streams.take_folded() {
                let mut chunk = chunk.take_back(LATER);
                handed_out_again += 1;
                chunk.sequence = 1 + handed_out_again;
                streams.watch(stage.watched(chunk.slot.0 as usize));
                stage.hand_out(chunk);
            }
        };
        helper(&mut streams);
        // A thread that comes later may get a chunk that had another's events.
        let last = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                let engine = Engine::new();
                engine.count(&stage, 201);
                engine.end(&stage);
            })
        };
        helper(&mut streams);
        threads.into_iter().chain([last]).for_each(|thread| thread.join().unwrap());
        helper(&mut streams);
        let lost = stage.drops().total();
        assert_eq!(fold.folded() + lost, 3, "each event is folded once, or lost");
        assert_eq!(fold.counters(), 3 - lost as usize);
    });
}

impl Engine {
    /// Records a sample of a counter of its own, at the time of that number.
    fn count(&self, stage: &Stage, number: u64) {
        let counter = CounterId(number as u32);
        self.record(
            stage,
            Event::CounterSample { counter, value: CounterValue::Integer(number) },
            Ticks(number),
        );
    }
}
