//! Places in a trace from which a replay can start, so that the state at any time is near.

mod taking;

use std::{
    fs::File,
    num::NonZeroU64,
    ops::ControlFlow::{Break, Continue},
    os::unix::fs::FileExt,
    sync::Arc,
};

use crate::{
    Nanos, ReadError, Trace,
    events::EventPlace,
    merge::{MergePlace, Order},
    passage::Passage,
    replay::{Moment, Owners, Replay, ScopeTree, Standing},
};
pub(crate) use taking::{PLACES, Taking};

/// Places in a trace from which a replay can start. One without any is good too: a replay starts at the beginning then.
///
/// They lie in a file without a name, in the folder for temporary files; it goes with them.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    times: Vec<Nanos>,
    taken: Option<Arc<Taken>>,
    /// The order of the events, so that who knows the checkpoints need not look for it.
    order: Option<Arc<Order>>,
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
    standing: Standing,
}

impl Checkpoints {
    /// When they are, in the order of time.
    pub fn times(&self) -> &[Nanos] {
        &self.times
    }

    /// A passage from the last one that is not behind `time`. `None`: there is none, or it cannot be read.
    pub(crate) fn resume<'a>(&self, trace: &'a Trace, time: Nanos) -> Option<Passage<'a>> {
        let taken = self.taken.as_deref()?;
        let behind = taken.list.partition_point(|checkpoint| checkpoint.time <= time);
        let checkpoint = taken.list.get(behind.checked_sub(1)?)?;
        let mut written = vec![0; usize::try_from(checkpoint.bytes).ok()?];
        taken.file.read_exact_at(&mut written, checkpoint.at).ok()?;
        let mut replay = Replay::new(trace);
        (replay.owners, replay.scopes) = (taken.owners.clone(), taken.scopes.clone());
        replay.resume(&checkpoint.standing, &written)?;
        Some(Passage::resume(trace, replay, &checkpoint.place))
    }
}

impl Trace {
    /// Checkpoints so many events apart, whatever room they take. [`analyze`](Self::analyze) takes as many as pay.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn checkpoints(&self, every: NonZeroU64) -> Result<Checkpoints, ReadError> {
        let ((replay, _), taking) = Passage::replay_whole(
            self,
            Some(every.get().min(PLACES)),
            || Taking::every(every.get(), self),
            |_| (),
            |taking, replay, batch| taking.pass(replay, batch),
        )?;
        Ok(taking.finish(&replay))
    }

    /// A replay that stands at `time`: every event up to then has happened, those of that instant too.
    ///
    /// What is so at that time is so in it: the blocks and segments of the heaps and the numbers of their events, and what is
    /// open on the threads. What adds up over time, and what the analyses remember, is not: it may have begun anywhere before.
    pub(crate) fn replay_to(&self, checkpoints: &Checkpoints, time: Nanos) -> Result<Replay<'_>, ReadError> {
        self.replay_while(checkpoints, Some(time), |_, now| now.time <= time)
    }

    /// A replay that stands behind the event `number` of the heap with this index (counted as blocks and peaks count them, with
    /// what was not kept), or at its end. `time` is when that event happens.
    pub(crate) fn replay_to_event(
        &self,
        checkpoints: &Checkpoints,
        time: Nanos,
        heap: usize,
        number: u64,
    ) -> Result<Replay<'_>, ReadError> {
        self.replay_while(checkpoints, time.0.checked_sub(1).map(Nanos), |replay, _| {
            replay.heaps.get(heap).is_none_or(|heap| heap.watch.events <= number)
        })
    }

    /// A replay that stands right behind the event at this place.
    pub(crate) fn replay_to_place(
        &self,
        checkpoints: &Checkpoints,
        place: EventPlace,
    ) -> Result<Replay<'_>, ReadError> {
        let mut rank = 0;
        let goes_on = |_: &Replay<'_>, now: Moment| {
            let same = now.time == place.time;
            rank += u64::from(same);
            now.time < place.time || (same && rank - 1 <= place.rank)
        };
        self.replay_while(checkpoints, place.time.0.checked_sub(1).map(Nanos), goes_on)
    }

    /// A replay of every event up to the first for which `goes_on` is false; that is true for those up to `time`,
    /// if any are.
    fn replay_while(
        &self,
        checkpoints: &Checkpoints,
        time: Option<Nanos>,
        mut goes_on: impl FnMut(&Replay<'_>, Moment) -> bool,
    ) -> Result<Replay<'_>, ReadError> {
        if let Some(order) = &checkpoints.order {
            self.set_order(order);
        }
        let passage = match time.and_then(|time| checkpoints.resume(self, time)) {
            Some(passage) => passage,
            None => Passage::begin(self)?,
        };
        let (replay, _) = passage.run(
            |_| (),
            |replay, batch| {
                for step in &batch.steps {
                    if !goes_on(replay, step.now) {
                        return Break(());
                    }
                    replay.apply(step.now, &step.event);
                }
                Continue(())
            },
        )?;
        Ok(replay)
    }
}
