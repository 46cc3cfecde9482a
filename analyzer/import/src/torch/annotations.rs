//! Annotations as scopes. A snapshot does not say which thread an annotation is of, only which device, and it may have lost one
//! end of a pair. So pairs are found by name, the latest beginning first, and those that overlap without nesting get lanes of
//! their own. The first lane is the device's: its blocks belong to the annotations that were open when they were handed out.

use hashbrown::HashMap;

use super::keys::{NAME, STAGE, TIME_US};
use super::schema::{Dict, SnapshotError};
use crate::pickle::StringId;

/// The most lanes of a device. What still does not nest goes into the last.
const LANES: usize = 16;

/// One end of an annotation, as the snapshot has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) name: StringId,
    pub(super) time_us: u64,
    pub(super) begins: bool,
}

/// One end of a scope in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScopeEnd {
    pub(super) name: StringId,
    pub(super) time_us: u64,
    pub(super) begins: bool,
    /// No other scope of the lane is around it.
    pub(super) outermost: bool,
}

/// The scopes of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lane {
    /// Those that were open when the recording began, outermost first.
    pub(super) open: Vec<StringId>,
    /// The ends, by time.
    pub(super) ends: Vec<ScopeEnd>,
}

/// Reads an annotation. `None`: it is neither a beginning nor an end.
pub(super) fn read(dict: Dict<'_>) -> Result<Option<End>, SnapshotError> {
    let begins = match dict.string(STAGE)?.map(|stage| dict.arena.string(stage)) {
        Some(b"START") => true,
        Some(b"END") => false,
        _ => return Ok(None),
    };
    let Some(name) = dict.string(NAME)? else { return Ok(None) };
    Ok(Some(End { name, time_us: dict.needed(TIME_US)?, begins }))
}

/// The scopes of a device's annotations, in lanes in which they nest.
pub(super) fn lanes(mut ends: Vec<End>) -> Vec<Lane> {
    ends.sort_by_key(|end| end.time_us);
    let spans = spans(&ends);
    let mut lanes: Vec<Lane> = Vec::new();
    // For each lane the places at which its open spans end, outermost first.
    let mut open: Vec<Vec<usize>> = Vec::new();
    let mut lane_for = |until: usize, now: usize, lanes: &mut Vec<Lane>| {
        for stack in &mut open {
            while stack.last().is_some_and(|&end| end < now) {
                stack.pop();
            }
        }
        let fits = |stack: &Vec<usize>| stack.last().is_none_or(|&around| around >= until);
        let lane = open.iter().position(fits).unwrap_or_else(|| {
            if open.len() < LANES {
                open.push(Vec::new());
                lanes.push(Lane::default());
            }
            open.len() - 1
        });
        open[lane].push(until);
        (lane, open[lane].len() == 1)
    };
    let mut lane_of_end = HashMap::new();
    let mut from_before: Vec<&Span> = spans.iter().filter(|span| span.from.is_none()).collect();
    from_before.sort_by_key(|span| std::cmp::Reverse(span.to));
    for span in from_before {
        let (lane, outermost) = lane_for(span.to, 0, &mut lanes);
        lanes[lane].open.push(span.name);
        lane_of_end.insert(span.to, (lane, outermost));
    }
    let mut begun = spans.iter().filter(|span| span.from.is_some());
    for (place, end) in ends.iter().enumerate() {
        let found = if end.begins {
            begun.next().map(|span| {
                let found = lane_for(span.to, place, &mut lanes);
                lane_of_end.insert(span.to, found);
                found
            })
        } else {
            lane_of_end.remove(&place)
        };
        if let Some((lane, outermost)) = found {
            let End { name, time_us, begins } = *end;
            lanes[lane].ends.push(ScopeEnd { name, time_us, begins, outermost });
        }
    }
    lanes
}

/// An annotation with the places of its ends in the list.
#[derive(Clone, Copy, Debug)]
struct Span {
    name: StringId,
    /// None: it began before the recording did.
    from: Option<usize>,
    /// Behind the list: it had not ended.
    to: usize,
}

/// The annotations by their beginnings; those without one come last.
fn spans(ends: &[End]) -> Vec<Span> {
    let mut open: HashMap<StringId, Vec<usize>> = HashMap::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut from_before = Vec::new();
    for (place, end) in ends.iter().enumerate() {
        let open = open.entry(end.name).or_default();
        if end.begins {
            open.push(spans.len());
            spans.push(Span { name: end.name, from: Some(place), to: ends.len() });
        } else if let Some(span) = open.pop() {
            spans[span].to = place;
        } else {
            from_before.push(Span { name: end.name, from: None, to: place });
        }
    }
    spans.extend(from_before);
    spans
}
