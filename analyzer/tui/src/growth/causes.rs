//! Rows by cause: a leak is seen at the ends of every cycle that it takes part in. The first of them tells it, as the report
//! has them in order; the others are folded below it.
//!
//! ```text
//!  ▾ phase switch                             6  host      +101.33 MiB   99%  grows
//!      module checkpoint-1.unet                             +50.66 MiB   50%
//!    ▸ 13 other cycles                                                     same
//! ```

use memtrace_analysis::{
    Text,
    report::{CycleHeap, Growth, Shape, is_nobody},
};

use super::rows::{Subject, columns, numbered};
use crate::listing::{Cell, Row};

/// Ids of the rows that others are folded below count down from here.
const OTHERS: u64 = u64::MAX;

/// A subject with its id, and the owners below it.
type SubjectRows<'a> = Vec<(u64, Subject<'a>)>;

/// Returns every row, in the order of the report; of one cause, what is told again is below what tells it first.
pub(super) fn rows(growth: &Growth) -> Vec<Row> {
    let mut told: Vec<SubjectRows<'_>> = Vec::new();
    for (id, subject) in numbered(growth) {
        match told.last_mut() {
            Some(before) if subject.depth() > 0 => before.push((id, subject)),
            _ => told.push(vec![(id, subject)]),
        }
    }
    let mut causes: Vec<(SubjectRows<'_>, Vec<SubjectRows<'_>>)> = Vec::new();
    for next in told {
        match causes.iter_mut().find(|(first, _)| is_one_cause(&first[0].1, &next[0].1)) {
            Some((_, others)) => others.push(next),
            None => causes.push((next, Vec::new())),
        }
    }
    causes.into_iter().flat_map(|(first, others)| rows_of(&first, &others)).collect()
}

fn rows_of(first: &SubjectRows<'_>, others: &[SubjectRows<'_>]) -> Vec<Row> {
    let row = |depth: usize, (id, subject): &(u64, Subject<'_>)| {
        let depth = depth + subject.depth();
        Row { id: *id, depth, cells: subject.cells() }
    };
    let mut rows: Vec<Row> = first.iter().map(|one| row(0, one)).collect();
    if !others.is_empty() {
        let cycles = if others.len() == 1 { "cycle" } else { "cycles" };
        let mut cells = vec![Cell::word(format!("{} other {cycles}", others.len()))];
        cells.resize(columns().len() - 1, Cell::word(""));
        cells.push(Cell::word("same"));
        rows.push(Row { id: OTHERS - first[0].0, depth: 1, cells });
        rows.extend(others.iter().flatten().map(|one| row(2, one)));
    }
    rows
}

/// Returns true if two cycles see the same heap grow, by an owner that both have; where no owner is known, by as much.
fn is_one_cause(one: &Subject<'_>, other: &Subject<'_>) -> bool {
    let (Subject::Cycle { heap: one, .. }, Subject::Cycle { heap: other, .. }) = (one, other) else {
        return false;
    };
    let grow = one.trend.shape == Shape::Grows && other.trend.shape == Shape::Grows;
    let names = [owners(one), owners(other)];
    let shared = match names.each_ref().map(Vec::is_empty) {
        [true, true] => one.trend.retained_bytes_per_cycle == other.trend.retained_bytes_per_cycle,
        _ => names[0].iter().any(|name| names[1].contains(name)),
    };
    grow && one.heap == other.heap && shared
}

/// The known owners of what stays.
fn owners(heap: &CycleHeap) -> Vec<&Text> {
    let owners = heap.by_module.iter().chain(&heap.by_scope).chain(&heap.by_stack);
    owners.map(|owner| &owner.name).filter(|name| !is_nobody(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn shown(growth: &Growth) -> Vec<(usize, String)> {
        rows(growth).iter().map(|row| (row.depth, row.cells[0].to_string())).collect()
    }

    #[test]
    fn a_leak_that_every_cycle_sees_is_told_once() {
        let mut growth = fixture::large().report.growth;
        let alone = shown(&growth);
        let leak = growth.cycles[0].clone();
        for name in ["denoise", "decode"] {
            let mut again = leak.clone();
            again.name = Text::new(name);
            growth.cycles.push(again);
        }
        let rows = shown(&growth);
        let owners = leak.heaps[0].by_module.len() + leak.heaps[0].by_scope.len();
        assert_eq!(rows[..=owners], alone[..=owners]);
        assert_eq!(rows[owners + 1], (1, "2 other cycles".to_owned()));
        assert_eq!(rows[owners + 2], (2, "phase denoise".to_owned()));
        assert_eq!(rows[owners + 3].0, 3);
        assert_eq!(rows[2 * owners + 3], (2, "phase decode".to_owned()));
        assert_eq!(rows[3 * owners + 4..], alone[owners + 1..]);
        let ids: std::collections::BTreeSet<u64> = super::rows(&growth).iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), rows.len());
    }

    #[test]
    fn another_owner_another_heap_and_a_cycle_that_does_not_grow_are_other_causes() {
        let growth = fixture::large().report.growth;
        let tops = |growth: &Growth| shown(growth).iter().filter(|(depth, _)| *depth == 0).count();
        let with = |change: &dyn Fn(&mut CycleHeap)| {
            let mut again = growth.cycles[0].clone();
            change(&mut again.heaps[0]);
            let mut growth = growth.clone();
            growth.cycles.push(again);
            tops(&growth)
        };
        let before = tops(&growth);
        assert_eq!(with(&|_| ()), before);
        assert_eq!(with(&|heap| heap.heap = Text::new("host")), before + 1);
        assert_eq!(with(&|heap| heap.trend.shape = Shape::Saturates), before + 1);
        let other = |heap: &mut CycleHeap| {
            heap.by_scope.clear();
            heap.by_module.truncate(1);
            heap.by_module[0].name = Text::new("another");
        };
        assert_eq!(with(&other), before + 1);
    }
}
