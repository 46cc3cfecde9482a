//! Follows one cycle in bounded memory, however often it repeats.

use std::sync::Arc;

use super::census::Census;
use crate::{Nanos, Text, replay::ScopeId, report::CycleSource};

/// The most ends that are kept one by one. When there are more, every second goes, and from then on every second is kept.
const POINTS: usize = 128;

/// The most censuses that are kept, evenly over the ends.
const CENSUSES: usize = 16;

/// Blocks that may be counted for one cycle whatever the trace, so that short traces are known fully.
const FREE_VISITS: u64 = 1 << 18;

/// Of so many events, one more block may be counted: censuses cost a small part of the replay.
const EVENTS_PER_VISIT: u64 = 64;

/// Follows one cycle.
#[derive(Debug)]
pub(crate) struct CycleWatch {
    pub(crate) source: CycleSource,
    pub(crate) name: Text,
    /// How often it ended.
    pub(crate) count: u64,
    pub(crate) first: Nanos,
    points: Vec<Point>,
    point_stride: u64,
    pub(crate) latest: Point,
    /// How many events each of the first heaps had at that end.
    pub(crate) latest_events: Vec<u64>,
    censuses: Vec<(u64, Arc<Census>)>,
    census_stride: u64,
    latest_census: Option<(u64, Arc<Census>)>,
    visits: u64,
    /// The span around it, if all of its ends lie in one.
    pub(crate) enclosure: Option<Enclosure>,
}

/// The heaps at an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    /// Which end, from 1.
    pub(crate) number: u64,
    pub(crate) time: Nanos,
    /// What the first heaps hold, in the order of the replay's.
    pub(crate) levels: Vec<u64>,
}

/// A span that holds all ends of a cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enclosure {
    span: u64,
    pub(crate) scope: ScopeId,
    /// When it ended, if it did.
    pub(crate) until: Option<Nanos>,
}

impl CycleWatch {
    pub(crate) fn new(source: CycleSource, name: Text) -> Self {
        Self {
            source,
            name,
            count: 0,
            first: Nanos(0),
            points: Vec::new(),
            point_stride: 1,
            latest: Point::default(),
            latest_events: Vec::new(),
            censuses: Vec::new(),
            census_stride: 1,
            latest_census: None,
            visits: 0,
            enclosure: None,
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.count == 0
    }

    /// It ends inside `span`, whose path is `scope`.
    pub(crate) fn end(
        &mut self,
        time: Nanos,
        span: Option<u64>,
        scope: ScopeId,
        levels: impl Iterator<Item = u64>,
    ) {
        if self.is_new() {
            self.first = time;
            self.enclosure = span.map(|span| Enclosure { span, scope, until: None });
        } else if self.enclosure.is_some_and(|enclosure| Some(enclosure.span) != span) {
            self.enclosure = None;
        }
        self.count += 1;
        self.latest.number = self.count;
        self.latest.time = time;
        self.latest.levels.clear();
        self.latest.levels.extend(levels);
        if (self.count - 1).is_multiple_of(self.point_stride) {
            if self.points.len() == POINTS {
                self.point_stride *= 2;
                let stride = self.point_stride;
                self.points.retain(|point| (point.number - 1).is_multiple_of(stride));
            }
            if (self.count - 1).is_multiple_of(self.point_stride) {
                self.points.push(self.latest.clone());
            }
        }
    }

    /// The end that was told of last came behind so many events of each heap.
    pub(super) fn end_behind(&mut self, events: impl Iterator<Item = u64>) {
        self.latest_events.clear();
        self.latest_events.extend(events);
    }

    /// The span around it ended.
    pub(crate) fn enclosure_ended(&mut self, span: u64, time: Nanos) {
        if let Some(enclosure) = self.enclosure.as_mut().filter(|enclosure| enclosure.span == span) {
            enclosure.until = Some(time);
        }
    }

    /// Whether `visits` of live blocks more are cheap beside the `events` so far.
    pub(super) fn can_afford(&mut self, events: u64, visits: u64) -> bool {
        let affordable = self.visits.saturating_add(visits) <= FREE_VISITS + events / EVENTS_PER_VISIT;
        self.visits += if affordable { visits } else { 0 };
        affordable
    }

    /// Keeps a census of this end.
    pub(crate) fn keep(&mut self, census: Arc<Census>) {
        let due = self.censuses.last().is_none_or(|(number, _)| self.count >= number + self.census_stride);
        if due {
            if self.censuses.len() == CENSUSES {
                self.census_stride *= 2;
                let mut number = 0;
                self.censuses.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
            }
            self.censuses.push((self.count, Arc::clone(&census)));
        }
        self.latest_census = Some((self.count, census));
    }

    /// The ends that were kept, the last one always, in the order of time.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> + Clone {
        let last = self.points.last().is_none_or(|last| last.number < self.latest.number);
        self.points.iter().chain(last.then_some(&self.latest))
    }

    /// The censuses that were kept, with the numbers of their ends, in the order of time.
    pub(crate) fn censuses(&self) -> impl Iterator<Item = (u64, &Census)> {
        let newest = self.censuses.last().map(|(number, _)| *number);
        let latest = self.latest_census.iter().filter(move |(number, _)| Some(*number) > newest);
        self.censuses.iter().chain(latest).map(|(number, census)| (*number, &**census))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(ends: u64) -> CycleWatch {
        let mut watch = CycleWatch::new(CycleSource::Mark, Text::new("m"));
        for number in 1..=ends {
            watch.end(Nanos(number * 10), None, ScopeId::NONE, [number].into_iter());
            watch.keep(Arc::new(Census::default()));
        }
        watch
    }

    #[test]
    fn however_many_ends_there_are_few_are_kept_evenly_and_the_last() {
        for ends in [1, 5, 128, 129, 1_000, 100_003] {
            let watch = watch(ends);
            let numbers: Vec<u64> = watch.points().map(|point| point.number).collect();
            assert!(numbers.len() <= POINTS + 1 && numbers.len() as u64 >= ends.min(POINTS as u64 / 2));
            assert_eq!((numbers[0], *numbers.last().unwrap()), (1, ends));
            let steps: Vec<u64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let even = &steps[..steps.len().saturating_sub(1)];
            assert!(even.windows(2).all(|pair| pair[0] == pair[1]), "{steps:?}");
            assert!(
                watch
                    .points()
                    .all(|point| point.levels == [point.number] && point.time.0 == point.number * 10)
            );
            let censuses: Vec<u64> = watch.censuses().map(|(number, _)| number).collect();
            assert!(censuses.len() <= CENSUSES + 1 && censuses.len() as u64 >= ends.min(CENSUSES as u64 / 2));
            assert_eq!((censuses[0], *censuses.last().unwrap()), (1, ends));
        }
    }

    #[test]
    fn an_enclosure_holds_every_end_or_is_none() {
        let mut watch = CycleWatch::new(CycleSource::Scope, Text::new("step"));
        for time in 0..3 {
            watch.end(Nanos(time), Some(7), ScopeId::NONE, [].into_iter());
        }
        watch.enclosure_ended(9, Nanos(5));
        assert_eq!(watch.enclosure.map(|enclosure| enclosure.until), Some(None));
        watch.enclosure_ended(7, Nanos(6));
        assert_eq!(watch.enclosure.map(|enclosure| enclosure.until), Some(Some(Nanos(6))));
        watch.end(Nanos(8), Some(8), ScopeId::NONE, [].into_iter());
        assert!(watch.enclosure.is_none());
    }
}
