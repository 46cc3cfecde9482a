//! A part of a trace: between two instants, or a run of a phase.
//!
//! The figures of a part are those of a recording in ring mode that kept just this part: what led to its beginning is
//! replayed and forgotten, so that what was live, open and where is exact, and counts begin there.

use memtrace_format::{Event, NameId};
use thiserror::Error;

use crate::{Nanos, ReadError, Text, replay::Replay, source::Trace};

/// The most names of phases that a message lists.
const NAMES: usize = 12;

/// Which part of a trace to analyze.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
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

impl Part {
    /// The run that `NAME` or `NAME#NUMBER` means.
    pub fn run(text: &str) -> Self {
        let numbered = text.rsplit_once('#').and_then(|(phase, number)| Some((phase, number.parse().ok()?)));
        match numbered {
            Some((phase, number)) => Self::Run { phase: phase.to_owned(), number: Some(number) },
            None => Self::Run { phase: text.to_owned(), number: None },
        }
    }
}

/// Why a part of a trace cannot be analyzed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The part ends before it begins.
    #[error("it would end at {to}, before it begins at {from}")]
    Backwards {
        /// Where it begins.
        from: Nanos,
        /// Where it ends.
        to: Nanos,
    },
    /// The part begins behind the trace's end.
    #[error("it would begin at {from}, and the trace ends at {end}")]
    BehindTheEnd {
        /// Where it begins.
        from: Nanos,
        /// Where the trace ends.
        end: Nanos,
    },
    /// No phase of the trace has this name.
    #[error("no phase is called {phase}; {}", known(.phases))]
    NoPhase {
        /// The name that was asked for.
        phase: Text,
        /// The names that there are, the first ones.
        phases: Vec<Text>,
    },
    /// The trace knows of no device of this ordinal.
    #[error("there is no device {device}; {}", ordinals(.devices))]
    NoDevice {
        /// The ordinal that was asked for.
        device: u32,
        /// Those that there are, the first ones.
        devices: Vec<u32>,
    },
    /// No thread of the trace has this name.
    #[error("no thread is called {thread}; there are: {}", .threads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NoThread {
        /// The name that was asked for.
        thread: Text,
        /// The names that there are, the first ones.
        threads: Vec<Text>,
    },
    /// The phase has not so many runs, or more than one and none was chosen.
    #[error("phase {phase} has {runs} {}: say which, as {phase}#1", if *.runs == 1 { "run" } else { "runs" })]
    NoRun {
        /// The name of the phase.
        phase: Text,
        /// How many runs it has.
        runs: u64,
    },
}

fn known(phases: &[Text]) -> String {
    if phases.is_empty() {
        return "the trace has no phases".to_owned();
    }
    let names: Vec<_> = phases.iter().map(ToString::to_string).collect();
    format!("there are: {}", names.join(", "))
}

fn ordinals(devices: &[u32]) -> String {
    if devices.is_empty() {
        return "the trace has no devices".to_owned();
    }
    let devices: Vec<_> = devices.iter().map(u32::to_string).collect();
    format!("there are: {}", devices.join(", "))
}

/// Where a replay is, seen from the part that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    /// Inside, since this instant.
    Inside(Nanos),
    /// Behind it: between these instants it was.
    Behind(Nanos, Nanos),
}

/// Watches a replay for the borders of a part.
#[derive(Debug)]
pub(crate) struct Borders<'a> {
    part: &'a Part,
    trace: &'a Trace,
    place: Place,
    /// The runs of the phase so far.
    runs: u64,
    /// The replay's number of the run.
    run: u64,
    /// The names of phases so far.
    phases: Vec<NameId>,
}

impl<'a> Borders<'a> {
    /// None if the part has no borders.
    pub(crate) fn of(part: &'a Part, trace: &'a Trace) -> Result<Option<Self>, PartError> {
        match part {
            Part::Whole => return Ok(None),
            &Part::Between { from, to: Some(to) } if to < from => {
                return Err(PartError::Backwards { from, to });
            }
            _ => {}
        }
        Ok(Some(Self { part, trace, place: Place::Before, runs: 0, run: 0, phases: Vec::new() }))
    }

    /// Where the part began; none if it has not begun.
    pub(crate) fn began(&self) -> Option<Nanos> {
        match self.place {
            Place::Before => None,
            Place::Inside(from) | Place::Behind(from, _) => Some(from),
        }
    }

    /// The replay stands where what was kept of a ring begins.
    pub(crate) fn kept(&mut self, replay: &mut Replay<'_>, now: Nanos) {
        let open: Vec<_> = replay.analyses.phases.open().collect();
        for (number, name) in open {
            self.meet(replay, now, name, Some(number));
        }
    }

    /// `event` is the next one. Whether it is to be replayed: it is of the part, or comes before it.
    pub(crate) fn admit(&mut self, replay: &mut Replay<'_>, now: Nanos, event: &Event) -> bool {
        match (self.part, event) {
            (&Part::Between { from, to }, _) => {
                if self.place == Place::Before && now >= from {
                    self.begin(replay, from);
                }
                if let (Place::Inside(from), Some(to)) = (self.place, to)
                    && now > to
                {
                    self.place = Place::Behind(from, to);
                }
            }
            (Part::Run { .. }, event) => {
                if let Place::Inside(from) = self.place
                    && !self.is_running(replay)
                {
                    self.place = Place::Behind(from, replay.end);
                }
                if let Event::ScopeBegin { name, phase: true } = event {
                    self.meet(replay, now, *name, None);
                }
            }
            (Part::Whole, _) => {}
        }
        !matches!(self.place, Place::Behind(..))
    }

    /// All events are read, and the trace ends at `end`. Returns the two ends of the part.
    pub(crate) fn finish(mut self, replay: &mut Replay<'_>, end: Nanos) -> Result<(Nanos, Nanos), PartError> {
        let last = match self.part {
            Part::Run { phase, number } => {
                self.check_runs(phase, *number)?;
                if self.is_running(replay) { end } else { replay.end }
            }
            &Part::Between { from, to } => {
                if from > end {
                    return Err(PartError::BehindTheEnd { from, end });
                }
                if self.place == Place::Before {
                    self.begin(replay, from);
                }
                to.map_or(end, |to| to.min(end))
            }
            Part::Whole => end,
        };
        match self.place {
            Place::Before => Ok((Nanos(0), last)),
            Place::Inside(from) => Ok((from, last)),
            Place::Behind(from, to) => Ok((from, to.min(end))),
        }
    }

    fn check_runs(&self, phase: &str, number: Option<u64>) -> Result<(), PartError> {
        let phase = Text::new(phase);
        if self.runs == 0 {
            let definitions = self.trace.definitions();
            let phases = self.phases.iter().map(|&name| definitions.name(name)).collect();
            return Err(PartError::NoPhase { phase, phases });
        }
        if self.place == Place::Before || (number.is_none() && self.runs > 1) {
            return Err(PartError::NoRun { phase, runs: self.runs });
        }
        Ok(())
    }

    /// A phase begins, or was open (under this number) where what was kept begins.
    fn meet(&mut self, replay: &mut Replay<'_>, now: Nanos, name: NameId, open: Option<u64>) {
        let Part::Run { phase, number } = self.part else { return };
        if self.trace.definitions().name(name).recorded() != phase {
            if !self.phases.contains(&name) && self.phases.len() < NAMES {
                self.phases.push(name);
            }
            return;
        }
        self.runs += 1;
        if self.place == Place::Before && self.runs == number.unwrap_or(1) {
            self.begin(replay, now);
            self.run = open.unwrap_or_else(|| replay.analyses.phases.next_number());
        }
    }

    fn begin(&mut self, replay: &mut Replay<'_>, from: Nanos) {
        replay.forget_the_past(from);
        self.place = Place::Inside(from);
    }

    fn is_running(&self, replay: &Replay<'_>) -> bool {
        replay.analyses.phases.is_open(self.run)
    }
}
