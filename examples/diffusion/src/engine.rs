//! A run from beginning to end: load a checkpoint, run its jobs, switch to the next, unload.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::books::{Report, RunReport};
use crate::capacity;
use crate::checkpoint::{Checkpoint, Loader};
use crate::driver;
use crate::extension::Extension;
use crate::fingerprint::Fingerprint;
use crate::hook::Hooks;
use crate::machine::Machine;
use crate::model::Model;
use crate::options::Options;
use crate::pipeline::{Job, Pipeline};
use crate::pressure;
use crate::recording::{self, Mark, Phase, Reason};
use crate::residency::{Residency, Room};
use crate::streams::{Outcome, Streams};
use crate::tier::Frugality;
use crate::weights::{CheckpointFile, CheckpointNumber};

/// Runs what the options ask for and closes the books. What goes wrong before there are books is an error; what goes
/// wrong later stands in the report.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let model = Arc::new(Model::new(options.model, options.scale));
    let frugality = options.tier.applied_to(options.model);
    let needed = capacity::needed(&model, frugality, options);
    let driver = driver::open(options.device, options.capacity.unwrap_or(needed), options.capacity)?;
    let files = open_files(options, &model, 1..=options.checkpoints)?;
    let unused = options.checkpoints + 1..=options.checkpoints + u32::from(options.faults.unused);
    let unused = open_files(options, &model, unused)?;

    let slots = if options.threads == 1 { 1 } else { options.threads as usize + 1 };
    recording::start(options.acks.as_deref(), slots)?;
    let machine =
        Machine::new(driver, options.remedies.pinned, Duration::from_micros(options.compute.into()));
    let residency = Arc::new(match frugality {
        Frugality::Resident => Residency::Everything(Arc::clone(&machine)),
        Frugality::WholeUnits | Frugality::SplitUnet => {
            Residency::turns(&machine, options.remedies.resident.map_or(Room::ForOne, Room::For))
        }
    });
    // Like a web UI's, the list of hooks lives as long as the process: what is still in it at the end never goes.
    let hooks: &Hooks = Box::leak(Box::default());
    let loader = Loader {
        machine: &machine,
        residency: &residency,
        hooks,
        model: &model,
        frugality,
        faults: &options.faults,
        share: options.remedies.share,
        unused: unused.first(),
    };
    let pipeline = Pipeline {
        machine: Arc::clone(&machine),
        residency: Arc::clone(&residency),
        model: Arc::clone(&model),
        request: options.request(),
        previews: options.faults.previews,
        hoard: options.faults.hoard,
        empty_cache: options.remedies.empty_cache,
        device_pressure: options.remedies.device_pressure,
    };

    let mut rounds = Rounds {
        options,
        loader: &loader,
        files: &files,
        kept: Vec::new(),
        digest: Fingerprint::default(),
        completed: false,
        error: None,
    };
    std::thread::scope(|scope| {
        let streams = Streams::start(scope, &pipeline, options.threads)?;
        match rounds.run(&streams) {
            Ok(completed) => rounds.completed = completed,
            Err(error) => rounds.complain(format!("{error:#}")),
        }
        anyhow::Ok(())
    })?;

    let mut report = machine.report(describe(options));
    report.digest = rounds.digest.to_string();
    report.completed = rounds.completed;
    report.error = rounds.error;
    report.threads = recording::threads();
    Ok(report)
}

/// The rounds of a run, one for each checkpoint that is loaded in turn.
struct Rounds<'a> {
    options: &'a Options,
    loader: &'a Loader<'a>,
    files: &'a [Arc<CheckpointFile>],
    /// Checkpoints that are put aside, by their files' indices, the least recently used first.
    kept: Vec<(usize, Checkpoint)>,
    digest: Fingerprint,
    completed: bool,
    error: Option<String>,
}

impl Rounds<'_> {
    /// Says whether all rounds were run.
    fn run(&mut self, streams: &Streams) -> anyhow::Result<bool> {
        let mut checkpoint = self.load(0)?;
        let extension = match self.options.faults.fragment {
            true => Some(Extension::install(&self.loader.machine.device)?),
            false => None,
        };
        let mut go_on = true;
        for round in 0..=self.options.switches {
            if round > 0 {
                checkpoint = self.switch(checkpoint, round)?;
            }
            let shared = Arc::new(checkpoint);
            go_on = self.jobs(streams, &shared, round);
            checkpoint = Arc::into_inner(shared).expect("streams let go of a checkpoint when its jobs end");
            if pressure::host_is_short(self.options.remedies.host_pressure) {
                self.drop_kept(0, Reason::Pressure)?;
            }
            if !go_on {
                break;
            }
        }
        let _phase = Phase::Unload.enter();
        drop(extension);
        self.loader.unload(checkpoint, Reason::Explicit)?;
        for (_, kept) in self.kept.drain(..) {
            self.loader.unload(kept, Reason::Explicit)?;
        }
        Ok(go_on)
    }

    /// Runs a round's jobs, and says whether there should be another round.
    fn jobs(&mut self, streams: &Streams, checkpoint: &Arc<Checkpoint>, round: u32) -> bool {
        let count = self.options.jobs();
        let jobs = (round * count..(round + 1) * count)
            .map(|number| Job { number, seed: self.options.seed.wrapping_add(u64::from(number)) });
        let mut go_on = true;
        streams.run(checkpoint, jobs, |Outcome { job, result }| {
            match result {
                Ok(image) => self.digest = self.digest.beside(image),
                Err(error) => {
                    self.complain(format!("job {} failed: {error:#}", job.number + 1));
                    go_on &= self.options.keep_going;
                }
            }
            go_on
        });
        go_on
    }

    /// Says at once what went wrong, for whoever watches, and keeps the first of it for the report.
    fn complain(&mut self, error: String) {
        eprintln!("diffusion: {error}");
        self.error.get_or_insert(error);
    }

    fn switch(&mut self, old: Checkpoint, round: u32) -> anyhow::Result<Checkpoint> {
        let _phase = Phase::Switch.enter();
        Mark::Switch.record();
        self.loader.park(&old)?;
        self.kept.push((self.index(round - 1), old));
        let index = self.index(round);
        let Some(at) = self.kept.iter().position(|(kept, _)| *kept == index).filter(|_| self.keeps()) else {
            self.drop_kept(self.options.remedies.keep as usize - 1, Reason::Capacity)?;
            return self.load(round);
        };
        let (_, checkpoint) = self.kept.remove(at);
        self.loader.unpark(&checkpoint)?;
        self.loader.machine.books.remedied(|book| &mut book.reused, checkpoint.bytes);
        Ok(checkpoint)
    }

    /// Whether a checkpoint is kept when another is in use.
    fn keeps(&self) -> bool {
        self.options.remedies.keep > 1
    }

    /// Drops the least recently used of the kept checkpoints until so many are left.
    fn drop_kept(&mut self, left: usize, why: Reason) -> anyhow::Result<()> {
        while self.kept.len() > left {
            let (_, checkpoint) = self.kept.remove(0);
            if self.keeps() {
                self.loader.machine.books.remedied(|book| &mut book.dropped, checkpoint.bytes);
            }
            self.loader.unload(checkpoint, why)?;
        }
        Ok(())
    }

    fn index(&self, round: u32) -> usize {
        round as usize % self.files.len()
    }

    fn load(&self, round: u32) -> anyhow::Result<Checkpoint> {
        let index = self.index(round);
        let name = (self.files.len() > 1).then(|| format!("checkpoint-{}", index + 1));
        self.loader.load(&self.files[index], name.as_deref())
    }
}

fn open_files(
    options: &Options,
    model: &Model,
    numbers: RangeInclusive<u32>,
) -> anyhow::Result<Vec<Arc<CheckpointFile>>> {
    let numbers = numbers.map(CheckpointNumber);
    numbers.map(|number| Ok(Arc::new(CheckpointFile::open(&options.weights(), model, number)?))).collect()
}

fn describe(options: &Options) -> RunReport {
    RunReport {
        engine: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        model: options.model.name(),
        tier: options.tier.name(),
        scale: options.scale.to_string(),
        checkpoints: options.checkpoints,
        switches: options.switches,
        seed: options.seed,
        faults: options.faults.clone(),
        remedies: options.remedies.clone(),
    }
}
