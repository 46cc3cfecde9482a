//! The facts of a file, as `memtrace info` prints them.

use std::collections::BTreeMap;

use memtrace_format::Bytes;
use serde::Serialize;

use super::TraceInfo;
use crate::Text;

/// What a file is and what is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// The length of the file.
    pub file_bytes: Bytes,
    /// Tells this recording from every other, in hexadecimal.
    pub session: String,
    /// The recording itself.
    pub trace: TraceInfo,
    /// Events by kind; kinds without events are left out.
    pub events_by_kind: BTreeMap<&'static str, u64>,
    /// Definitions by kind.
    pub definitions: BTreeMap<&'static str, u64>,
    /// Every thread that recorded something.
    pub threads: Vec<Thread>,
}

/// A thread and how much it recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Thread {
    /// Its number in the trace.
    pub id: u32,
    /// Its name.
    pub name: Text,
    /// The kernel's id of it.
    pub os_id: Option<u32>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_id_why: Option<&'static str>,
    /// Its events.
    pub events: u64,
    /// Its chunks.
    pub chunks: u64,
}
