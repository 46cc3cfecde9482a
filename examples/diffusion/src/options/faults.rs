//! Faults that a run plants on purpose, so that an analysis has something to find.

use serde::Serialize;

/// Each is a mistake that engines are known for.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
#[command(next_help_heading = "Faults, to be found in the trace")]
pub(crate) struct Faults {
    /// Leave the UNet's hooks on when a checkpoint is unloaded, and with them what they hold on to
    #[arg(long)]
    pub(crate) leak: bool,

    /// Keep what was read of each checkpoint's text encoders on the host, beside the weights made of it
    #[arg(long)]
    pub(crate) host_leak: bool,

    /// Load the VAE once more for previews, under the name preview_vae
    #[arg(long, requires = "previews")]
    pub(crate) duplicate: bool,

    /// Load an upscaler to the device that no job uses
    #[arg(long)]
    pub(crate) unused: bool,

    /// Make the first job's images twice as wide and high, so that the cache keeps what only that job needed
    #[arg(long)]
    pub(crate) hoard: bool,

    /// Fill the device with an extension that keeps a small block in every segment, and ask for more than any hole
    #[arg(long)]
    pub(crate) fragment: bool,

    /// Decode a preview after every N-th step; where UNet and VAE take turns, they change places twice for it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) previews: Option<u32>,
}
