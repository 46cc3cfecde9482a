//! The activity of a module over time, at the resolution of a screen: the beginnings of its forwards, and its longest moves.

use super::costliest::Costliest;
use crate::{
    Nanos,
    timeline::{Move, Tick},
};

/// The most ticks of one module.
const TICKS: usize = 1024;

/// The most moves of one module that are kept one by one: the longest, for those are what a screen can show.
const MOVES: usize = 256;

/// The most ticks and the most moves that all modules keep together.
const ROOM: usize = 1 << 18;

/// How many ticks and moves may still be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActivityRoom {
    ticks: usize,
    moves: usize,
}

impl Default for ActivityRoom {
    fn default() -> Self {
        Self { ticks: ROOM, moves: ROOM }
    }
}

/// What a module did over time.
#[derive(Debug)]
pub(crate) struct Activity {
    /// A bin and how many forwards began in it, in the order of time. A bin is 2^`shift` ns.
    ticks: Vec<(u64, u64)>,
    shift: u32,
    moves: Costliest<Ranked>,
}

/// A move; the longer is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ranked(Move);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank =
            |Self(it): &Self| (it.to_ns.since(it.from_ns), it.bytes, it.from_ns, it.to_ns, it.from, it.to);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self { ticks: Vec::new(), shift: 0, moves: Costliest::new(MOVES) }
    }
}

impl Activity {
    /// A forward began. Time does not go backwards.
    pub(crate) fn tick(&mut self, time: Nanos, room: &mut ActivityRoom) {
        let bin = time.0 >> self.shift;
        if let Some((_, count)) = self.ticks.last_mut().filter(|(last, _)| *last == bin) {
            *count += 1;
        } else if self.ticks.len() < TICKS && room.ticks > 0 {
            room.ticks -= 1;
            self.ticks.push((bin, 1));
        } else if !self.ticks.is_empty() {
            self.tick_in_wider_bins(time, room);
        }
        // Nothing is kept of a module for which there never was room.
    }

    /// It moved.
    pub(crate) fn moved(&mut self, moved: Move, room: &mut ActivityRoom) {
        if self.moves.len() < MOVES {
            let Some(left) = room.moves.checked_sub(1) else {
                self.moves.left_out += 1;
                return;
            };
            room.moves = left;
        }
        self.moves.add(Ranked(moved));
    }

    /// When forwards began, in the order of time.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let begin = |bin: u64| Nanos(bin << self.shift);
        let width = (1 << self.shift) - 1;
        self.ticks
            .iter()
            .map(|&(bin, count)| Tick { from_ns: begin(bin), to_ns: begin(bin).plus(Nanos(width)), count })
            .collect()
    }

    /// The longest moves, in the order of time, and how many there were besides.
    pub(crate) fn moves(&self) -> (Vec<Move>, u64) {
        let mut moves: Vec<Move> = self.moves.kept().map(|Ranked(moved)| *moved).collect();
        moves.sort_unstable_by_key(|moved| (moved.from_ns, moved.to_ns));
        (moves, self.moves.left_out)
    }

    /// Makes bins wider until one of them is free, or that of `time` is there.
    fn tick_in_wider_bins(&mut self, time: Nanos, room: &mut ActivityRoom) {
        let before = self.ticks.len();
        loop {
            self.widen();
            let bin = time.0 >> self.shift;
            let freed = before - self.ticks.len();
            if let Some((_, count)) = self.ticks.last_mut().filter(|(last, _)| *last == bin) {
                *count += 1;
                room.ticks += freed;
                return;
            }
            if freed > 0 || self.shift == u64::BITS - 1 {
                self.ticks.push((bin, 1));
                room.ticks += freed.saturating_sub(1);
                return;
            }
        }
    }

    fn widen(&mut self) {
        self.shift += 1;
        let mut wide: Vec<(u64, u64)> = Vec::with_capacity(self.ticks.len());
        for &(bin, count) in &self.ticks {
            match wide.last_mut() {
                Some((last, sum)) if *last == bin / 2 => *sum += count,
                _ => wide.push((bin / 2, count)),
            }
        }
        self.ticks = wide;
    }
}

#[cfg(test)]
mod tests {
    use memtrace_format::{Bytes, Tier};

    use super::*;

    #[test]
    fn few_ticks_are_kept_as_they_are_and_many_are_counted_together() {
        let (mut activity, mut room) = (Activity::default(), ActivityRoom::default());
        [5, 5, 9].into_iter().for_each(|time| activity.tick(Nanos(time), &mut room));
        let tick = |at, count| Tick { from_ns: Nanos(at), to_ns: Nanos(at), count };
        assert_eq!(activity.ticks(), [tick(5, 2), tick(9, 1)]);
        for time in 0..100_000_u64 {
            activity.tick(Nanos(10 + time * 1000), &mut room);
        }
        let ticks = activity.ticks();
        assert!(ticks.len() <= TICKS && ticks.len() > TICKS / 4, "{}", ticks.len());
        assert_eq!(ticks.iter().map(|tick| tick.count).sum::<u64>(), 100_003);
        assert!(ticks.windows(2).all(|pair| pair[0].to_ns < pair[1].from_ns));
        assert_eq!(room.ticks, ROOM - ticks.len());
        activity.tick(Nanos(u64::MAX), &mut room);
        assert_eq!(activity.ticks().iter().map(|tick| tick.count).sum::<u64>(), 100_004);
    }

    #[test]
    fn a_module_with_room_for_one_tick_counts_all_in_it() {
        let (mut activity, mut room) = (Activity::default(), ActivityRoom { ticks: 1, moves: 0 });
        [3, 1 << 40, (1 << 40) + 5].into_iter().for_each(|time| activity.tick(Nanos(time), &mut room));
        assert_eq!(activity.ticks().iter().map(|tick| tick.count).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn where_there_is_no_room_nothing_is_kept_and_it_is_counted() {
        let (mut activity, mut room) = (Activity::default(), ActivityRoom { ticks: 0, moves: 1 });
        activity.tick(Nanos(1), &mut room);
        assert!(activity.ticks().is_empty());
        let moved = |from, to| Move {
            from: Tier::Host,
            to: Tier::Device(0),
            from_ns: Nanos(from),
            to_ns: Nanos(to),
            bytes: Bytes(1),
        };
        activity.moved(moved(0, 5), &mut room);
        activity.moved(moved(10, 11), &mut room);
        assert_eq!(activity.moves(), (vec![moved(0, 5)], 1));
    }

    #[test]
    fn the_longest_moves_stay_in_the_order_of_time() {
        let (mut activity, mut room) = (Activity::default(), ActivityRoom::default());
        for n in 0..1000_u64 {
            let (from, to) = (Tier::Host, Tier::Device(0));
            let long = if n % 4 == 0 { 50 } else { 1 };
            let moved =
                Move { from, to, from_ns: Nanos(n * 100), to_ns: Nanos(n * 100 + long), bytes: Bytes(1) };
            activity.moved(moved, &mut room);
        }
        let (moves, left_out) = activity.moves();
        assert_eq!((moves.len(), left_out), (MOVES, 1000 - MOVES as u64));
        assert_eq!(moves.iter().filter(|moved| moved.to_ns.since(moved.from_ns).0 == 50).count(), 250);
        assert!(moves.is_sorted_by_key(|moved| moved.from_ns));
    }
}
