//! Decides if run B is worse than run A.

use serde::Serialize;

use super::{Change, Diff, Figure};
use crate::{Text, report::Shape};

/// How much more is not worse yet, as a share: 0.05 is five in a hundred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tolerance {
    /// Of bytes and counts, which are the same whenever the same program does the same. None: they are not judged.
    pub bytes: Option<f64>,
    /// Of durations, which never are. None: they are not judged.
    pub times: Option<f64>,
}

/// What is worse in B.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The tolerance.
    pub tolerance: Tolerance,
    /// The figures that are larger in B beyond it.
    pub worse: Vec<Worse>,
    /// The figures that cannot be compared, and why.
    pub unknown: Vec<Unknown>,
}

/// A figure that is larger in B beyond the tolerance.
#[derive(Clone, Debug, Serialize)]
pub struct Worse {
    /// Which.
    pub figure: Text,
    /// In A, as a person reads it.
    pub a: String,
    /// In B.
    pub b: String,
    /// B − A, in bytes, nanoseconds or pieces.
    pub difference: i64,
}

/// A figure that cannot be compared.
#[derive(Clone, Debug, Serialize)]
pub struct Unknown {
    /// Which.
    pub figure: Text,
    /// Why.
    pub why: &'static str,
}

impl Tolerance {
    /// Judges bytes and counts, times, or both.
    pub fn new(bytes: Option<f64>, times: Option<f64>) -> Self {
        Self { bytes, times }
    }
}

impl Judgement {
    /// Whether nothing is worse. What is not known is not well, unless that is `allowed`.
    pub fn is_well(&self, unknown_allowed: bool) -> bool {
        self.worse.is_empty() && (unknown_allowed || self.unknown.is_empty())
    }
}

impl Diff {
    /// Judges, figure by figure, whether B is worse than A: the peaks and the ends of heaps, failed requests, what was moved
    /// for swaps and for nothing; and what swaps took.
    #[must_use]
    pub fn judged(mut self, tolerance: Tolerance) -> Self {
        let mut judge = Judge { tolerance, judgement: Judgement { tolerance, ..Judgement::default() } };
        for (name, run) in [("A", &self.a), ("B", &self.b)] {
            if let Some(why) = run.losses {
                let figure = Text::new(format!("every sum of {name}"));
                judge.judgement.unknown.push(Unknown { figure, why });
            }
        }
        for heap in &self.heaps {
            let figure = |what: &str| format!("{what} of {}", heap.name.recorded());
            judge.bytes(figure("peak allocated"), &heap.peak_allocated_bytes);
            judge.bytes(figure("peak reserved"), &heap.peak_reserved_bytes);
            judge.bytes(figure("allocated at the end"), &heap.end_allocated_bytes);
        }
        for cycle in &self.growth {
            // What only one of the runs has, and what comes and goes, is no worse.
            let grown = cycle.heaps.iter().filter(|heap| heap.b_shape == Some(Shape::Grows));
            for heap in grown.filter(|heap| heap.retained_bytes_per_cycle.difference.is_some()) {
                let figure = format!("kept by {} a {}", heap.heap.recorded(), cycle.name.recorded());
                judge.bytes(figure, &heap.retained_bytes_per_cycle);
            }
        }
        judge.bytes("failed requests".to_owned(), &self.failed_requests);
        judge.bytes("bytes of swaps".to_owned(), &self.swaps.bytes);
        judge.bytes("bytes of thrash".to_owned(), &self.swaps.thrash_bytes);
        judge.times("time of swaps".to_owned(), &self.swaps.ns);
        judge.times("time that forwards waited".to_owned(), &self.transfers.stall_ns);
        self.judgement = Some(judge.judgement);
        self
    }
}

struct Judge {
    tolerance: Tolerance,
    judgement: Judgement,
}

impl Judge {
    fn bytes<T: Figure>(&mut self, figure: String, change: &Change<T>) {
        self.figure(figure, change, self.tolerance.bytes);
    }

    fn times<T: Figure>(&mut self, figure: String, change: &Change<T>) {
        self.figure(figure, change, self.tolerance.times);
    }

    fn figure<T: Figure>(&mut self, figure: String, change: &Change<T>, tolerance: Option<f64>) {
        let Some(tolerance) = tolerance else { return };
        let figure = Text::new(figure);
        match (change.a, change.b, change.difference) {
            (Some(a), Some(b), Some(difference)) => {
                let allowed = a.number() as f64 * (1.0 + tolerance);
                if difference > 0 && b.number() as f64 > allowed {
                    let (a, b) = (a.to_string(), b.to_string());
                    self.judgement.worse.push(Worse { figure, a, b, difference });
                }
            }
            // Neither run has such a thing: a heap without segments reserves nothing in either.
            (None, None, _) => {}
            _ => {
                let why = change.a_why.or(change.b_why).unwrap_or("it is not known in both runs");
                self.judgement.unknown.push(Unknown { figure, why });
            }
        }
    }
}
