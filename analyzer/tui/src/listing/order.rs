//! The order of rows: trees stay trees, whatever they are sorted by and whatever is filtered out.

use super::{Row, Sort};

/// Rows in the order in which they came, with what is below what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forest {
    rows: Vec<Row>,
    /// The row that each one is directly below.
    parents: Vec<Option<usize>>,
    /// The rows directly below each one.
    parts: Vec<Vec<usize>>,
    tops: Vec<usize>,
    places: std::collections::HashMap<u64, usize>,
}

impl Forest {
    /// Reads the tree from the depths. A row that is deeper than the one before it is below that one.
    pub(super) fn new(rows: Vec<Row>) -> Self {
        let mut parents = Vec::with_capacity(rows.len());
        let mut parts = vec![Vec::new(); rows.len()];
        let mut tops = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            while open.last().is_some_and(|&above| rows[above].depth >= row.depth) {
                open.pop();
            }
            match open.last() {
                Some(&above) => parts[above].push(place),
                None => tops.push(place),
            }
            parents.push(open.last().copied());
            open.push(place);
        }
        let places = rows.iter().enumerate().map(|(place, row)| (row.id, place)).collect();
        Self { rows, parents, parts, tops, places }
    }

    /// The rows as they came.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that a row is below, from the nearest.
    pub(super) fn above(&self, place: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parents[place], |&above| self.parents[above])
    }

    /// Returns true if the tree has rows below this one.
    pub(super) fn has_parts(&self, row: &Row) -> bool {
        self.places.get(&row.id).is_some_and(|&place| !self.parts[place].is_empty())
    }

    /// The rows that are shown. What is below a folded row is left out; a row that is not admitted is there for those
    /// below it that are.
    pub(super) fn order(
        &self,
        sort: Option<Sort>,
        folded: impl Fn(usize) -> bool,
        admitted: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut needed = vec![false; self.rows.len()];
        for place in (0..self.rows.len()).rev() {
            needed[place] |= admitted(place);
            if let (true, Some(above)) = (needed[place], self.parents[place]) {
                needed[above] = true;
            }
        }
        let sorted = |places: &[usize]| {
            let mut places: Vec<usize> = places.iter().copied().filter(|&place| needed[place]).collect();
            if let Some(sort) = sort {
                places.sort_by(|&a, &b| self.compare(a, b, sort));
            }
            places
        };
        let mut order = Vec::with_capacity(self.rows.len());
        let mut open = sorted(&self.tops);
        open.reverse();
        while let Some(place) = open.pop() {
            order.push(place);
            if !self.parts[place].is_empty() && !folded(place) {
                open.extend(sorted(&self.parts[place]).into_iter().rev());
            }
        }
        order
    }

    fn compare(&self, a: usize, b: usize, sort: Sort) -> std::cmp::Ordering {
        match (self.rows[a].cells.get(sort.column), self.rows[b].cells.get(sort.column)) {
            (Some(a), Some(b)) => a.compare(b, sort.descending),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}
