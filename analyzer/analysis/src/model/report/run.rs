//! The recording itself: what it is, how it ended, what is missing from it.

use std::collections::BTreeMap;

use memtrace_format::{Bytes, ClockKind};
use serde::{Serialize, Serializer};

use crate::table::grouped;
use crate::{Nanos, Text, TraceRange};

/// What the closing block of a cut says that ends before its trace.
pub(crate) const CUT: &str = "this is a part of a longer trace";

/// What a trace is and how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct TraceInfo {
    /// The version of the file's format, as `major.minor`.
    pub format_version: String,
    /// The engine's name.
    pub engine: Option<Text>,
    /// Why there is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_why: Option<&'static str>,
    /// The engine's version, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<Text>,
    /// The process that was recorded.
    pub pid: Option<u32>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid_why: Option<&'static str>,
    /// When recording began, in nanoseconds since 1970 (UTC).
    pub start_unix_ns: Option<u64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_unix_ns_why: Option<&'static str>,
    /// From the start to the last event or to the clean end.
    pub duration_ns: Nanos,
    /// The range that was asked for. All figures are those of this range then, and [`duration_ns`](Self::duration_ns), how
    /// the trace ended and what is missing from it are still those of the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// What alone was looked at, if not everything. All figures are those of this then; how the trace ended and what is
    /// missing from it are still the trace's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filtered>,
    /// In ring mode: when the events that were kept begin. What was live then is known; sums, counts and peaks are those
    /// from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from_ns: Option<Nanos>,
    /// The events that could be read; those of the range, if one was asked for.
    pub events: u64,
    /// The threads that recorded something.
    pub threads: Option<u64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads_why: Option<&'static str>,
    /// Why there are no times: then every `_ns` is a position, which counts events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_why: Option<&'static str>,
    /// The clock that was recorded: `tsc`, `monotonic` or `imported`.
    pub clock: &'static str,
    /// How the recording ended.
    pub ended: Ended,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_why: Option<&'static str>,
    /// The last request for memory of some heap failed, and the heap handed out nothing afterwards: what was to be done was not done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub run_failed: bool,
    /// Why recording stopped before the process ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_why: Option<Text>,
    /// The events that the tracer could not record.
    pub dropped: Dropped,
    /// Chunks that could not be read.
    pub damaged_chunks: u64,
    /// Where the first of them lie in the file, and what is wrong with them.
    pub damage: Vec<Text>,
    /// Bytes of the file that were written and could not be read.
    pub unreadable_bytes: Bytes,
    /// Events that contradict the rest or that this version does not know, by what is odd about them. Without losses there are none.
    pub oddities: BTreeMap<&'static str, u64>,
    /// The chunks of the file.
    pub chunks: ChunkCounts,
    /// Bytes of chunks that were never handed out.
    pub never_used_bytes: Bytes,
}

/// What alone of a trace was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filtered {
    /// The device of this ordinal: its heaps, the transfers to and from it, what was sampled of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// The threads of this name: what they allocated, whoever gave it back, and what they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<Text>,
}

impl TraceInfo {
    /// Whether another program recorded it.
    pub fn is_imported(&self) -> bool {
        self.clock == ClockKind::Imported.name()
    }

    /// Whether times are times. Where a recording has none, they are positions among its events.
    pub fn has_times(&self) -> bool {
        self.times_why.is_none()
    }

    /// How long what the figures tell of took: the range that was asked for, what a ring kept, or all of it.
    pub fn told_ns(&self) -> Nanos {
        match &self.range {
            Some(range) => range.to_ns.since(range.from_ns),
            None => self.duration_ns.since(self.kept_from_ns.unwrap_or_default()),
        }
    }

    /// How the run ended, for a sentence of its own. That a recording is complete says nothing of what was recorded.
    pub fn ending(&self) -> &'static str {
        match self.ended {
            Ended::Clean if self.run_failed => "the recording is complete; the run failed",
            ended => ended.in_words(),
        }
    }

    /// Whether there was more before or behind what the figures tell of: they are of a range, a cut, or a ring.
    pub(crate) fn is_part(&self) -> bool {
        self.range.is_some() || self.kept_from_ns.is_some()
    }

    /// Whether it is a cut that ends before its trace.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.stopped_why.as_ref().is_some_and(|why| why.recorded() == CUT)
    }
}

/// A range of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Where it begins. What was live, open and where at this instant is known; sums, counts and peaks begin here.
    pub from_ns: Nanos,
    /// Where it ends, or the trace's end if that comes first.
    pub to_ns: Nanos,
    /// The phase whose run it is, if it was asked for as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Text>,
    /// Which of its runs, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

impl Range {
    pub(crate) fn new(part: &TraceRange, from_ns: Nanos, to_ns: Nanos) -> Self {
        let (phase, run) = match part {
            TraceRange::Run { phase, number } => (Some(Text::new(phase.as_str())), Some(number.unwrap_or(1))),
            _ => (None, None),
        };
        Self { from_ns, to_ns, phase, run }
    }
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The process, or recording, closed the trace.
    Clean,
    /// The process ended without closing the trace (killed or crashed).
    Killed,
    /// The process still records.
    Running,
    /// An imported recording does not say.
    Untold,
}

/// Its name, and null for what is not told.
impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Untold => serializer.serialize_none(),
            told => serializer.serialize_str(told.name()),
        }
    }
}

impl Ended {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Killed => "killed",
            Self::Running => "running",
            Self::Untold => "not told",
        }
    }

    /// How a sentence goes on that says how long it ran.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Clean => "ended cleanly",
            Self::Killed => "was killed",
            Self::Running => "still runs",
            Self::Untold => "imported",
        }
    }
}

/// Events that the tracer counted and could not record.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Dropped {
    /// In all.
    pub total: u64,
    /// By cause.
    pub by_cause: BTreeMap<&'static str, u64>,
    /// Whether there may have been more: the process was killed before it could tell of all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

impl Dropped {
    /// What is to be said if none are known, and there may have been some.
    pub const UNTOLD: &str = "events may be missing: a thread had no room ready when the process was killed, and could not tell what it lost";

    /// Whether any were, as far as is known.
    pub fn any(&self) -> bool {
        self.total > 0 || self.at_least
    }

    /// How many, in words: this number, or at least this number.
    pub fn told(&self, count: u64) -> String {
        let least = if self.at_least { "at least " } else { "" };
        format!("{least}{}", grouped(count))
    }
}

/// How many chunks of which state a file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChunkCounts {
    /// With events.
    pub events: u64,
    /// With definitions.
    pub definitions: u64,
    /// Of baselines, the newest one's and those of older ones.
    pub baseline: u64,
    /// Never handed out.
    pub free: u64,
    /// Of those with events, the ones that were not finished when the recording ended.
    pub unsealed: u64,
}
