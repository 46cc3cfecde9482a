//! The phases in rows: one that is open while another begins stays above it.

use memtrace_analysis::{Nanos, report::Phase};

/// The most rows shown.
const MAX_LANES: usize = 8;

/// The phases of each row, as places in the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseLanes(Vec<Vec<usize>>);

impl PhaseLanes {
    /// Puts every phase into the first row that is free when it begins. The phases are in the order of their begins.
    pub(crate) fn new(phases: &[Phase]) -> Self {
        let mut lanes: Vec<(Nanos, Vec<usize>)> = Vec::new();
        for (index, phase) in phases.iter().enumerate() {
            let free = lanes.iter().position(|(busy_until, _)| *busy_until <= phase.from_ns);
            match free {
                Some(free) => {
                    let (busy_until, lane) = &mut lanes[free];
                    *busy_until = phase.to_ns;
                    lane.push(index);
                }
                None if lanes.len() < MAX_LANES => lanes.push((phase.to_ns, vec![index])),
                None => {}
            }
        }
        Self(lanes.into_iter().map(|(_, lane)| lane).collect())
    }

    /// The rows, from the top: phases by their places in the report, in the order of time.
    pub(crate) fn lanes(&self) -> &[Vec<usize>] {
        &self.0
    }

    /// The phases that are open at an instant, outermost first.
    pub(crate) fn at<'a>(&'a self, phases: &'a [Phase], time: Nanos) -> impl Iterator<Item = &'a Phase> {
        self.0.iter().filter_map(move |lane| {
            let begun = lane.partition_point(|&index| phases[index].from_ns <= time);
            let last = phases.get(*lane.get(begun.checked_sub(1)?)?)?;
            (time < last.to_ns).then_some(last)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn nested_phases_lie_below_the_one_around_them() {
        let phases = [
            fixture::phase("job", 0, 100),
            fixture::phase("encode", 0, 40),
            fixture::phase("denoise", 40, 90),
            fixture::phase("next job", 100, 200),
        ];
        let lanes = PhaseLanes::new(&phases);
        assert_eq!(lanes.lanes(), [vec![0, 3], vec![1, 2]]);
        let open: Vec<&str> = lanes.at(&phases, Nanos(40)).map(|phase| phase.name.recorded()).collect();
        assert_eq!(open, ["job", "denoise"]);
        assert_eq!(lanes.at(&phases, Nanos(95)).count(), 1);
    }
}
