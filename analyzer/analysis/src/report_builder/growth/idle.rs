//! Memory that a heap reserves and never uses again.

use memtrace_format::Bytes;

use crate::{
    Nanos,
    report::{Cycle, Idle},
    timeline::{HeapTrack, Series},
};

/// The parts of a run that are told apart.
const COLUMNS: usize = 256;

/// Of each heap the bytes that lay idle the longest: those reserved all through a time, beyond the most that was active from
/// its beginning on. How long a time is, is how often something repeated in it, for a program that waits, or takes its
/// time to end, keeps nothing from anybody; without cycles it is the time itself. The time is the one for which bytes times
/// length is the largest.
pub(in crate::report_builder) fn idle(tracks: &[HeapTrack], cycles: &[Cycle], end: Nanos) -> Vec<Idle> {
    let lengths = lengths(cycles, end);
    let segmented = tracks.iter().filter(|track| track.has_segments());
    segmented.filter_map(|track| of_heap(track, &lengths, end)).collect()
}

/// How much happened in each part of the run.
fn lengths(cycles: &[Cycle], end: Nanos) -> [u64; COLUMNS] {
    let ends = cycles.iter().filter_map(|cycle| cycle.heaps.first()).flat_map(|heap| &heap.levels);
    let mut lengths = [0; COLUMNS];
    for level in ends {
        let column = u128::from(level.time_ns.0) * COLUMNS as u128 / u128::from(end.0.max(1));
        lengths[usize::try_from(column).unwrap_or(COLUMNS).min(COLUMNS - 1)] += 1;
    }
    if lengths.iter().all(|&length| length == 0) { [1; COLUMNS] } else { lengths }
}

fn of_heap(track: &HeapTrack, lengths: &[u64; COLUMNS], end: Nanos) -> Option<Idle> {
    let border = |column: usize| {
        let at = u128::from(end.0) * column as u128 / COLUMNS as u128;
        Nanos(u64::try_from(at).unwrap_or(u64::MAX))
    };
    let column = |series| -> Vec<_> {
        let extents = track.draw(series, Nanos(0), end, COLUMNS).into_iter();
        extents.map(|extent| extent.map_or((0, 0), |extent| (extent.min.0, extent.max.0))).collect()
    };
    let (reserved, active) = (column(Series::Reserved), column(Series::Active));
    let mut used_later = 0;
    let mut best: Option<((u128, usize), Idle)> = None;
    for first in (0..COLUMNS).rev() {
        used_later = used_later.max(active[first].1);
        let (mut held, mut most, mut length) = (u64::MAX, 0, 0);
        for (last, &(least, largest)) in reserved.iter().enumerate().skip(first) {
            held = held.min(least);
            most = most.max(largest);
            let Some(bytes) = held.checked_sub(used_later).filter(|&bytes| bytes > 0) else { break };
            length += lengths[last];
            let weight = (u128::from(bytes) * u128::from(length), last + 1 - first);
            if weight.0 > 0 && best.as_ref().is_none_or(|(heaviest, _)| weight > *heaviest) {
                let (from_ns, to_ns) = (border(first), border(last + 1));
                let heap = track.name().clone();
                let (bytes, reserved_bytes) = (Bytes(bytes), Bytes(most));
                best = Some((weight, Idle { heap, bytes, from_ns, to_ns, reserved_bytes }));
            }
        }
    }
    best.map(|(_, idle)| idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Text, timeline::TrackRecorder};

    const EVEN: [u64; COLUMNS] = [1; COLUMNS];

    fn track(steps: &[(u64, u64, u64)]) -> HeapTrack {
        let mut recorder = TrackRecorder::new(1024);
        for &(time, reserved, active) in steps {
            recorder.record(Nanos(time << 20), [reserved, active, active, active]);
        }
        recorder.finish_heap(Text::new("cuda:0"), true, Nanos(256 << 20))
    }

    #[test]
    fn what_one_peak_needed_lies_idle_until_it_is_given_back() {
        let hoards = track(&[(0, 100, 90), (16, 100, 20), (200, 100, 40), (208, 100, 20)]);
        let idle = of_heap(&hoards, &EVEN, Nanos(256 << 20)).unwrap();
        assert_eq!((idle.bytes, idle.reserved_bytes), (Bytes(60), Bytes(100)));
        assert_eq!((idle.from_ns.0 >> 20, idle.to_ns.0 >> 20), (17, 256));
        let released = track(&[(0, 100, 90), (16, 100, 20), (18, 40, 20), (200, 40, 40)]);
        let idle = of_heap(&released, &EVEN, Nanos(256 << 20)).unwrap();
        assert!(idle.to_ns.since(idle.from_ns) < Nanos(60 << 20), "{idle:?}");
    }

    #[test]
    fn what_is_used_again_is_not_idle() {
        let steps: Vec<_> = (0..32).flat_map(|job| [(8 * job, 100, 95), (8 * job + 1, 100, 20)]).collect();
        let idle = of_heap(&track(&steps), &EVEN, Nanos(256 << 20)).unwrap();
        assert!(idle.bytes < Bytes(10) || idle.from_ns.0 >> 20 > 240, "{idle:?}");
    }

    #[test]
    fn a_program_that_takes_its_time_to_end_does_not_hide_what_lay_idle_before() {
        let hoards = track(&[(0, 100, 90), (16, 100, 30), (64, 100, 0)]);
        let mut lengths = [0; COLUMNS];
        lengths[..64].fill(1);
        let idle = of_heap(&hoards, &lengths, Nanos(256 << 20)).expect("something is idle");
        assert_eq!((idle.bytes, idle.from_ns.0 >> 20), (Bytes(70), 17));
        let all = of_heap(&hoards, &EVEN, Nanos(256 << 20)).expect("something is idle");
        assert_eq!((all.bytes, all.from_ns.0 >> 20), (Bytes(100), 65));
    }
}
