use loom::{sync::Arc, thread};
use memtrace_format::{ChunkHeader, DropCause, Record};

use super::{
    every_order,
    stage::{Engine, Stage},
};

/// Records that fit into a chunk of a model.
const FULL: u64 = (crate::log::Chunk::BODY_BYTES / Record::BYTES) as u64;

/// Marks from `first` on, on a thread of their own, which then ends.
fn record(stage: &Arc<Stage>, first: u64, count: u64) -> thread::JoinHandle<()> {
    let stage = Arc::clone(stage);
    thread::spawn(move || {
        let engine = Engine::new();
        (first..first + count).for_each(|number| engine.mark(&stage, number));
        engine.end(&stage);
    })
}

/// The helper's part: it seals what came back. Returns how many records it found in each sealed chunk.
fn seal(stage: &Stage, sealed: &mut Vec<u64>) {
    stage.log.seal_retired(|slot, used| {
        let header = stage.watched(slot.0 as usize).header(stage.log.short_session());
        let ChunkHeader { seal, .. } = header.expect("a thread gave it back, so it has a header");
        assert_eq!(seal.expect("it is sealed").length as usize, used);
        sealed.push((used / Record::BYTES) as u64);
    });
}

#[test]
fn what_two_threads_record_is_sealed_once() {
    every_order(2, || {
        let stage = Arc::new(Stage::ready(3));
        let threads = [record(&stage, 1, FULL + 1), record(&stage, 101, 1)];
        let mut sealed = Vec::new();
        seal(&stage, &mut sealed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        stage.log.retire_left();
        seal(&stage, &mut sealed);
        sealed.sort_unstable();
        // The record that says that a chunk is another thread's takes the place of one.
        let outcomes: [&[u64]; 3] = [&[1, 1, FULL], &[3, FULL], &[FULL - 1, FULL]];
        assert!(outcomes.contains(&&*sealed), "{sealed:?}");
        assert_eq!(stage.marks(), ((1..=FULL + 1).chain([101]).collect(), 0));
        assert_eq!(stage.drops().total(), 0);
    });
}

#[test]
fn what_one_thread_leaves_is_another_s() {
    every_order(3, || {
        let stage = Arc::new(Stage::ready(1));
        let threads = [record(&stage, 1, 1), record(&stage, 101, 1)];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut sealed = Vec::new();
        stage.log.retire_left();
        seal(&stage, &mut sealed);
        let lost = stage.drops().total();
        match stage.marks() {
            (marks, 0) if lost == 0 => assert_eq!((&*marks, &*sealed), (&[1, 101][..], &[3][..])),
            (marks, 0) if lost == 1 => assert_eq!((marks.len(), &*sealed), (1, &[1][..])),
            other => panic!("{other:?}, {lost} lost"),
        }
    });
}

#[test]
fn what_finds_no_chunk_is_counted_and_told() {
    every_order(2, || {
        let stage = Arc::new(Stage::new(2));
        stage.hand_out(stage.chunk(0));
        let threads = [record(&stage, 1, 2), record(&stage, 101, 2)];
        stage.hand_out(stage.chunk(1));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let (marks, told) = stage.marks();
        let drops = stage.drops();
        assert_eq!(marks.len() as u64 + drops.total(), 4, "{marks:?}, {drops:?}");
        assert_eq!(drops.of(DropCause::NoChunk), drops.total());
        assert!(told <= drops.total());
    });
}

#[test]
fn a_thread_does_not_take_the_losses_of_the_one_before_it_for_its_own() {
    every_order(3, || {
        let stage = Arc::new(Stage::new(1));
        // Both lose one event at first. When one has ended, the other may count where it did.
        let first = record(&stage, 1, 1);
        let second = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                let engine = Engine::new();
                engine.mark(&stage, 101);
                stage.hand_out(stage.chunk(0));
                engine.mark(&stage, 102);
            })
        };
        first.join().unwrap();
        second.join().unwrap();
        let header = stage.watched(0).header(stage.log.short_session()).unwrap();
        match stage.marks() {
            (marks, 0) if marks == [1] => assert_eq!(header.drops.total(), 0),
            (marks, 1) if marks == [102] => assert_eq!(header.drops.total(), 1),
            // It goes on in the other's chunk.
            (marks, 1) if marks == [1, 102] => assert_eq!(header.drops.total(), 0),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_end_of_a_recording_leaves_no_chunk_to_two() {
    every_order(2, || {
        let stage = Arc::new(Stage::ready(2));
        let thread = record(&stage, 1, 2);
        // As in the helper's end: what nobody took is out of reach, then what came back is sealed.
        let unused: Vec<_> = std::iter::from_fn(|| stage.log.withdraw()).map(|chunk| chunk.slot).collect();
        let mut sealed = Vec::new();
        seal(&stage, &mut sealed);
        thread.join().unwrap();
        for slot in &unused {
            let header = stage.watched(slot.0 as usize).header(stage.log.short_session());
            assert!(header.is_none(), "the thread writes to a chunk that is cut off");
        }
        let (marks, _) = stage.marks();
        assert_eq!(marks.len() as u64 + stage.drops().total(), 2);
    });
}
