//! Which instant of a trace is meant.

use std::{convert::Infallible, str::FromStr};

use memtrace_format::Event;
use thiserror::Error;

use super::Instant;
use crate::{
    Analysis, Checkpoints, Nanos, ReadError, Text, Trace, diff::InstantsDiff, events::EventPlace,
    replay::Replay, report::State, summary,
};

/// The most names of marks that a message lists.
const NAMES: usize = 12;

/// An instant of a trace, by time or by what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// After all events up to this time.
    At(Nanos),
    /// The distinct peak of this rank, counted from 1, of the heap that matters most: of devices' heaps the fullest.
    Peak(u64),
    /// The failed request of this number, counted from 1.
    Failure(u64),
    /// The end.
    End,
    /// The mark of this name and number, counted from 1.
    Mark {
        /// Its name.
        name: String,
        /// Which of them.
        number: u64,
    },
}

impl FromStr for When {
    type Err = Infallible;

    /// Reads a time, or `peak`, `oom`, `end` or the name of a mark, each of the first three with `#2` for the second and so on.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let numbered = text.rsplit_once('#').and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let (name, number) = numbered.unwrap_or((text, 1));
        Ok(match name {
            "peak" => Self::Peak(number),
            "oom" => Self::Failure(number),
            "end" => Self::End,
            name => Self::Mark { name: name.to_owned(), number },
        })
    }
}

/// Why a trace has no such instant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WhenError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are not so many peaks.
    #[error("it keeps {0} distinct peaks")]
    NoPeak(u64),
    /// There are not so many failed requests.
    #[error("{0} requests failed")]
    NoFailure(u64),
    /// There are not so many marks of this name.
    #[error("mark {name} is set {count} times; {}", known(.names))]
    NoMark {
        /// The name that was asked for.
        name: Text,
        /// How many there are.
        count: u64,
        /// The names that there are, the first ones.
        names: Vec<Text>,
    },
}

fn known(names: &[Text]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "there are no marks".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

impl Trace {
    /// What every heap holds at an instant.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn state(&self, checkpoints: &Checkpoints, when: &When) -> Result<State, WhenError> {
        let (replay, time) = self.stand(checkpoints, when, &mut None)?;
        Ok(summary::state(replay, time))
    }

    /// What is live at an instant.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn instant(&self, checkpoints: &Checkpoints, when: &When) -> Result<Instant, WhenError> {
        let (replay, time) = self.stand(checkpoints, when, &mut None)?;
        Ok(summary::picture(&replay, time))
    }

    /// What is new in the heaps at the second instant, and what is gone.
    ///
    /// # Errors
    ///
    /// The trace has no such instants, or the operating system cannot read a part of the file.
    pub fn compare(&self, checkpoints: &Checkpoints, a: &When, b: &When) -> Result<InstantsDiff, WhenError> {
        let mut analysis = None;
        let mut picture = |when| {
            let (replay, time) = self.stand(checkpoints, when, &mut analysis)?;
            Ok::<_, WhenError>(summary::picture(&replay, time))
        };
        Ok(InstantsDiff::between(self.definitions(), &picture(a)?, &picture(b)?))
    }

    /// When that is.
    ///
    /// # Errors
    ///
    /// The trace has no such instant, or the operating system cannot read a part of the file.
    pub fn time_of(&self, when: &When) -> Result<Nanos, WhenError> {
        Ok(self.stand(&Checkpoints::default(), when, &mut None)?.1)
    }

    /// `analysis` is that of the whole trace, once it was needed.
    fn stand(
        &self,
        checkpoints: &Checkpoints,
        when: &When,
        analysis: &mut Option<Analysis>,
    ) -> Result<(Replay<'_>, Nanos), WhenError> {
        let at_place = |place: EventPlace| Ok((self.replay_to_place(checkpoints, place)?, place.time));
        match when {
            &When::At(time) => Ok((self.replay_to(checkpoints, time)?, time)),
            When::End => {
                let replay = self.replay_to(checkpoints, Nanos(u64::MAX))?;
                let end = replay.end;
                Ok((replay, end))
            }
            &When::Peak(rank) => {
                let Analysis { report, checkpoints, .. } = match analysis {
                    Some(analysis) => analysis,
                    None => analysis.insert(self.analyze(|_| ())?),
                };
                let heap = report.main_heap().ok_or(WhenError::NoPeak(0))?;
                let peaks = &report.heaps[heap].peaks;
                let peak = usize::try_from(rank).ok().and_then(|rank| peaks.get(rank.checked_sub(1)?));
                let peak = peak.ok_or(WhenError::NoPeak(peaks.len() as u64))?;
                let number = self.events_not_kept(heap)?.saturating_add(peak.event_index);
                let replay = self.replay_to_event(checkpoints, peak.time_ns, heap, number)?;
                Ok((replay, peak.time_ns))
            }
            &When::Failure(number) => {
                let is_failure = |event: &Event| matches!(event, Event::OutOfMemory(_));
                let found = self.find_event(number, is_failure)?;
                at_place(found.map_err(WhenError::NoFailure)?)
            }
            When::Mark { name, number } => {
                let definitions = self.definitions();
                let mut names: Vec<Text> = Vec::new();
                let found = self.find_event(*number, |event| {
                    let (Event::Mark { name: id, .. } | Event::HeapMark { name: id, .. }) = event else {
                        return false;
                    };
                    let met = definitions.name(*id);
                    let is_it = met.recorded() == name;
                    if !is_it && names.len() < NAMES && !names.contains(&met) {
                        names.push(met);
                    }
                    is_it
                })?;
                let none = |count| WhenError::NoMark { name: Text::new(name.as_str()), count, names };
                at_place(found.map_err(none)?)
            }
        }
    }

    /// The place of the event of this number, counted from 1, among those that are looked for; how many there are, if not so
    /// many.
    fn find_event(
        &self,
        number: u64,
        mut is_it: impl FnMut(&Event) -> bool,
    ) -> Result<Result<EventPlace, u64>, ReadError> {
        let mut count = 0;
        let mut next = EventPlace::default();
        for recorded in self.events() {
            let recorded = recorded?;
            let place = if recorded.time == next.time { next } else { EventPlace::at(recorded.time) };
            next = place.next();
            if is_it(&recorded.event) {
                count += 1;
                if count == number {
                    return Ok(Ok(place));
                }
            }
        }
        Ok(Err(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_time_an_ordinal_or_a_mark() {
        let when = |text: &str| text.parse::<When>().unwrap();
        let mark = |name: &str, number| When::Mark { name: name.to_owned(), number };
        assert_eq!(when("1.5s"), When::At(Nanos(1_500_000_000)));
        assert_eq!(when("200ms"), When::At(Nanos(200_000_000)));
        assert_eq!(when("2"), When::At(Nanos(2_000_000_000)));
        assert_eq!([when("peak"), when("peak#1"), when("peak#12")], [1, 1, 12].map(When::Peak));
        assert_eq!([when("oom"), when("oom#3")], [1, 3].map(When::Failure));
        assert_eq!(when("end"), When::End);
        assert_eq!(when("switched"), mark("switched", 1));
        assert_eq!(when("switched#2"), mark("switched", 2));
        // What is no number belongs to the name.
        assert_eq!(when("a#b#2"), mark("a#b", 2));
        assert_eq!(when("peak#two"), mark("peak#two", 1));
        assert_eq!(when("peak#-1"), mark("peak#-1", 1));
    }
}
