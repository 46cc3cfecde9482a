//! Remedies against the faults of a run.

use serde::Serialize;

use crate::quantity::Bytes;

/// Each can be had with and without, and the two runs compared.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
#[command(next_help_heading = "Remedies")]
pub(crate) struct Remedies {
    /// Checkpoints to keep in host memory, the one in use among them; the least recently used is dropped for room
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) keep: u32,

    /// Recognise weights that are loaded already by their fingerprint, and share them
    #[arg(long)]
    pub(crate) share: bool,

    /// Give cached segments back to the driver after every job
    #[arg(long)]
    pub(crate) empty_cache: bool,

    /// Let units stay on the device while they take no more than this together, instead of one at a time
    #[arg(long, value_name = "BYTES")]
    pub(crate) resident: Option<Bytes>,

    /// When the device has less than this free after a step, give back cached segments, then units that nobody runs
    #[arg(long, value_name = "BYTES")]
    pub(crate) device_pressure: Option<Bytes>,

    /// When the host has less than this available after a job, drop kept checkpoints
    #[arg(long, value_name = "BYTES")]
    pub(crate) host_pressure: Option<Bytes>,

    /// Let weights wait in page-locked host memory, which copies faster
    #[arg(long)]
    pub(crate) pinned: bool,
}
