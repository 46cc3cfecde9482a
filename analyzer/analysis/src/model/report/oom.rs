//! Failed requests: the reason, and the remedies.

use memtrace_format::{Address, Bytes};
use serde::Serialize;

use crate::{Nanos, Text};

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What was in use and what was asked for were together more than the allocator could have had.
    Capacity,
    /// There was enough, but not in one piece.
    Fragmentation,
    /// It would have been enough without what others have on the device.
    OtherProcesses,
    /// Not known.
    Unknown,
}

impl Verdict {
    /// The words that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Fragmentation => "fragmentation",
            Self::OtherProcesses => "other processes",
            Self::Unknown => "unknown",
        }
    }
}

/// A request that failed.
#[derive(Clone, Debug, Serialize)]
pub struct OutOfMemory {
    /// When.
    pub time_ns: Nanos,
    /// The heap that was asked.
    pub heap: Text,
    /// What the program asked for.
    pub requested_bytes: Bytes,
    /// What the allocator would have had to get from the driver for it: a segment, or as many steps of one.
    pub segment_bytes: Bytes,
    /// What was in use in the heap, what is freed but still used by a stream included.
    pub active_bytes: Bytes,
    /// What the heap had reserved and not in use; none for a heap without segments.
    pub inactive_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_bytes_why: Option<&'static str>,
    /// The largest hole in the heap's segments.
    pub largest_free_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_free_bytes_why: Option<&'static str>,
    /// The largest hole in the pool that was asked: those of others cannot serve it.
    pub largest_usable_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_usable_bytes_why: Option<&'static str>,
    /// What the device had free.
    pub device_free_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_free_bytes_why: Option<&'static str>,
    /// The thread that asked.
    pub thread: Text,
    /// The module that asked, or `(none)`.
    pub module: Text,
    /// The scopes it asked in, or `(none)`.
    pub scope: Text,
    /// The calls that led to it, innermost first; empty if none were recorded.
    pub stack: Vec<Text>,
    /// Whether the heap handed out something afterwards.
    pub went_on: bool,
    /// What happened, and what would do, in a sentence.
    pub headline: Text,
    /// What the job needed beyond the request: the rest of a module that was being loaded, or of a phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need: Option<JobNeed>,
    /// What could have been had if everything lay side by side: the holes, and what the device had free.
    pub room_bytes: Option<Bytes>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_bytes_why: Option<&'static str>,
    /// What the recorded models would need if less of them were on the device at a time, the most first.
    pub strategies: Vec<Strategy>,
    /// Why it failed.
    pub verdict: Verdict,
    /// What the verdict rests on.
    pub evidence: Text,
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_why: Option<&'static str>,
    /// The smallest set of blocks that was found without which the request would have been served, by address; at most
    /// [`PINS`](Self::PINS) of them.
    pub pinning: Vec<Blocker>,
    /// How many there are in all.
    pub pinning_total: u64,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinning_why: Option<&'static str>,
    /// What would have let it through: a model of the allocator served it then.
    pub would_have_fit: Vec<Remedy>,
    /// Why nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have_fit_why: Option<&'static str>,
    /// What was tried too.
    pub would_not_have_fit: Vec<InVain>,
    /// The model that followed the whole course, beside the recording; none where there was none.
    pub model: Option<ModelAgreement>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_why: Option<&'static str>,
}

impl OutOfMemory {
    /// The most blocks that are listed.
    pub const PINS: usize = 1000;

    /// What stands before the remedies: where the job needed more than the request, they are the request's alone.
    pub fn alone(&self) -> &'static str {
        if self.verdict == Verdict::Capacity && self.need.is_some() { "the request alone: " } else { "" }
    }

    /// Whether the headline says more than how the evidence begins.
    pub fn adds_a_headline(&self) -> bool {
        !self.evidence.recorded().starts_with(self.headline.recorded())
    }
}

/// What a job needed when a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobNeed {
    /// What needs it: `module` or `phase`.
    pub what: &'static str,
    /// Its name.
    pub name: Text,
    /// All that it needs.
    pub bytes: Bytes,
    /// What it computes with beside that: what was seen, or the least that is assumed.
    pub work_bytes: Bytes,
    /// What of it was there.
    pub there_bytes: Bytes,
    /// What was missing, the failed request included.
    pub still_bytes: Bytes,
}

/// A way to have less on the device at a time, and what the recorded models would need with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Strategy {
    /// What is on the device at a time: `one model` or `one part of a model`.
    pub keeps: &'static str,
    /// How the engine is told so.
    pub setting: Text,
    /// What is needed at the peak: the largest of what takes turns, and what it computes with.
    pub bytes: Bytes,
    /// The weights among it.
    pub weights_bytes: Bytes,
    /// The module that needs it.
    pub module: Text,
    /// Not all of the models were seen to compute, so it may be more.
    pub at_least: bool,
    /// Whether the device had that much for this process; null where it is not known.
    pub fits: Option<bool>,
}

/// A block that stands in the way of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// Where it starts.
    pub address: Address,
    /// How long it is.
    pub bytes: Bytes,
    /// The module that owned it, or `(none)`.
    pub module: Text,
    /// The scopes it was allocated in, or `(none)`.
    pub scope: Text,
}

/// What would have let a request through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What.
    pub what: Text,
    /// What it is about: how much was released, how large the request, how much more was needed; for a setting, what the device
    /// would have had left.
    pub bytes: Bytes,
    /// How that is known.
    pub proof: Proof,
}

/// How it is known that a remedy lets a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// A model of the allocator in the recorded state served the request with it.
    State,
    /// A model of the allocator followed the whole course with it and served the request, and one with the recorded settings
    /// failed where the recorded allocator did, with as much reserved.
    Course,
}

/// What would not have let a request through, or is not known to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InVain {
    /// What was tried.
    pub what: Text,
    /// Why it does not help, or why nobody can tell.
    pub why: Text,
    /// Whether a model followed the whole course with it, and the request failed all the same.
    pub refuted: bool,
}

/// A model of an allocator, given the recorded requests, beside the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelAgreement {
    /// By which rules the model went.
    pub rules: Text,
    /// Requests so far.
    pub allocs: u64,
    /// How many of them got a block of the recorded length.
    pub sizes_agree: u64,
    /// Events of blocks so far.
    pub events: u64,
    /// After how many of them the model had reserved as much as the recorded allocator.
    pub reserved_agrees: u64,
    /// The largest difference of the two, in bytes.
    pub most_difference_bytes: Bytes,
    /// What the model had reserved when the request failed, less what the recorded allocator had.
    pub difference_bytes: i64,
    /// Whether the model refused the request too.
    pub refused: bool,
}
