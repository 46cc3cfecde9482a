//! The command line, as typed and as meant.

mod faults;
mod remedies;

use std::path::PathBuf;

use clap::Parser;

pub(crate) use self::faults::Faults;
pub(crate) use self::remedies::Remedies;
use crate::driver::Choice;
use crate::model::{Family, Scale};
use crate::pipeline::Request;
use crate::quantity::Bytes;
use crate::tier::Tier;

/// A miniature Stable Diffusion host that really moves bytes.
///
/// Set MEMTRACE_FILE=run.%p.trace to record what it does.
#[derive(Clone, Debug, Parser)]
// The last of an option given twice counts, so that a script's defaults can be overridden behind it.
#[command(version, about, args_override_self = true)]
pub(crate) struct Options {
    /// The family of models
    #[arg(long, value_enum, default_value = "sd15")]
    pub(crate) model: Family,

    /// How little of the model is on the device at a time
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) tier: Tier,

    /// Factor on the real models' sizes, of weights and activations alike
    #[arg(long, default_value = "1/32", value_name = "FACTOR")]
    pub(crate) scale: Scale,

    /// The device's memory, such as 512MiB [default: what this run needs and a little more]
    #[arg(long, value_name = "BYTES")]
    pub(crate) capacity: Option<Bytes>,

    /// Where to run; host is host memory that stands for a device's
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) device: Choice,

    /// Denoising steps of a job
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) steps: u32,

    /// Images of a job
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) batch: u32,

    /// Width of an image, a multiple of 64 [default: what the model was trained for]
    #[arg(long, value_name = "PIXELS", value_parser = resolution)]
    pub(crate) width: Option<u32>,

    /// Height of an image, a multiple of 64 [default: what the model was trained for]
    #[arg(long, value_name = "PIXELS", value_parser = resolution)]
    pub(crate) height: Option<u32>,

    /// Jobs for each checkpoint that is loaded [default: one a thread]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) jobs: Option<u32>,

    /// Request streams; with more than one, each runs on a thread of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: u32,

    /// How long every forward computes at least, in microseconds: a wait, for nothing is computed
    #[arg(long, value_name = "US", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) compute: u32,

    /// Start from an image, so that the VAE encodes too
    #[arg(long)]
    pub(crate) from_image: bool,

    /// Seed of the first job; the others count on from it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Distinct checkpoints to switch between
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) checkpoints: u32,

    /// How often to switch to the next checkpoint, as an XYZ plot does
    #[arg(long, value_name = "M", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub(crate) switches: u32,

    /// Go on with the next job after one failed, and exit with 0
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Folder of the checkpoint files, written on first use [default: in the temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) weights: Option<PathBuf>,

    /// Print the books as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// File to keep each thread's number of recorded events in: a u64 at every 64th byte, the main thread's first
    #[arg(long, value_name = "FILE")]
    pub(crate) acks: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) faults: Faults,

    #[command(flatten)]
    pub(crate) remedies: Remedies,
}

impl Options {
    pub(crate) fn request(&self) -> Request {
        let native = self.model.native_resolution();
        Request {
            steps: self.steps,
            batch: self.batch,
            width: self.width.unwrap_or(native),
            height: self.height.unwrap_or(native),
            from_image: self.from_image,
        }
    }

    pub(crate) fn jobs(&self) -> u32 {
        self.jobs.unwrap_or(self.threads)
    }

    pub(crate) fn weights(&self) -> PathBuf {
        let default = || std::env::temp_dir().join("memtrace-diffusion-weights");
        self.weights.clone().unwrap_or_else(default)
    }
}

/// The UNet halves the latent three times, and the latent is an eighth of the image.
fn resolution(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(pixels) if pixels % 64 == 0 && (64..=4096).contains(&pixels) => Ok(pixels),
        _ => Err(format!("'{text}' is not a multiple of 64 from 64 to 4096; try 512 or 768")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn sizes_that_the_unet_cannot_halve_are_refused() {
        assert!(Options::try_parse_from(["diffusion", "--width", "500"]).is_err());
        assert!(Options::try_parse_from(["diffusion", "--width", "640"]).is_ok());
    }
}
