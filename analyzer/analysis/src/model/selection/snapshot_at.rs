//! An instant of a trace, by time or by what happens then.

use std::{convert::Infallible, str::FromStr};

use crate::Nanos;

/// An instant of a trace, by time or by what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotAt {
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

impl FromStr for SnapshotAt {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_time_an_ordinal_or_a_mark() {
        let when = |text: &str| text.parse::<SnapshotAt>().unwrap();
        let mark = |name: &str, number| SnapshotAt::Mark { name: name.to_owned(), number };
        assert_eq!(when("1.5s"), SnapshotAt::At(Nanos(1_500_000_000)));
        assert_eq!(when("200ms"), SnapshotAt::At(Nanos(200_000_000)));
        assert_eq!(when("2"), SnapshotAt::At(Nanos(2_000_000_000)));
        assert_eq!([when("peak"), when("peak#1"), when("peak#12")], [1, 1, 12].map(SnapshotAt::Peak));
        assert_eq!([when("oom"), when("oom#3")], [1, 3].map(SnapshotAt::Failure));
        assert_eq!(when("end"), SnapshotAt::End);
        assert_eq!(when("switched"), mark("switched", 1));
        assert_eq!(when("switched#2"), mark("switched", 2));
        // What is no number belongs to the name.
        assert_eq!(when("a#b#2"), mark("a#b", 2));
        assert_eq!(when("peak#two"), mark("peak#two", 1));
        assert_eq!(when("peak#-1"), mark("peak#-1", 1));
    }
}
