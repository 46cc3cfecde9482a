//! Speeds of single transfers, counted so that there may be thousands of modules with counts of their own.

use crate::{Nanos, report::Bandwidth};
use memtrace_format::Bytes;

/// Within a power of two, speeds are told apart in as many steps: a percentile is off by less than a hundredth.
const STEPS: u64 = 64;

/// The most counts that all modules keep together.
const ROOM: usize = 1 << 18;

/// How many counts may still be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(ROOM)
    }
}

/// How many transfers were how fast.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speeds {
    /// By the step, in ascending order.
    counts: Vec<(u16, u64)>,
    all: u64,
    fastest: f64,
    /// Speeds for which there was no room.
    left_out: u64,
}

impl Speeds {
    /// A transfer moved so much in so long. What moved nothing, or took no time of the trace's clock, has no speed.
    pub(crate) fn add(&mut self, moved: Bytes, took: Nanos, room: &mut Room) {
        if took.0 == 0 || moved.0 == 0 {
            return;
        }
        let per_second = u128::from(moved.0) * 1_000_000_000 / u128::from(took.0);
        let step = step(u64::try_from(per_second).unwrap_or(u64::MAX));
        match self.counts.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => self.counts[at].1 += 1,
            Err(at) if room.0 > 0 => {
                room.0 -= 1;
                self.counts.insert(at, (step, 1));
            }
            Err(_) => {
                self.left_out += 1;
                return;
            }
        }
        self.all += 1;
        self.fastest = self.fastest.max(moved.0 as f64 / took.0 as f64);
    }

    /// What they come to, or why there is nothing to say.
    pub(crate) fn bandwidth(&self) -> Result<Bandwidth, &'static str> {
        if self.left_out > 0 {
            return Err("there are too many modules with too many speeds");
        }
        if self.all == 0 {
            return Err("no transfer moved anything in any time of the trace's clock");
        }
        Ok(Bandwidth { p50: self.quantile(0.5), p99: self.quantile(0.99), max: self.fastest })
    }

    fn quantile(&self, share: f64) -> f64 {
        let rank = ((self.all as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        for &(step, count) in &self.counts {
            below += count;
            if below >= rank {
                return (middle(step) / 1e9).min(self.fastest);
            }
        }
        self.fastest
    }
}

/// The step that a speed is on: exact below [`STEPS`], then so many to every power of two.
fn step(speed: u64) -> u16 {
    let shift = (u64::BITS - speed.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    (u64::from(shift) * STEPS + (speed >> shift)) as u16
}

/// The speed in the middle of a step.
fn middle(step: u16) -> f64 {
    let step = u64::from(step);
    let shift = (step / STEPS).saturating_sub(1);
    let mantissa = step - shift * STEPS;
    let width = 2_f64.powi(shift as i32);
    mantissa as f64 * width + (width - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_speed_is_near_the_middle_of_its_step() {
        for speed in (0..2_000).chain((0..57).map(|power| (1 << power) * 117 + 5)).chain([u64::MAX]) {
            let off = (middle(step(speed)) - speed as f64).abs();
            assert!(off <= speed as f64 / STEPS as f64 / 2.0 + 0.5, "{speed}: {off}");
        }
        assert!((0..100_000_u64).map(step).is_sorted());
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_speeds() {
        let (mut speeds, mut room) = (Speeds::default(), Room::default());
        for speed in 1..=1000 {
            speeds.add(Bytes(speed * 1000), Nanos(1000), &mut room);
        }
        speeds.add(Bytes(5), Nanos(0), &mut room);
        let told = speeds.bandwidth().unwrap();
        assert!((told.p50 - 500.0).abs() < 5.0 && (told.p99 - 990.0).abs() < 10.0, "{told:?}");
        assert_eq!(told.max, 1000.0);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_guessed() {
        let (mut speeds, mut room) = (Speeds::default(), Room(1));
        speeds.add(Bytes(1000), Nanos(10), &mut room);
        assert!(speeds.bandwidth().is_ok());
        speeds.add(Bytes(9000), Nanos(10), &mut room);
        assert!(speeds.bandwidth().is_err());
    }
}
