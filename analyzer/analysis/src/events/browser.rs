//! Pages of the log, and the way to the next event that is looked for.

use std::{collections::VecDeque, ops::ControlFlow};

use crate::{
    Nanos, ReadError, Recorded,
    events::{Entry, EventPlace, EventsFrom},
    source::Log,
};

/// After so many events, whoever waits is asked whether he still does.
const ASK_EVERY: u64 = 1 << 14;

/// How many chunks a search reads at least before it goes further back.
const STRIDE: usize = 64;

/// Goes to any place in a trace.
#[derive(Debug)]
pub struct Browser<'a> {
    trace: &'a Log,
    /// When chunks begin, in order.
    borders: Vec<Nanos>,
}

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekSide {
    /// Towards the beginning.
    Back,
    /// Towards the end.
    Forward,
}

/// Is told how far the reading has come, and says whether to go on.
pub type Watch<'a> = dyn FnMut(Nanos) -> ControlFlow<()> + 'a;

impl<'a> Browser<'a> {
    /// Looks up where chunks begin; reads nothing.
    pub fn new(trace: &'a Log) -> Self {
        let chunks = trace.directory.threads.iter().flat_map(|thread| &thread.chunks);
        let mut borders: Vec<_> =
            chunks.filter_map(|chunk| chunk.first).map(|ticks| trace.clock.nanos(ticks)).collect();
        borders.sort_unstable();
        borders.dedup();
        Self { trace, borders }
    }

    /// The trace.
    pub fn trace(&self) -> &'a Log {
        self.trace
    }

    /// The events from an instant on.
    pub fn from(&self, time: Nanos) -> EventsFrom<'a> {
        EventsFrom::new(self.trace, time)
    }

    /// Up to `count` `wanted` events from a place on. `None`: `watch` stopped it.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn page_from(
        &self,
        place: EventPlace,
        count: usize,
        wanted: &mut dyn FnMut(&Recorded) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<Entry>>, ReadError> {
        let mut page = Vec::new();
        let whole = self.walk(place, EventPlace::END, watch, |entry| {
            if !wanted(&entry.recorded) {
                return ControlFlow::Continue(());
            }
            page.push(entry);
            if page.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(whole.map(|()| page))
    }

    /// The last `wanted` events before a place, at most `count`, in the order of time. `None`: `watch` stopped it.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn page_before(
        &self,
        place: EventPlace,
        count: usize,
        wanted: &mut dyn FnMut(&Recorded) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<Entry>>, ReadError> {
        // Range after range, each longer than the one behind it, read forwards.
        let mut border = self.borders.partition_point(|border| *border < place.time);
        let mut stride = 1;
        let mut to = place;
        let mut page = VecDeque::new();
        loop {
            border = border.saturating_sub(stride);
            stride = (stride * 4).min(self.longest_stride());
            let from = if border == 0 { Nanos(0) } else { self.borders[border] };
            let room = count.saturating_sub(page.len());
            let mut before = VecDeque::new();
            let whole = self.walk(EventPlace::at(from), to, watch, |entry| {
                if wanted(&entry.recorded) {
                    if before.len() >= room {
                        before.pop_front();
                    }
                    before.push_back(entry);
                }
                ControlFlow::Continue(())
            })?;
            if whole.is_none() {
                return Ok(None);
            }
            before.append(&mut page);
            page = before;
            if page.len() >= count || border == 0 {
                return Ok(Some(page.into()));
            }
            to = EventPlace::at(from);
        }
    }

    /// The nearest event that is `wanted`: behind `place`, or before it. `Some(None)`: there is none; `None`: `watch` stopped it.
    ///
    /// # Errors
    ///
    /// The operating system cannot read a part of the file.
    pub fn find(
        &self,
        place: EventPlace,
        side: SeekSide,
        wanted: &mut dyn FnMut(&Recorded) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Option<Entry>>, ReadError> {
        match side {
            SeekSide::Forward => self.find_behind(place, wanted, watch),
            SeekSide::Back => self.find_before(place, wanted, watch),
        }
    }

    fn find_behind(
        &self,
        place: EventPlace,
        wanted: &mut dyn FnMut(&Recorded) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Option<Entry>>, ReadError> {
        let mut found = None;
        let whole = self.walk(place.next(), EventPlace::END, watch, |entry| {
            if wanted(&entry.recorded) {
                found = Some(entry);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(whole.map(|()| found))
    }

    /// Range after range, each read forwards, from the latest to the earliest, and ever longer ones: what is wanted is near,
    /// or nowhere.
    fn find_before(
        &self,
        place: EventPlace,
        wanted: &mut dyn FnMut(&Recorded) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Option<Entry>>, ReadError> {
        let mut stride = 1;
        let mut border = self.borders.partition_point(|border| *border < place.time);
        let mut to = place;
        loop {
            border = border.saturating_sub(stride);
            stride = (stride * 4).min(self.longest_stride());
            let from = if border == 0 { Nanos(0) } else { self.borders[border] };
            let mut found = None;
            let whole = self.walk(EventPlace::at(from), to, watch, |entry| {
                if wanted(&entry.recorded) {
                    found = Some(entry);
                }
                ControlFlow::Continue(())
            })?;
            if whole.is_none() {
                return Ok(None);
            }
            if found.is_some() || border == 0 {
                return Ok(Some(found));
            }
            to = EventPlace::at(from);
        }
    }

    /// How many chunks are worth a range: it begins with a chunk of each thread that it needs only the end of.
    fn longest_stride(&self) -> usize {
        STRIDE.max(self.trace.directory.threads.len().saturating_mul(4))
    }

    /// Hands the events of a range to `take` until it has enough. `None`: `watch` stopped it.
    fn walk(
        &self,
        from: EventPlace,
        to: EventPlace,
        watch: &mut Watch<'_>,
        mut take: impl FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<Option<()>, ReadError> {
        for (number, entry) in (1_u64..).zip(self.from(from.time)) {
            let entry = entry?;
            if number.is_multiple_of(ASK_EVERY) && watch(entry.recorded.time).is_break() {
                return Ok(None);
            }
            if entry.place >= to {
                break;
            }
            if entry.place >= from && take(entry).is_break() {
                break;
            }
        }
        Ok(Some(()))
    }
}
