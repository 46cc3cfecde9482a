//! Checkpoints: places in a trace from which a replay can start. They bring the state at any time near.

mod writer;

use std::{
    fs::File,
    num::NonZeroU64,
    ops::ControlFlow::{Break, Continue},
    os::unix::fs::FileExt,
    sync::Arc,
};

use crate::{
    Nanos, ReadError,
    events::EventPlace,
    merge::MergePlace,
    model::EventContext,
    passes::ReplayDriver,
    replay::{Owners, Replay, ReplayCheckpoint, ScopeTree},
    source::Log,
};
pub(crate) use writer::{CheckpointWriter, PLACES};

/// Places in a trace from which a replay can start. One without any is good too: a replay starts at the beginning then.
///
/// They lie in a file without a name, in the folder for temporary files; it goes with them.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    times: Vec<Nanos>,
    taken: Option<Arc<Taken>>,
}

#[derive(Debug)]
struct Taken {
    file: File,
    list: Vec<Checkpoint>,
    /// Every owner and every scope that there was to the end: a replay adds the same ones in the same order.
    owners: Owners,
    scopes: ScopeTree,
}

/// A replay at an instant, and where its heaps lie in the file.
#[derive(Debug)]
struct Checkpoint {
    time: Nanos,
    place: MergePlace,
    at: u64,
    bytes: u64,
    outline: ReplayCheckpoint,
}

impl Checkpoints {
    /// When they are, in the order of time.
    pub fn times(&self) -> &[Nanos] {
        &self.times
    }

    /// A passage from the last one that is not behind `time`. `None`: there is none, or it cannot be read.
    pub(crate) fn resume<'a>(&self, log: &'a Log, time: Nanos) -> Option<ReplayDriver<'a, ()>> {
        let taken = self.taken.as_deref()?;
        let behind = taken.list.partition_point(|checkpoint| checkpoint.time <= time);
        let checkpoint = taken.list.get(behind.checked_sub(1)?)?;
        let mut written = vec![0; usize::try_from(checkpoint.bytes).ok()?];
        taken.file.read_exact_at(&mut written, checkpoint.at).ok()?;
        let mut replay = Replay::new(log);
        (replay.owners, replay.scopes) = (taken.owners.clone(), taken.scopes.clone());
        replay.resume(&checkpoint.outline, &written)?;
        Some(ReplayDriver::resume(log, replay, (), &checkpoint.place))
    }

    /// Checkpoints so many events apart, whatever room they take. [`analyze`](crate::analyze()) takes as many as pay.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub(crate) fn every(log: &Log, every: NonZeroU64) -> Result<Self, ReadError> {
        let mut driver = ReplayDriver::begin(log, ())?;
        driver.emit_places_every(every.get().min(PLACES));
        let mut writer = CheckpointWriter::every(every.get(), log);
        let replayed = driver.replay(|_| (), |replay, (), batch| writer.pass(replay, batch))?;
        Ok(writer.finish(&replayed.replay))
    }

    /// A replay that stands at `time`: every event up to then has happened, those of that instant too.
    ///
    /// What is so at that time is so in it: the blocks and segments of the heaps and the numbers of their events, and what is
    /// open on the threads. What adds up over time, and what the analyses remember, is not: it may have begun anywhere before.
    pub(crate) fn replay_to<'a>(&self, log: &'a Log, time: Nanos) -> Result<Replay<'a>, ReadError> {
        self.replay_while(log, Some(time), |_, now| now.time <= time)
    }

    /// A replay that stands behind the event `number` of the heap with this index (counted as blocks and peaks count them, with
    /// what was not kept), or at its end. `time` is when that event happens.
    pub(crate) fn replay_to_event<'a>(
        &self,
        log: &'a Log,
        time: Nanos,
        heap: usize,
        number: u64,
    ) -> Result<Replay<'a>, ReadError> {
        self.replay_while(log, time.0.checked_sub(1).map(Nanos), |replay, _| {
            replay.heaps.get(heap).is_none_or(|heap| heap.events <= number)
        })
    }

    /// A replay that stands right behind the event at this place.
    pub(crate) fn replay_to_place<'a>(
        &self,
        log: &'a Log,
        place: EventPlace,
    ) -> Result<Replay<'a>, ReadError> {
        let mut rank = 0;
        let goes_on = |_: &Replay<'_>, now: EventContext| {
            let same = now.time == place.time;
            rank += u64::from(same);
            now.time < place.time || (same && rank - 1 <= place.rank)
        };
        self.replay_while(log, place.time.0.checked_sub(1).map(Nanos), goes_on)
    }

    /// A replay of every event up to the first for which `goes_on` is false; that is true for those up to `time`,
    /// if any are.
    fn replay_while<'a>(
        &self,
        log: &'a Log,
        time: Option<Nanos>,
        mut goes_on: impl FnMut(&Replay<'_>, EventContext) -> bool,
    ) -> Result<Replay<'a>, ReadError> {
        let driver = match time.and_then(|time| self.resume(log, time)) {
            Some(driver) => driver,
            None => ReplayDriver::begin(log, ())?,
        };
        let replayed = driver.run(
            |_| (),
            |replay, (), batch| {
                for step in &batch.steps {
                    if !goes_on(replay, step.now) {
                        return Break(());
                    }
                    replay.apply(step.now, &step.event, &mut ());
                }
                Continue(())
            },
        )?;
        Ok(replayed.replay)
    }
}
