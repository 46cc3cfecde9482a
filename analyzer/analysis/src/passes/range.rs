//! A part of a trace: between two instants, or a run of a phase.
//!
//! The figures of a part are those of a recording in ring mode that kept just this part: what led to its beginning is
//! replayed and forgotten, so that what was live, open and where is exact, and counts begin there.

use memtrace_format::{Event, NameId};
use thiserror::Error;

use crate::{
    Nanos, ReadError, Text, TraceRange,
    replay::{Observer, Replay},
    source::Log,
};

/// The most names of phases that a message lists.
const NAMES: usize = 12;

/// Why a part of a trace cannot be analyzed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RangeError {
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
pub(crate) struct RangeTracker<'a> {
    part: &'a TraceRange,
    trace: &'a Log,
    place: Place,
    /// The runs of the phase so far.
    runs: u64,
    /// The replay's number of the run.
    run: u64,
    /// The names of phases so far.
    phases: Vec<NameId>,
}

impl<'a> RangeTracker<'a> {
    /// None if the part has no borders.
    pub(crate) fn of(part: &'a TraceRange, trace: &'a Log) -> Result<Option<Self>, RangeError> {
        match part {
            TraceRange::Whole => return Ok(None),
            &TraceRange::Between { from, to: Some(to) } if to < from => {
                return Err(RangeError::Backwards { from, to });
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
    pub(crate) fn kept<'r>(&mut self, replay: &mut Replay<'r>, observer: &mut impl Observer<'r>, now: Nanos) {
        let open: Vec<_> = replay.open_phases().collect();
        for (number, name) in open {
            self.meet(replay, observer, now, name, Some(number));
        }
    }

    /// `event` is the next one. Whether it is to be replayed: it is of the part, or comes before it.
    pub(crate) fn admit<'r>(
        &mut self,
        replay: &mut Replay<'r>,
        observer: &mut impl Observer<'r>,
        now: Nanos,
        event: &Event,
    ) -> bool {
        match (self.part, event) {
            (&TraceRange::Between { from, to }, _) => {
                if self.place == Place::Before && now >= from {
                    self.begin(replay, observer, from);
                }
                if let (Place::Inside(from), Some(to)) = (self.place, to)
                    && now > to
                {
                    self.place = Place::Behind(from, to);
                }
            }
            (TraceRange::Run { .. }, event) => {
                if let Place::Inside(from) = self.place
                    && !self.is_running(replay)
                {
                    self.place = Place::Behind(from, replay.end);
                }
                if let Event::ScopeBegin { name, phase: true } = event {
                    self.meet(replay, observer, now, *name, None);
                }
            }
            (TraceRange::Whole, _) => {}
        }
        !matches!(self.place, Place::Behind(..))
    }

    /// All events are read, and the trace ends at `end`. Returns the two ends of the part.
    pub(crate) fn finish<'r>(
        mut self,
        replay: &mut Replay<'r>,
        observer: &mut impl Observer<'r>,
        end: Nanos,
    ) -> Result<(Nanos, Nanos), RangeError> {
        let last = match self.part {
            TraceRange::Run { phase, number } => {
                self.check_runs(phase, *number)?;
                if self.is_running(replay) { end } else { replay.end }
            }
            &TraceRange::Between { from, to } => {
                if from > end {
                    return Err(RangeError::BehindTheEnd { from, end });
                }
                if self.place == Place::Before {
                    self.begin(replay, observer, from);
                }
                to.map_or(end, |to| to.min(end))
            }
            TraceRange::Whole => end,
        };
        match self.place {
            Place::Before => Ok((Nanos(0), last)),
            Place::Inside(from) => Ok((from, last)),
            Place::Behind(from, to) => Ok((from, to.min(end))),
        }
    }

    fn check_runs(&self, phase: &str, number: Option<u64>) -> Result<(), RangeError> {
        let phase = Text::new(phase);
        if self.runs == 0 {
            let definitions = self.trace.definitions();
            let phases = self.phases.iter().map(|&name| definitions.name(name)).collect();
            return Err(RangeError::NoPhase { phase, phases });
        }
        if self.place == Place::Before || (number.is_none() && self.runs > 1) {
            return Err(RangeError::NoRun { phase, runs: self.runs });
        }
        Ok(())
    }

    /// A phase begins, or was open (under this number) where what was kept begins.
    fn meet<'r>(
        &mut self,
        replay: &mut Replay<'r>,
        observer: &mut impl Observer<'r>,
        now: Nanos,
        name: NameId,
        open: Option<u64>,
    ) {
        let TraceRange::Run { phase, number } = self.part else { return };
        if self.trace.definitions().name(name).recorded() != phase {
            if !self.phases.contains(&name) && self.phases.len() < NAMES {
                self.phases.push(name);
            }
            return;
        }
        self.runs += 1;
        if self.place == Place::Before && self.runs == number.unwrap_or(1) {
            self.begin(replay, observer, now);
            self.run = open.unwrap_or_else(|| replay.next_phase());
        }
    }

    fn begin<'r>(&mut self, replay: &mut Replay<'r>, observer: &mut impl Observer<'r>, from: Nanos) {
        replay.reset_at(from);
        observer.reset_at(from, replay, false);
        self.place = Place::Inside(from);
    }

    fn is_running(&self, replay: &Replay<'_>) -> bool {
        replay.is_phase_open(self.run)
    }
}
