//! A part of a trace: between two instants, or a run of a phase.

use crate::Nanos;

/// Which part of a trace to analyze.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceRange {
    /// All of it.
    #[default]
    Whole,
    /// What happened between two instants, both included.
    Between {
        /// The earlier one.
        from: Nanos,
        /// The later one. `None`: the trace's end.
        to: Option<Nanos>,
    },
    /// A run of a phase, from its begin to its end, both included.
    Run {
        /// The phase's name.
        phase: String,
        /// Which of its runs, in the order in which they began, counted from 1. `None`: its only one.
        number: Option<u64>,
    },
}

impl TraceRange {
    /// The run that `NAME` or `NAME#NUMBER` means.
    pub fn run(text: &str) -> Self {
        let numbered = text.rsplit_once('#').and_then(|(phase, number)| Some((phase, number.parse().ok()?)));
        match numbered {
            Some((phase, number)) => Self::Run { phase: phase.to_owned(), number: Some(number) },
            None => Self::Run { phase: text.to_owned(), number: None },
        }
    }
}
