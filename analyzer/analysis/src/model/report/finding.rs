//! Findings: verdict, evidence and advice of each rule.

use memtrace_format::Bytes;
use serde::Serialize;

use crate::{Nanos, Text};

/// What one rule says of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The rule's name, which stays the same from version to version.
    pub id: &'static str,
    /// What it comes to.
    pub verdict: FindingVerdict,
    /// What the rule is about, in a few words.
    pub title: &'static str,
    /// What is the case, with figures: a sentence or two. Empty if the rule does not apply.
    pub evidence: Text,
    /// What to try, in the words of those who run engines. Empty if nothing needs to be done.
    pub advice: Text,
    /// Why the rule does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Text>,
    /// Which part of the report has all of it.
    pub topic: Topic,
    /// When and to what it happened, the worst first; at most [`Finding::PLACES`].
    pub places: Vec<Place>,
}

impl Finding {
    /// The most places that a finding names.
    pub const PLACES: usize = 10;
}

/// What a finding comes to, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingVerdict {
    /// It costs the run much, or will end it.
    Fail,
    /// It costs something.
    Warn,
    /// It was looked for and is not there.
    Ok,
    /// The trace does not tell.
    Na,
}

impl FindingVerdict {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            Self::Warn => "WARN",
            Self::Ok => "OK",
            Self::Na => "N/A",
        }
    }

    /// Whether something is wrong.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Warn)
    }
}

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// The recording itself.
    Trace,
    /// Heaps: peaks and what was live.
    Peak,
    /// Heaps: holes and who pins them.
    Fragmentation,
    /// Requests that failed.
    Ooms,
    /// Where modules were.
    Residency,
    /// Transfers and swaps.
    Swaps,
    /// What did not come back.
    Growth,
    /// What device memory is made of.
    Ledger,
    /// What was sampled.
    Samples,
}

/// Where in a run something shows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Place {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<Nanos>,
    /// In which heap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap: Option<Text>,
    /// To which module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<Text>,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
}
