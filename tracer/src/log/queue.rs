//! A queue between threads in which nobody waits for anybody: Dmitry Vyukov's bounded queue of many producers and many
//! consumers (2010).
//!
//! A thread that is held up in the middle of `push` or `pop`, for however long, makes the others find the queue full or
//! empty, and nothing else. (Well-kept queues, crossbeam's `ArrayQueue` among them, spin and yield there until that thread
//! goes on: an engine's thread would wait for the helper.)

use std::{cmp::Ordering::*, mem::MaybeUninit};

use crate::sync::{AtomicUsize, Ordering, UnsafeCell};

/// The queue. What is in it when it is dropped is forgotten.
pub(crate) struct Queue<T> {
    cells: Box<[Cell<T>]>,
    /// Elements ever put in: the place of the next. Both counts wrap.
    tail: Line<AtomicUsize>,
    /// Elements ever taken out.
    head: Line<AtomicUsize>,
}

/// The cell of the elements whose place is its index, and then every capacity further.
struct Cell<T> {
    /// Whose turn it is. `place`: the cell is free for the element of that place. `place + 1`: that element is in it.
    ///
    /// The only thing that orders accesses to `value`: who changes the turn does so last, with Release, and who finds that
    /// it is their turn found that with Acquire. So a consumer sees the element whole, and a producer comes after the
    /// consumer of a lap ago has read its element.
    turn: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// Alone on a cache line, which 128 bytes are on processors that fetch pairs of them.
#[repr(align(128))]
struct Line<T>(T);

// SAFETY: elements are passed from thread to thread, and never looked at by two (see `Cell::turn`).
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    /// A queue for so many elements, which is a power of two and more than one.
    pub(crate) fn new(capacity: usize) -> Self {
        assert!(capacity > 1 && capacity.is_power_of_two(), "places wrap at a power of two");
        let cell =
            |place| Cell { turn: AtomicUsize::new(place), value: UnsafeCell::new(MaybeUninit::uninit()) };
        Self {
            cells: (0..capacity).map(cell).collect(),
            tail: Line(AtomicUsize::new(0)),
            head: Line(AtomicUsize::new(0)),
        }
    }

    /// Puts an element in. `Err`: the queue is full, or the element of a lap ago is still being read.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        // Relaxed, here and in `pop`: a count is a guess until the exchange confirms it, and orders nothing. A turn that is
        // ahead was left by somebody who had moved the count first, so a second look at the count sees it moved: every time
        // round the loop, another thread got on.
        let mut place = self.tail.0.load(Ordering::Relaxed);
        loop {
            let cell = self.cell(place);
            match distance(cell.turn.load(Ordering::Acquire), place) {
                Less => return Err(value),
                Equal => match self.claim(&self.tail.0, place) {
                    Ok(()) => {
                        // SAFETY: it is this place's turn, and the exchange gave the place to this thread alone.
                        cell.value.with_mut(|free| unsafe { (*free).write(value) });
                        cell.turn.store(place.wrapping_add(1), Ordering::Release);
                        return Ok(());
                    }
                    Err(now) => place = now,
                },
                Greater => place = self.tail.0.load(Ordering::Relaxed),
            }
        }
    }

    /// Takes the oldest element out. `None`: the queue is empty, or that element is still being put in.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut place = self.head.0.load(Ordering::Relaxed);
        loop {
            let cell = self.cell(place);
            match distance(cell.turn.load(Ordering::Acquire), place.wrapping_add(1)) {
                Less => return None,
                Equal => match self.claim(&self.head.0, place) {
                    Ok(()) => {
                        // SAFETY: the element of this place is in the cell, and the exchange gave it to this thread alone.
                        let value = cell.value.with(|full| unsafe { (*full).assume_init_read() });
                        cell.turn.store(place.wrapping_add(self.cells.len()), Ordering::Release);
                        return Some(value);
                    }
                    Err(now) => place = now,
                },
                Greater => place = self.head.0.load(Ordering::Relaxed),
            }
        }
    }

    /// How many elements there are, more or less while others put in and take out.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.0.load(Ordering::Relaxed);
        self.tail.0.load(Ordering::Relaxed).wrapping_sub(head)
    }

    fn cell(&self, place: usize) -> &Cell<T> {
        &self.cells[place & (self.cells.len() - 1)]
    }

    /// Makes `place` this thread's. `Err`: another thread's it is; the count as it is now.
    fn claim(&self, count: &AtomicUsize, place: usize) -> Result<(), usize> {
        let next = place.wrapping_add(1);
        count.compare_exchange(place, next, Ordering::Relaxed, Ordering::Relaxed).map(drop)
    }
}

/// Where a turn lies from a place, over the wrap.
fn distance(turn: usize, place: usize) -> std::cmp::Ordering {
    turn.wrapping_sub(place).cast_signed().cmp(&0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn elements_come_out_in_their_order_lap_after_lap() {
        let queue = Queue::new(4);
        for lap in 0..10 {
            assert_eq!(queue.pop(), None);
            for element in 0..4 {
                assert_eq!(queue.push(lap * 4 + element), Ok(()));
            }
            assert_eq!(queue.push(99), Err(99));
            assert_eq!(queue.len(), 4);
            for element in 0..4 {
                assert_eq!(queue.pop(), Some(lap * 4 + element));
            }
        }
    }
}
