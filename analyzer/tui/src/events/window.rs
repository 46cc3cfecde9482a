//! The stretch of the log that is in memory.

use std::collections::VecDeque;

use memtrace_analysis::events::EventPlace;

use super::reader::{EventRow, EventsPage};
use crate::{
    action::Side,
    listing::{Cell, Row},
};

/// The margin of rows at each end; with fewer left, more are read.
const NEAR: usize = 150;
/// The most rows kept.
const MOST: usize = 2000;
/// The id of the first row; rows before it count down.
const MIDDLE: u64 = 1 << 62;

/// Some events in a row, each known by a number that it keeps while others come and go on both sides.
#[derive(Clone, Debug)]
pub(super) struct RowWindow {
    shown: VecDeque<EventRow>,
    /// The number of the first.
    first: u64,
    /// True where nothing comes before it, and nothing after.
    ends: [bool; 2],
}

impl Default for RowWindow {
    fn default() -> Self {
        Self { shown: VecDeque::new(), first: MIDDLE, ends: [false; 2] }
    }
}

impl RowWindow {
    /// Shows other events; the number of the one to select.
    pub(super) fn open(&mut self, page: EventsPage) -> Option<u64> {
        let EventsPage { shown, selected, ends } = page;
        *self = Self { shown: shown.into(), first: MIDDLE, ends };
        (!self.shown.is_empty()).then(|| MIDDLE + selected as u64)
    }

    /// Adds events at one side. Those far away on the other are dropped.
    pub(super) fn extend(&mut self, side: Side, more: Vec<EventRow>) {
        match side {
            Side::Back => {
                self.ends[0] = more.is_empty();
                self.first -= more.len() as u64;
                more.into_iter().rev().for_each(|shown| self.shown.push_front(shown));
                self.ends[1] &= self.shown.len() <= MOST;
                self.shown.truncate(MOST);
            }
            Side::Forward => {
                self.ends[1] = more.is_empty();
                self.shown.extend(more);
                let far = self.shown.len().saturating_sub(MOST);
                self.ends[0] &= far == 0;
                self.shown.drain(..far);
                self.first += far as u64;
            }
        }
    }

    /// Notes that more events were written after the last.
    pub(super) fn goes_on(&mut self) {
        self.ends[1] = false;
    }

    /// The event with this number.
    pub(super) fn entry(&self, id: u64) -> Option<&EventRow> {
        self.shown.get(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }

    /// Returns the place to read on from, if the event with this number is near an end.
    pub(super) fn short_of(&self, id: u64) -> Option<(Side, EventPlace)> {
        let place = usize::try_from(id.checked_sub(self.first)?).ok()?;
        if place < NEAR && !self.ends[0] {
            return Some((Side::Back, self.shown.front()?.place));
        }
        (place + NEAR >= self.shown.len() && !self.ends[1])
            .then(|| Some((Side::Forward, self.shown.back()?.place.next())))?
    }

    /// The rows that show them.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.shown.iter().zip(self.first..).map(|(shown, id)| Row { id, ..shown.row() }).collect()
    }
}

impl EventRow {
    /// The event as a row without a number.
    pub(super) fn row(&self) -> Row {
        let line = &self.line;
        let text = |text: &Option<memtrace_analysis::Text>| text.clone().map_or(Cell::Unknown, Cell::Text);
        Row::new(
            0,
            vec![
                Cell::word(super::exact(line.time_ns)),
                Cell::Text(line.thread.clone()),
                Cell::word(line.kind),
                text(&line.heap),
                line.address.map_or(Cell::Unknown, |address| Cell::word(address.to_string())),
                line.bytes.map_or(Cell::Unknown, Cell::Bytes),
                Cell::word(line.names()),
                Cell::word(line.more()),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_analysis::{Nanos, events::EventLine};

    fn shown(times: std::ops::Range<u64>) -> Vec<EventRow> {
        let one = |time| EventRow {
            place: EventPlace::at(Nanos(time)),
            line: EventLine { time_ns: Nanos(time), ..EventLine::default() },
        };
        times.map(one).collect()
    }

    #[test]
    fn numbers_stay_while_events_come_on_both_sides_and_far_ones_go() {
        let mut window = RowWindow::default();
        let selected =
            window.open(EventsPage { shown: shown(1000..1400), selected: 200, ends: [false; 2] }).unwrap();
        let time = |window: &RowWindow| window.entry(selected).map(|shown| shown.place.time.0);
        assert_eq!(time(&window), Some(1200));
        assert_eq!(window.short_of(selected), None);
        assert_eq!(window.short_of(selected - 100), Some((Side::Back, EventPlace::at(Nanos(1000)))));
        let behind = EventPlace::at(Nanos(1399)).next();
        assert_eq!(window.short_of(selected + 100), Some((Side::Forward, behind)));
        window.extend(Side::Back, shown(500..1000));
        window.extend(Side::Forward, shown(1400..1900));
        assert_eq!((time(&window), window.rows().len()), (Some(1200), 1400));
        window.extend(Side::Forward, shown(1900..2900));
        assert_eq!((time(&window), window.rows().len()), (Some(1200), MOST));
        window.extend(Side::Forward, shown(2900..3900));
        assert_eq!(time(&window), None, "it is far behind");
        window.extend(Side::Forward, Vec::new());
        let last = window.rows().last().unwrap().id;
        assert_eq!(window.short_of(last), None, "the log ends there");
    }
}
