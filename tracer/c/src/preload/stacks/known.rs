//! The stacks that were met with, by a number made of their frames: a table of plain atomics, which is read and filled without a
//! lock. In a forked child, whose log knows none of them, the kernel wipes it.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

use memtrace_tracer::{Frame, NameId, Stack, StackId};

use crate::preload::pages;

/// How many frames, each with all around it, can be told apart; 16 bytes each, in pages that appear when they are written to.
const CAPACITY: usize = 1 << 20;

/// How many places are tried.
const TRIES: usize = 32;

struct Entry {
    /// Of the frame and all around it; 0: nobody's.
    key: AtomicU64,
    /// 0 until it is defined.
    stack: AtomicU32,
}

static TABLE: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

/// The stack of these frames, given as numbers that tell them apart, the innermost first. What is met with for the first time is
/// written down as `describe` says of its place. Where there is no room, it is the stack of the outer calls.
#[inline]
pub(super) fn stack(frames: &[u64], mut describe: impl FnMut(usize) -> Frame) -> Stack {
    let Some(table) = table() else { return Stack::NONE };
    let key = key_of_all(frames);
    if let Some(known) = entry(table, key).and_then(Entry::known) {
        return known;
    }
    let (mut key, mut stack) = (0, Stack::NONE);
    for (place, &frame) in frames.iter().enumerate().rev() {
        key = key_of(key, frame);
        let Some(entry) = entry(table, key) else { break };
        stack = entry.known().unwrap_or_else(|| entry.keep(define(table, stack, &describe(place))));
        if stack == Stack::NONE {
            break;
        }
    }
    stack
}

/// The stack of a frame in `parent`. Numbers tell calls apart that are of one line; what says the same is one stack.
fn define(table: &'static [Entry], parent: Stack, frame: &Frame) -> Stack {
    let (Some(function), Some(file)) = (frame.function, frame.file) else {
        return Stack::define(parent, frame);
    };
    let name = |name| u64::from(NameId::from(name).0);
    let words = [name(function), name(file), u64::from(frame.line)];
    let key = words.into_iter().fold(!u64::from(StackId::from(parent).0), key_of);
    match entry(table, key) {
        Some(entry) => entry.known().unwrap_or_else(|| entry.keep(Stack::define(parent, frame))),
        None => Stack::define(parent, frame),
    }
}

/// The number of a frame and all around it. Two of a million stacks have the same once in some ten million runs.
#[inline(always)]
fn key_of(around: u64, frame: u64) -> u64 {
    let mixed = (around.rotate_left(23) ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).max(1)
}

fn key_of_all(frames: &[u64]) -> u64 {
    frames.iter().rev().fold(0, |around, &frame| key_of(around, frame))
}

/// The entry of this key, or one that is its own from now on.
#[inline]
fn entry(table: &'static [Entry], key: u64) -> Option<&'static Entry> {
    (0..TRIES).map(|tries| &table[(key as usize).wrapping_add(tries) % CAPACITY]).find(|entry| {
        match entry.key.load(Ordering::Relaxed) {
            0 => {
                let claimed = entry.key.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed);
                claimed.is_ok() || claimed == Err(key)
            }
            other => other == key,
        }
    })
}

impl Entry {
    #[inline(always)]
    fn known(&self) -> Option<Stack> {
        let stack = self.stack.load(Ordering::Acquire);
        (stack != 0).then(|| Stack::from(StackId(stack)))
    }

    /// Two threads may both define it; the first wins.
    fn keep(&self, defined: Stack) -> Stack {
        let id = StackId::from(defined).0;
        match self.stack.compare_exchange(0, id, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => defined,
            Err(first) => Stack::from(StackId(first)),
        }
    }
}

#[inline(always)]
fn table() -> Option<&'static [Entry]> {
    let mut start = TABLE.load(Ordering::Acquire);
    if start.is_null() {
        start = make();
    }
    // SAFETY: pages of zeros, which are entries that are nobody's; they are never given back.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, CAPACITY) })
}

#[cold]
fn make() -> *mut Entry {
    let made: *mut Entry = pages::zeroed(CAPACITY * size_of::<Entry>()).cast();
    match TABLE.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        // Another thread's is there; this one was never written to, and costs nothing but addresses.
        Err(first) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_a_frame_and_all_around_it() {
        let key = key_of_all;
        assert_ne!(key(&[1, 2]), key(&[2, 1]));
        assert_ne!(key(&[1, 2]), key(&[1]));
        assert_ne!(key(&[1, 1]), key(&[1]));
        let table = table().expect("pages");
        let entry_of = |frames: &[u64]| entry(table, key(frames)).map(ptr::from_ref);
        assert_eq!(entry_of(&[1, 2]), entry_of(&[1, 2]));
        assert_ne!(entry_of(&[1, 2]), entry_of(&[2, 1]));
    }
}
