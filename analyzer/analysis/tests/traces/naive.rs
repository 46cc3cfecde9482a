//! A heap as a list of places, to hold the analyzer against.

use std::collections::BTreeMap;

use memtrace_format::Event;
use proptest::prelude::*;

use crate::recording::{DEVICE, alloc, block, free, segment};

/// What a small allocator over a few segments did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Reserve { segment: u64, expandable: bool },
    Release { segment: u64 },
    Alloc { place: u64, length: u64, slack: u64 },
    Free { index: usize, by_stream: bool },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0u64..6, any::<bool>()).prop_map(|(segment, expandable)| Step::Reserve { segment, expandable }),
        1 => (0u64..6).prop_map(|segment| Step::Release { segment }),
        8 => (0u64..96, 1u64..7, 0u64..3)
            .prop_map(|(place, length, slack)| Step::Alloc { place, length, slack }),
        6 => (0usize..64, any::<bool>()).prop_map(|(index, by_stream)| Step::Free { index, by_stream }),
    ]
}

pub(crate) const SEGMENT: u64 = 16;
pub(crate) const BASE: u64 = 1 << 20;

/// The heap as a list of places, looked at from scratch after every event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    /// Segment number to whether it is expandable.
    pub(crate) segments: BTreeMap<u64, bool>,
    /// Place to length and requested.
    pub(crate) live: BTreeMap<u64, (u64, u64)>,
    pub(crate) pending: BTreeMap<u64, u64>,
}

impl Naive {
    /// Start and length of every segment, in order; expandable neighbours are one.
    pub(crate) fn joined_segments(&self) -> Vec<(u64, u64)> {
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (&number, &expandable) in &self.segments {
            let before = number.checked_sub(1).and_then(|before| self.segments.get(&before));
            match joined.last_mut() {
                Some((_, length)) if expandable && before == Some(&true) => *length += SEGMENT,
                _ => joined.push((number * SEGMENT, SEGMENT)),
            }
        }
        joined
    }

    /// Whether a block covers the place.
    pub(crate) fn is_used(&self, place: u64) -> bool {
        let live = self.live.iter().map(|(start, (length, _))| (*start, *length));
        let pending = self.pending.iter().map(|(start, length)| (*start, *length));
        live.chain(pending).any(|(start, length)| (start..start + length).contains(&place))
    }

    /// Start and length of every hole, in order.
    pub(crate) fn hole_ranges(&self) -> Vec<(u64, u64)> {
        let mut holes: Vec<(u64, u64)> = Vec::new();
        for (start, length) in self.joined_segments() {
            let mut open = false;
            for place in start..start + length {
                let free = !self.is_used(place);
                match holes.last_mut() {
                    Some((_, length)) if free && open => *length += 1,
                    _ if free => holes.push((place, 1)),
                    _ => {}
                }
                open = free;
            }
        }
        holes
    }

    /// The length of every hole.
    pub(crate) fn holes(&self) -> Vec<u64> {
        self.hole_ranges().into_iter().map(|(_, length)| length).collect()
    }

    /// Whether the range lies in one hole.
    fn fits(&self, place: u64, length: u64) -> bool {
        let mut with = self.clone();
        let before = self.holes();
        with.live.insert(place, (length, length));
        let after = with.holes();
        let all_free = before.iter().sum::<u64>() == after.iter().sum::<u64>() + length;
        let joined = (place..place + length - 1).all(|at| {
            let (a, b) = (at / SEGMENT, (at + 1) / SEGMENT);
            a == b || (self.segments.get(&a) == Some(&true) && self.segments.get(&b) == Some(&true))
        });
        all_free && joined
    }

    /// Does it, unless it cannot be done.
    pub(crate) fn perform(&mut self, step: Step) -> Option<Event> {
        let event = match step {
            Step::Reserve { segment: number, expandable } if !self.segments.contains_key(&number) => {
                self.segments.insert(number, expandable);
                let part = segment(BASE + number * SEGMENT, SEGMENT);
                if expandable { Event::SegmentMap(part) } else { Event::SegmentAlloc(part) }
            }
            Step::Release { segment: number } => {
                let &expandable = self.segments.get(&number)?;
                let range = number * SEGMENT..(number + 1) * SEGMENT;
                let touches = |start: u64, length: u64| start < range.end && range.start < start + length;
                if self.live.iter().any(|(&start, &(length, _))| touches(start, length))
                    || self.pending.iter().any(|(&start, &length)| touches(start, length))
                {
                    return None;
                }
                self.segments.remove(&number);
                let part = segment(BASE + range.start, SEGMENT);
                if expandable { Event::SegmentUnmap(part) } else { Event::SegmentFree(part) }
            }
            Step::Alloc { place, length, slack } if self.fits(place, length) => {
                let requested = length.saturating_sub(slack);
                self.live.insert(place, (length, requested));
                alloc(DEVICE, BASE + place, length, requested)
            }
            Step::Free { index, by_stream } if !self.live.is_empty() => {
                let &place = self.live.keys().nth(index % self.live.len())?;
                let (length, _) = self.live.remove(&place)?;
                if by_stream {
                    self.pending.insert(place, length);
                    Event::BlockFreeRequested(block(DEVICE, BASE + place))
                } else {
                    free(DEVICE, BASE + place)
                }
            }
            Step::Free { index, .. } if !self.pending.is_empty() => {
                let &place = self.pending.keys().nth(index % self.pending.len())?;
                self.pending.remove(&place);
                Event::BlockFreeCompleted(block(DEVICE, BASE + place))
            }
            _ => return None,
        };
        Some(event)
    }
}
