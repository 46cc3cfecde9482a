//! Rows as data, with what is done alike in every view: select, scroll, search, filter, sort, fold, copy.
//!
//! A view makes its rows in `View::prepare`, hands the listing to the frame and draws the rows with [`Listing::draw`], or
//! in a way of its own from [`Listing::on_screen`].

mod cell;
mod draw;
mod filter;
mod order;

pub(crate) use cell::{Cell, Column, Row};
pub(crate) use filter::RowFilter;

use std::collections::HashSet;

use memtrace_analysis::Text;

use self::order::Forest;
use super::action::{Scroll, Side};

/// The rows of a view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    columns: Vec<Column>,
    forest: Forest,
    /// The rows that are shown, in the order in which they are, by their places.
    shown: Vec<usize>,
    /// The rows of which nothing below is shown, by their ids.
    folded: HashSet<u64>,
    filter: RowFilter,
    sort: Option<Sort>,
    /// The selected row, by its place in `shown`.
    selected: usize,
    /// The first row on the screen, by its place in `shown`.
    top: usize,
    /// The number of rows that fit on the screen.
    room: usize,
    /// Set when the selection jumped to a row that was off the screen: its neighbours are then shown on both sides.
    jumped: bool,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// The column, by its place.
    pub(crate) column: usize,
    /// True if the largest comes first.
    pub(crate) descending: bool,
}

impl Listing {
    /// Makes an empty listing with these columns.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Puts other rows in the place of those that there are; what is selected, folded, filtered and sorted stays so. A tree
    /// is in the order of its rows, parts below the whole, each with its depth.
    pub(crate) fn fill(&mut self, rows: Vec<Row>) {
        let selected = self.selected().map(|row| row.id);
        self.forest = Forest::new(rows);
        self.arrange();
        if let Some(id) = selected {
            self.select_id(id);
        }
    }

    /// The columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the number of all rows.
    pub(crate) fn total(&self) -> usize {
        self.forest.rows().len()
    }

    /// Returns the number of rows shown, on this screen or further down.
    pub(crate) fn len(&self) -> usize {
        self.shown.len()
    }

    /// The rows that are shown, in order, on this screen or further down.
    pub(crate) fn shown(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.shown.iter().map(|&place| &self.forest.rows()[place])
    }

    /// The rows on the screen; `true` with the selected one.
    pub(crate) fn on_screen(&self) -> impl Iterator<Item = (&Row, bool)> {
        let rows = self.shown().enumerate().skip(self.top).take(self.room);
        rows.map(|(place, row)| (row, place == self.selected))
    }

    /// The first row on the screen, by its place among those that are shown.
    pub(crate) fn top(&self) -> usize {
        self.top
    }

    /// The place of the selected row among those that are shown.
    pub(crate) fn place(&self) -> usize {
        self.selected
    }

    /// The selected row.
    pub(crate) fn selected(&self) -> Option<&Row> {
        self.forest.rows().get(*self.shown.get(self.selected)?)
    }

    /// Selects the row with this id; unfolds what it is below. False: no row that the filter lets through has it.
    pub(crate) fn select_id(&mut self, id: u64) -> bool {
        let Some(place) = self.forest.rows().iter().position(|row| row.id == id) else { return false };
        let above: Vec<u64> = self.forest.above(place).map(|above| self.forest.rows()[above].id).collect();
        if above.iter().any(|id| self.folded.remove(id)) {
            self.arrange();
        }
        let Some(selected) = self.shown.iter().position(|&shown| shown == place) else { return false };
        self.jumped |= !(self.top..self.top + self.room).contains(&selected);
        self.selected = selected;
        self.stay();
        true
    }

    /// Selects a row by its place among those that are shown, or the last one.
    pub(crate) fn select(&mut self, place: usize) {
        self.selected = place;
        self.jumped = false;
        self.stay();
    }

    /// Selects the row at this place, if there is one. True: it was selected already.
    pub(crate) fn press(&mut self, place: usize) -> bool {
        let here = place < self.shown.len();
        let again = here && place == self.selected;
        if here {
            self.select(place);
        }
        again
    }

    /// Returns the state of the rows below this one.
    pub(crate) fn folding(&self, row: &Row) -> Folding {
        match (self.forest.has_parts(row), self.folded.contains(&row.id)) {
            (false, _) => Folding::Nothing,
            (true, false) => Folding::Open,
            (true, true) => Folding::Folded,
        }
    }

    /// Moves the selection.
    pub(crate) fn scroll(&mut self, scroll: Scroll) {
        let (side, by) = match scroll {
            Scroll::Line(side) => (side, 1),
            Scroll::Page(side) => (side, self.room.saturating_sub(1).max(1)),
        };
        self.select(side.from(self.selected, by));
    }

    /// Selects the first or the last row.
    pub(crate) fn edge(&mut self, side: Side) {
        self.select(if side == Side::Back { 0 } else { usize::MAX });
    }

    /// Says for how many rows there is room, and keeps the selected one among those on the screen.
    pub(crate) fn settle(&mut self, room: u16) {
        self.room = usize::from(room);
        self.stay();
    }

    /// Hides what is below the selected row, or shows it. False: there is nothing.
    pub(crate) fn fold(&mut self) -> bool {
        let Some(row) = self.selected() else { return false };
        let (id, folding) = (row.id, self.folding(row));
        match folding {
            Folding::Nothing => return false,
            Folding::Open => self.folded.insert(id),
            Folding::Folded => self.folded.remove(&id),
        };
        self.arrange();
        self.select_id(id)
    }

    /// Hides what is below every row; if everything is hidden already, shows all. False: nothing is below any row.
    pub(crate) fn fold_all(&mut self) -> bool {
        let rows = self.forest.rows();
        let wholes: HashSet<u64> =
            rows.iter().filter(|row| self.forest.has_parts(row)).map(|row| row.id).collect();
        if wholes.is_empty() {
            return false;
        }
        let at_top =
            self.shown.get(self.selected).map(|&place| self.forest.above(place).last().unwrap_or(place));
        let at_top = at_top.map(|place| rows[place].id);
        self.folded = if wholes.is_subset(&self.folded) { HashSet::new() } else { wholes };
        self.arrange();
        at_top.is_none_or(|id| self.select_id(id))
    }

    /// Sorts by the next column, after the last one as the rows came.
    pub(crate) fn sort_by_next(&mut self) {
        let next = self.sort.map_or(0, |sort| sort.column + 1);
        let column = self.columns.get(next);
        self.sort_by(column.map(|column| Sort { column: next, descending: column.is_number() }));
    }

    /// Sorts, or leaves the rows as they came.
    pub(crate) fn sort_by(&mut self, sort: Option<Sort>) {
        self.sort = sort;
        self.rearrange();
    }

    /// Sorts the other way.
    pub(crate) fn reverse(&mut self) {
        let first = Sort { column: 0, descending: false };
        let sort = self.sort.unwrap_or(first);
        self.sort_by(Some(Sort { descending: !sort.descending, ..sort }));
    }

    /// Returns the column that orders the rows, if they are sorted.
    pub(crate) fn sort(&self) -> Option<Sort> {
        self.sort
    }

    /// Shows only rows that this lets through; see [`filter`] for what it says.
    pub(crate) fn set_filter(&mut self, text: &str) {
        self.filter = RowFilter::new(text, &self.columns);
        self.rearrange();
    }

    /// Returns the parsed filter, for rows that are made elsewhere.
    pub(crate) fn filter_terms(&self) -> RowFilter {
        self.filter.clone()
    }

    /// Returns the filter as it was typed.
    pub(crate) fn filter(&self) -> &str {
        self.filter.text()
    }

    /// Selects the next row with this text on that side of the selected one, around the end, and unfolds it. False: there
    /// is none.
    pub(crate) fn find(&mut self, text: &str, side: Side) -> bool {
        let rows = self.forest.rows();
        let order = self.forest.order(self.sort, |_| false, |place| self.filter.admits(&rows[place]));
        let here = self.shown.get(self.selected);
        let here = here.and_then(|here| order.iter().position(|place| place == here)).unwrap_or(0);
        let count = order.len();
        let steps = 1..=count;
        let place = |step: usize| match side {
            Side::Forward => order[(here + step) % count],
            Side::Back => order[(here + count - step) % count],
        };
        let needle = text.to_lowercase();
        let found = steps.map(place).find(|&place| rows[place].has(&needle)).map(|place| rows[place].id);
        found.is_some_and(|id| self.select_id(id))
    }

    /// The rows with this text in their order, folded or not: the place of each in that order, and its id.
    pub(crate) fn matches(&self, text: &str) -> Vec<(usize, u64)> {
        let rows = self.forest.rows();
        let order = self.forest.order(self.sort, |_| false, |place| self.filter.admits(&rows[place]));
        let needle = text.to_lowercase();
        let rows = order.into_iter().map(|place| &rows[place]).enumerate();
        rows.filter(|(_, row)| row.has(&needle)).map(|(place, row)| (place, row.id)).collect()
    }

    /// Selects the row of this name. False: there is none.
    pub(crate) fn find_name(&mut self, name: &Text) -> bool {
        let named = |row: &&Row| row.cells.first() == Some(&Cell::Text(name.clone()));
        let found = self.forest.rows().iter().find(named).map(|row| row.id);
        found.is_some_and(|id| self.select_id(id))
    }

    fn rearrange(&mut self) {
        let selected = self.selected().map(|row| row.id);
        self.arrange();
        match selected {
            Some(id) if self.shown().any(|row| row.id == id) => {
                self.select_id(id);
            }
            _ => self.select(0),
        }
    }

    fn arrange(&mut self) {
        let rows = self.forest.rows();
        // What is searched for is shown, folded or not.
        let folded = |place: usize| self.filter.is_empty() && self.folded.contains(&rows[place].id);
        self.shown = self.forest.order(self.sort, folded, |place| self.filter.admits(&rows[place]));
        self.stay();
    }

    fn stay(&mut self) {
        self.selected = self.selected.min(self.shown.len().saturating_sub(1));
        if self.room > 0 {
            if std::mem::take(&mut self.jumped) {
                self.top = self.selected.saturating_sub(self.room / 2);
            }
            self.top = self.top.min(self.selected).max((self.selected + 1).saturating_sub(self.room));
            self.top = self.top.min(self.shown.len().saturating_sub(self.room));
        }
    }
}

/// The state of the rows below a row of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Nothing.
    Nothing,
    /// Rows, which are shown.
    Open,
    /// Rows, which are hidden.
    Folded,
}

impl Folding {
    /// The sign before a row.
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Nothing => ' ',
            Self::Open => '▾',
            Self::Folded => '▸',
        }
    }
}

#[cfg(test)]
mod tests;
