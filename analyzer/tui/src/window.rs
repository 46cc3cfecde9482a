//! The range of time on the screen, and the one that is chosen.

use memtrace_analysis::Nanos;

use super::action::Side;

/// A range within a run, as many columns wide as a chart is.
///
/// Never empty, never outside of the run, never shorter than what the recording can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    from: u64,
    to: u64,
    end: u64,
    finest: u64,
}

impl Window {
    /// The whole run. `finest` is the shortest range that zooming in gives.
    pub(crate) fn whole(end: Nanos, finest: Nanos) -> Self {
        let end = end.0.max(1);
        Self { from: 0, to: end, end, finest: finest.0.clamp(1, end) }
    }

    /// The run has become longer. Who sees all of it goes on seeing all of it, who sees its end, its end.
    pub(crate) fn lengthen(&mut self, end: Nanos, finest: Nanos) {
        let (was_whole, saw_end, length) = (self.is_whole(), self.to == self.end, self.length().0);
        let whole = Self::whole(Nanos(end.0.max(self.end)), finest);
        if was_whole {
            *self = whole;
            return;
        }
        (self.end, self.finest) = (whole.end, whole.finest);
        if saw_end {
            self.start_at(self.end.saturating_sub(length));
        }
        // What can be told apart becomes coarser in a longer run.
        if self.length().0 < self.finest {
            self.resize(Nanos(self.from), self.finest);
        }
    }

    /// The first instant.
    pub(crate) fn from(self) -> Nanos {
        Nanos(self.from)
    }

    /// The instant after the last one.
    pub(crate) fn to(self) -> Nanos {
        Nanos(self.to)
    }

    /// Returns its length.
    pub(crate) fn length(self) -> Nanos {
        Nanos(self.to - self.from)
    }

    /// Returns true if it is the whole run.
    pub(crate) fn is_whole(self) -> bool {
        self.length().0 == self.end
    }

    /// Shows the whole run again.
    pub(crate) fn show_all(&mut self) {
        *self = Self::whole(Nanos(self.end), Nanos(self.finest));
    }

    /// Shows this range, limited by the run and by the resolution of the recording.
    pub(crate) fn show(&mut self, from: Nanos, to: Nanos) {
        self.resize(self.nearest(from), to.since(from).0);
        self.start_at(from.0);
    }

    /// Halves the length; `around` stays where it is on the screen.
    pub(crate) fn zoom_in(&mut self, around: Nanos) {
        self.resize(around, self.length().0 / 2);
    }

    /// Doubles the length; `around` stays where it is on the screen, unless an end of the run gets in the way.
    pub(crate) fn zoom_out(&mut self, around: Nanos) {
        self.resize(around, self.length().0.saturating_mul(2));
    }

    /// A quarter of its length to the side, at most to the run's end.
    pub(crate) fn pan(&mut self, side: Side) {
        let step = self.length().0.div_ceil(4);
        self.start_at(match side {
            Side::Back => self.from.saturating_sub(step),
            Side::Forward => self.from.saturating_add(step),
        });
    }

    /// Moves as little as it takes to show this instant.
    pub(crate) fn follow(&mut self, time: Nanos) {
        if time.0 < self.from {
            self.start_at(time.0);
        } else if time.0 >= self.to {
            self.start_at(time.0.saturating_add(1).saturating_sub(self.length().0));
        }
    }

    /// Moves so that this instant is in the middle, if the run's ends allow it and it is not shown yet.
    pub(crate) fn centre(&mut self, time: Nanos) {
        if time.0 < self.from || time.0 >= self.to {
            self.start_at(time.0.saturating_sub(self.length().0 / 2));
        }
    }

    /// The instant in the window that is nearest.
    pub(crate) fn nearest(self, time: Nanos) -> Nanos {
        Nanos(time.0.clamp(self.from, self.to.min(self.end)))
    }

    /// The time of a column.
    pub(crate) fn step(self, columns: u16) -> Nanos {
        Nanos((self.length().0 / u64::from(columns.max(1))).max(1))
    }

    /// The first instant of a column, or the window's last one.
    pub(crate) fn time_at(self, column: u16, columns: u16) -> Nanos {
        let length = u128::from(self.length().0);
        let offset = (length * u128::from(column)).div_ceil(u128::from(columns.max(1)));
        Nanos(self.from + u64::try_from(offset.min(length)).expect("it is at most the window's length"))
    }

    /// The column that shows this instant; none: it lies outside. The run's last instant is in the last column.
    pub(crate) fn column_of(self, time: Nanos, columns: u16) -> Option<u16> {
        if time.0 < self.from || time.0 > self.to || (time.0 == self.to && self.to != self.end) {
            return None;
        }
        let offset = u128::from(time.0 - self.from) * u128::from(columns) / u128::from(self.length().0);
        let column = u16::try_from(offset).unwrap_or(u16::MAX);
        columns.checked_sub(1).map(|last| column.min(last))
    }

    /// The columns that a range touches, the last one included; none: it lies outside.
    pub(crate) fn columns_of(self, from: Nanos, to: Nanos, columns: u16) -> Option<(u16, u16)> {
        if from.0 >= self.to || to.0 < self.from || columns == 0 {
            return None;
        }
        let first = self.column_of(Nanos(from.0.max(self.from)), columns)?;
        let last = self.column_of(Nanos(to.0.saturating_sub(1).clamp(self.from, self.to - 1)), columns)?;
        Some((first, last.max(first)))
    }

    fn resize(&mut self, around: Nanos, length: u64) {
        let length = length.clamp(self.finest, self.end);
        let around = self.nearest(around).0;
        let before = u128::from(around - self.from) * u128::from(length) / u128::from(self.length().0);
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        self.to = self.from + length.min(self.end - self.from);
        self.from = self.to - length;
        self.start_at(around.saturating_sub(before));
    }

    fn start_at(&mut self, from: u64) {
        let length = self.length().0;
        self.from = from.min(self.end - length);
        self.to = self.from + length;
    }
}

/// A range of time, in order; the later instant is a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    /// Its first instant.
    pub(crate) from: Nanos,
    /// Its last one.
    pub(crate) to: Nanos,
}

impl TimeRange {
    /// The range between two instants.
    pub(crate) fn between(one: Nanos, other: Nanos) -> Self {
        Self { from: one.min(other), to: one.max(other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(end: u64) -> Window {
        Window::whole(Nanos(end), Nanos(8))
    }

    fn range(window: Window) -> (u64, u64) {
        (window.from().0, window.to().0)
    }

    #[test]
    fn a_run_without_duration_is_one_instant_wide() {
        let mut window = window(0);
        window.zoom_in(Nanos(0));
        window.zoom_out(Nanos(0));
        window.pan(Side::Forward);
        window.follow(Nanos(0));
        assert_eq!(range(window), (0, 1));
        assert_eq!(window.column_of(Nanos(0), 80), Some(0));
        assert_eq!(window.column_of(Nanos(1), 80), Some(79));
        assert_eq!(window.columns_of(Nanos(0), Nanos(0), 80), Some((0, 0)));
    }

    #[test]
    fn zooming_in_ends_at_the_finest_and_out_at_the_whole() {
        let mut window = window(1000);
        for _ in 0..80 {
            window.zoom_in(Nanos(617));
        }
        assert_eq!(window.length(), Nanos(8));
        assert!(window.column_of(Nanos(617), 80).is_some());
        for _ in 0..80 {
            window.zoom_out(Nanos(617));
        }
        assert!(window.is_whole());
    }

    #[test]
    fn zooming_keeps_the_place_on_the_screen() {
        let mut window = window(1 << 40);
        let time = Nanos((1 << 40) / 3);
        let column = window.column_of(time, 90).unwrap();
        for _ in 0..20 {
            window.zoom_in(time);
            assert!(window.column_of(time, 90).unwrap().abs_diff(column) <= 1);
        }
    }

    #[test]
    fn panning_stops_at_the_ends() {
        let mut window = window(1000);
        window.zoom_in(Nanos(0));
        window.pan(Side::Back);
        assert_eq!(range(window), (0, 500));
        for _ in 0..9 {
            window.pan(Side::Forward);
        }
        assert_eq!(range(window), (500, 1000));
    }

    #[test]
    fn following_moves_only_as_far_as_needed() {
        let mut window = window(1000);
        window.zoom_in(Nanos(0));
        window.follow(Nanos(600));
        assert_eq!(range(window), (101, 601));
        window.follow(Nanos(300));
        assert_eq!(range(window), (101, 601));
        window.follow(Nanos(50));
        assert_eq!(range(window), (50, 550));
        window.follow(Nanos(1000));
        assert_eq!(range(window), (500, 1000));
    }

    #[test]
    fn a_longer_run_is_followed_by_who_sees_its_end() {
        let mut all = window(1000);
        all.lengthen(Nanos(3000), Nanos(8));
        assert!(all.is_whole());
        assert_eq!(range(all), (0, 3000));
        let mut end = window(1000);
        end.zoom_in(Nanos(1000));
        end.lengthen(Nanos(3000), Nanos(8));
        assert_eq!(range(end), (2500, 3000));
        let mut start = window(1000);
        start.zoom_in(Nanos(0));
        start.lengthen(Nanos(3000), Nanos(8));
        assert_eq!(range(start), (0, 500));
        start.lengthen(Nanos(100_000), Nanos(700));
        assert_eq!(range(start), (0, 700));
        start.lengthen(Nanos(50), Nanos(8));
        assert_eq!(range(start), (0, 700));
    }

    #[test]
    fn columns_and_times_agree() {
        for (end, columns) in [(1000, 80), (80, 80), (1 << 50, 200), (u64::MAX, 40)] {
            let window = window(end);
            for column in 0..columns {
                assert_eq!(window.column_of(window.time_at(column, columns), columns), Some(column));
            }
        }
    }

    #[test]
    fn the_longest_of_runs_does_not_overflow() {
        let mut window = window(u64::MAX);
        window.zoom_out(Nanos(u64::MAX));
        window.zoom_in(Nanos(u64::MAX));
        window.pan(Side::Forward);
        window.follow(Nanos(0));
        assert_eq!(window.from(), Nanos(0));
        assert_eq!(window.columns_of(Nanos(0), Nanos(u64::MAX), 10), Some((0, 9)));
    }
}
