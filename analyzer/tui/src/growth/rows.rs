//! The rows: a cycle in a heap, below it whose what stays is; then weights that are there twice, and what lies idle.

use memtrace_analysis::{
    Text,
    report::{Cycle, CycleHeap, Duplicate, Growth, Idle, Retained, Shape, is_nobody},
};
use memtrace_format::Bytes;
use ratatui::style::Style;

use crate::{
    goal::Goal,
    listing::{Cell, Column},
    theme::Theme,
};

/// The subject of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// A heap over the ends of a cycle, and an owner of what stays.
    Cycle {
        cycle: &'a Cycle,
        heap: &'a CycleHeap,
        owner: Option<&'a Retained>,
    },
    Duplicate(&'a Duplicate),
    Idle(&'a Idle),
}

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::text("cycle", Column::WIDE, 0),
        Column::number("ends", 5, 5),
        Column::text("heap", 8, 2),
        Column::number("kept", 11, 0),
        Column::number("held", 11, 4),
        Column::number("sure", 4, 3),
        Column::text("shape", 9, 1),
    ]
}

/// Returns the subject of the row with this id.
pub(super) fn subject(growth: &Growth, id: u64) -> Option<Subject<'_>> {
    numbered(growth).find(|(other, _)| *other == id).map(|(_, subject)| subject)
}

/// The row that shows a place the best: of its heap, and of its module.
pub(super) fn about(growth: &Growth, goal: &Goal) -> Option<u64> {
    let fits = |subject: &Subject<'_>| {
        let named = |name: &Text| goal.module.as_ref() == Some(name);
        match subject {
            Subject::Cycle { heap, owner, .. } => {
                goal.heap.as_ref() == Some(&heap.heap)
                    && (goal.module.is_none() || owner.is_some_and(|owner| named(&owner.name)))
            }
            Subject::Duplicate(duplicate) => goal.heap.is_none() && duplicate.names.iter().any(named),
            Subject::Idle(idle) => goal.heap.as_ref() == Some(&idle.heap) && goal.time == Some(idle.from_ns),
        }
    };
    let idle = numbered(growth).find(|(_, subject)| matches!(subject, Subject::Idle(_)) && fits(subject));
    idle.or_else(|| numbered(growth).find(|(_, subject)| fits(subject))).map(|(id, _)| id)
}

/// Ids that are the same as long as the report is.
pub(super) fn numbered(growth: &Growth) -> impl Iterator<Item = (u64, Subject<'_>)> {
    let cycles = growth.cycles.iter().flat_map(|cycle| {
        cycle.heaps.iter().flat_map(move |heap| {
            let owners = heap.by_module.iter().chain(&heap.by_scope).chain(&heap.by_stack);
            let owners = owners.filter(|owner| !is_nobody(&owner.name)).map(Some);
            std::iter::once(None).chain(owners).map(move |owner| Subject::Cycle { cycle, heap, owner })
        })
    });
    let duplicates = growth.duplicates.iter().map(Subject::Duplicate);
    let idle = growth.idle.iter().map(Subject::Idle);
    (0..).zip(cycles.chain(duplicates).chain(idle))
}

impl Subject<'_> {
    pub(super) fn depth(&self) -> usize {
        usize::from(matches!(self, Self::Cycle { owner: Some(_), .. }))
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        match *self {
            Subject::Cycle { cycle, heap, owner: None } => vec![
                named(cycle.source.name(), &cycle.name),
                Cell::Count(cycle.count),
                Cell::Text(heap.heap.clone()),
                heap.trend.retained_bytes_per_cycle.map_or(Cell::Unknown, Cell::Change),
                heap.levels.last().map_or(Cell::Unknown, |level| Cell::Bytes(level.bytes)),
                heap.trend.confidence.map_or(Cell::Unknown, Cell::Share),
                Cell::word(heap.trend.shape.name()),
            ],
            Subject::Cycle { heap, owner: Some(owner), .. } => vec![
                named(kind(heap, owner), &owner.name),
                Cell::word(""),
                Cell::word(""),
                Cell::Change(owner.bytes),
                Cell::Bytes(owner.held_bytes),
                Cell::Share(owner.grew_in),
                Cell::word(""),
            ],
            Subject::Duplicate(duplicate) => {
                let names: Vec<_> = duplicate.names.iter().map(Text::recorded).collect();
                let wasted = i64::try_from(duplicate.wasted_bytes.0).unwrap_or(i64::MAX);
                vec![
                    named("weights", &Text::new(names.join(" = "))),
                    Cell::Count(duplicate.names.len() as u64),
                    Cell::word(""),
                    Cell::Change(wasted),
                    Cell::Bytes(duplicate.bytes),
                    Cell::word(""),
                    Cell::word("twice"),
                ]
            }
            Subject::Idle(idle) => vec![
                Cell::word("cached, not used"),
                Cell::word(""),
                Cell::Text(idle.heap.clone()),
                Cell::Change(i64::try_from(idle.bytes.0).unwrap_or(i64::MAX)),
                Cell::Bytes(idle.reserved_bytes),
                Cell::word(""),
                Cell::word("idle"),
            ],
        }
    }

    /// Returns the subject in one line.
    pub(super) fn title(&self) -> String {
        match *self {
            Subject::Cycle { cycle, heap, owner } => {
                let trend = &heap.trend;
                let kept = trend.retained_bytes_per_cycle.map_or(Cell::Unknown, Cell::Change);
                let sure =
                    trend.confidence.map_or_else(String::new, |sure| format!(", {:.0}% sure", sure * 100.0));
                let whose = owner.map_or_else(String::new, |owner| {
                    format!("; {} of it {}", Cell::Change(owner.bytes), owner.name)
                });
                let (name, ends, shape) = (&cycle.name, cycle.count, trend.shape.name());
                format!("{name} in {}: {shape}, {kept} a cycle in {ends} ends{sure}{whose}", heap.heap)
            }
            Subject::Duplicate(duplicate) => {
                let names: Vec<_> = duplicate.names.iter().map(ToString::to_string).collect();
                let (bytes, together) = (duplicate.bytes, duplicate.together_ns);
                format!(
                    "{} hold the same {bytes}, for {together} from {}",
                    names.join(" and "),
                    duplicate.from_ns
                )
            }
            Subject::Idle(idle) => format!(
                "{} of {} reserved in {} were not used any more from {} to {}",
                idle.bytes, idle.reserved_bytes, idle.heap, idle.from_ns, idle.to_ns
            ),
        }
    }

    /// The courses to draw. What is left of cycles is drawn from nothing on, what is held from the least of it.
    pub(super) fn charts(&self) -> Vec<(&'static str, Option<Bytes>, Vec<Bytes>)> {
        let Subject::Cycle { heap, .. } = *self else { return Vec::new() };
        vec![
            ("held at the ends", None, heap.levels.iter().map(|level| level.bytes).collect()),
            ("left of each cycle", Some(Bytes(0)), heap.survivors.iter().map(|left| left.bytes).collect()),
        ]
    }

    pub(super) fn style(&self, theme: Theme) -> Style {
        match self {
            Subject::Cycle { heap, .. } if heap.trend.shape == Shape::Grows => theme.bad(),
            _ => theme.key(),
        }
    }
}

fn named(kind: &str, name: &Text) -> Cell {
    Cell::word(format!("{kind} {}", name.recorded()))
}

fn kind(heap: &CycleHeap, owner: &Retained) -> &'static str {
    let among = |owners: &[Retained]| owners.iter().any(|other| std::ptr::eq(other, owner));
    if among(&heap.by_module) {
        "module"
    } else if among(&heap.by_scope) {
        "scope"
    } else {
        "at"
    }
}
