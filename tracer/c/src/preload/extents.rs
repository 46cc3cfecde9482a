//! Ranges of addresses that are recorded as live, with something about each: mappings, and what the driver handed out.
//!
//! Whoever maps or asks the driver takes a lock of the kernel's or of the driver's, so a lock of its own and a sorted list serve
//! ([`list`]). A thread that has the lock gets no signal meanwhile: no handler finds it taken further up its own stack, or leaves
//! with it by a jump. So whoever waits, waits for a thread that is about to be done. What cannot be kept all the same is
//! counted as lost.

mod list;

use std::{
    cell::UnsafeCell,
    hint,
    ops::Range,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
    thread,
    time::Duration,
};

use memtrace_tracer::DropCause;

use self::list::{Entry, List};
use super::{keeping_errno, pages};

/// The addresses of one of them.
pub(crate) type Extent = Range<usize>;

/// How often the lock is tried for: at once; after all others that can run did; and after a nap, a second in all.
const SPINS: usize = 64;
const YIELDS: usize = 256;
const NAPS: usize = 10_000;
const NAP: Duration = Duration::from_micros(100);

/// Extents that do not overlap, each with a `T`.
pub(crate) struct Extents<T>(AtomicPtr<Shared<T>>);

/// In pages that begin as zeros, and are zeros again in a forked child: a lock that nobody has, and an empty list.
#[repr(C)]
struct Shared<T> {
    locked: AtomicBool,
    /// Somebody waited for the lock in vain, and nobody got it since.
    stuck: AtomicBool,
    list: UnsafeCell<List<T>>,
}

/// One that was taken out.
pub(crate) struct Taken<T> {
    pub(crate) extent: Extent,
    pub(crate) about: T,
    /// Whether there is another one in the range that was asked for.
    pub(crate) is_one_of_several: bool,
}

impl<T: Copy> Extents<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Keeps an extent. `false`: there is no room. Then it must not be recorded, and is counted as lost.
    pub(crate) fn insert(&self, extent: &Extent, about: T) -> bool {
        let entry = Entry { start: extent.start, end: extent.end, about };
        let inserted = self.shared_or_made().and_then(|shared| shared.with(|list| list.insert(entry)));
        let kept = inserted == Some(true);
        if !kept {
            memtrace_tracer::lose(DropCause::Failed);
        }
        kept
    }

    /// Takes out one that overlaps `range`, the highest first.
    pub(crate) fn take(&self, range: &Extent) -> Option<Taken<T>> {
        self.find(range, |list, place| {
            let Entry { start, end, about } = list.remove(place);
            Taken { extent: start..end, about, is_one_of_several: list.first_in(range).is_some() }
        })
    }

    /// What `address` is in.
    pub(crate) fn around(&self, address: usize) -> Option<(Extent, T)> {
        self.find(&(address..address.checked_add(1)?), |list, place| {
            let Entry { start, end, about } = list.at(place);
            (start..end, about)
        })
    }

    fn find<R>(&self, range: &Extent, found: impl FnOnce(&mut List<T>, list::Place) -> R) -> Option<R> {
        let shared = self.shared()?;
        match shared.with(|list| list.first_in(range).map(|place| found(list, place))) {
            Some(answer) => answer,
            None => {
                // It may have been one that is recorded, whose end is not.
                memtrace_tracer::lose(DropCause::Failed);
                None
            }
        }
    }

    /// `None`: nothing was ever in it.
    fn shared(&self) -> Option<&Shared<T>> {
        // SAFETY: null, or pages that are never given back.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    fn shared_or_made(&self) -> Option<&Shared<T>> {
        self.shared().or_else(|| {
            let made = keeping_errno(|| pages::zeroed(size_of::<Shared<T>>())).cast();
            // If another thread's are there first, these cost nothing but addresses.
            let _ = self.0.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
            self.shared()
        })
    }
}

impl<T: Copy> Shared<T> {
    /// Runs `work` with the list. `None`: the lock cannot be had.
    fn with<R>(&self, work: impl FnOnce(&mut List<T>) -> R) -> Option<R> {
        memtrace_tracer::without_handlers(|| {
            self.lock().then(|| {
                // SAFETY: this thread has the lock, and `work` does not come here again.
                let result = work(unsafe { &mut *self.list.get() });
                self.locked.store(false, Ordering::Release);
                result
            })
        })
    }

    #[inline]
    fn lock(&self) -> bool {
        self.try_lock() || keeping_errno(|| self.wait())
    }

    fn try_lock(&self) -> bool {
        !self.locked.load(Ordering::Relaxed) && !self.locked.swap(true, Ordering::Acquire)
    }

    /// Waits for the lock, but not for ever: a child of vfork may have been killed while it had it.
    #[cold]
    fn wait(&self) -> bool {
        let wait: [(usize, fn()); 3] = [
            (SPINS, hint::spin_loop),
            (YIELDS, thread::yield_now),
            (if self.stuck.load(Ordering::Relaxed) { 0 } else { NAPS }, || thread::sleep(NAP)),
        ];
        for (times, pause) in wait {
            for _ in 0..times {
                pause();
                if self.try_lock() {
                    self.stuck.store(false, Ordering::Relaxed);
                    return true;
                }
            }
        }
        self.stuck.store(true, Ordering::Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_taken_out() {
        let extents = Extents::new();
        for (extent, about) in [(0x5000..0x7000, 'b'), (0x1000..0x2000, 'a'), (0x8000..0xa000, 'c')] {
            assert!(extents.insert(&extent, about));
        }
        let take = |range| {
            let taken = extents.take(&range)?;
            Some((taken.extent, taken.about, taken.is_one_of_several))
        };
        assert_eq!(take(0x2000..0x5000), None);
        assert_eq!(extents.around(0x6fff), Some((0x5000..0x7000, 'b')));
        assert_eq!(extents.around(0x7000), None);
        assert_eq!(take(0x6000..0x9000), Some((0x8000..0xa000, 'c', true)));
        assert_eq!(take(0x6000..0x9000), Some((0x5000..0x7000, 'b', false)));
        assert_eq!(take(0x6000..0x9000), None);
        assert_eq!(take(0..usize::MAX), Some((0x1000..0x2000, 'a', false)));
    }

    /// Nobody gives up because others are there too.
    #[test]
    fn many_threads_wait_for_each_other() {
        static EXTENTS: Extents<usize> = Extents::new();
        const THREADS: usize = 16;
        const EACH: usize = 2000;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for number in 0..EACH {
                        let start = (number * THREADS + thread + 1) << 16;
                        assert!(EXTENTS.insert(&(start..start + 4096), thread));
                        if number % 2 == 0 {
                            let taken = EXTENTS.take(&(start..start + 1)).expect("it is there");
                            assert_eq!((taken.extent.start, taken.about), (start, thread));
                        }
                    }
                });
            }
        });
        let left = std::iter::from_fn(|| EXTENTS.take(&(0..usize::MAX))).count();
        assert_eq!(left, THREADS * EACH / 2);
    }

    /// A lock that nobody puts back is waited for once, and then not again.
    #[test]
    fn a_lock_that_stays_taken_costs_little() {
        let extents = Extents::new();
        assert!(extents.insert(&(0x1000..0x2000), ()));
        let shared = extents.shared().expect("it was used");
        assert!(shared.lock());
        assert!(!extents.insert(&(0x3000..0x4000), ()));
        let begin = std::time::Instant::now();
        assert!((0..10).all(|_| extents.take(&(0x1000..0x2000)).is_none()));
        assert!(begin.elapsed() < NAP * NAPS as u32);
        shared.locked.store(false, Ordering::Release);
        assert!(extents.take(&(0x1000..0x2000)).is_some());
    }
}
