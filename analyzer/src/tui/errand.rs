//! A passage through the whole trace, on a thread of its own: what was asked for last is done, everything else is given up, and it
//! is known how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{spawn, wake::Wake};
use crate::Progress;

/// A thread that works when there is a wish, and the desk between it and the UI.
#[derive(Debug)]
pub(crate) struct Errand<Wish, Made>(Arc<Mutex<Desk<Wish, Made>>>);

#[derive(Debug)]
struct Desk<Wish, Made> {
    wish: Option<Wish>,
    working: bool,
    percent: u64,
    made: Option<(Wish, Made)>,
}

/// How the work says how far it is, and learns whether anybody still wants it.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(Progress) -> bool;

impl<Wish, Made> Default for Errand<Wish, Made> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Desk { wish: None, working: false, percent: 0, made: None })))
    }
}

impl<Wish: Copy + PartialEq + Send + 'static, Made: Send + 'static> Errand<Wish, Made> {
    /// Has this done by `work`, and wakes when it is. `None` of the work: it was given up.
    pub(crate) fn ask(
        &self,
        wish: Wish,
        wake: &Wake,
        work: impl Fn(Wish, Tell<'_>) -> Option<Made> + Send + 'static,
    ) {
        let mut desk = self.desk();
        desk.wish = Some(wish);
        if std::mem::replace(&mut desk.working, true) {
            return;
        }
        desk.percent = 0;
        let (errand, wake) = (Self(Arc::clone(&self.0)), wake.clone());
        spawn("memtrace-errand", move || errand.work(&wake, work));
    }

    /// Nobody wants anything.
    pub(crate) fn drop_wish(&self) {
        self.desk().wish = None;
    }

    /// What was made since it was last asked.
    pub(crate) fn take(&self) -> Option<(Wish, Made)> {
        self.desk().made.take()
    }

    /// How much is done, in percent.
    pub(crate) fn percent(&self) -> u64 {
        self.desk().percent
    }

    fn work(&self, wake: &Wake, work: impl Fn(Wish, Tell<'_>) -> Option<Made>) {
        while let Some(wish) = self.next() {
            let made = work(wish, &mut |progress| self.tell(wish, progress, wake));
            let mut desk = self.desk();
            if desk.wish == Some(wish) {
                desk.wish = None;
                desk.made = made.map(|made| (wish, made));
            }
            drop(desk);
            wake.wake();
        }
    }

    /// What to do next; none: the thread ends.
    fn next(&self) -> Option<Wish> {
        let mut desk = self.desk();
        desk.percent = 0;
        desk.working = desk.wish.is_some();
        desk.wish
    }

    fn tell(&self, wish: Wish, Progress { done, total }: Progress, wake: &Wake) -> bool {
        let percent = done.0.saturating_mul(100) / total.0.max(1);
        let mut desk = self.desk();
        let (before, wanted) = (std::mem::replace(&mut desk.percent, percent), desk.wish == Some(wish));
        drop(desk);
        if before != percent {
            wake.wake();
        }
        wanted
    }

    fn desk(&self) -> MutexGuard<'_, Desk<Wish, Made>> {
        // What lies there is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
