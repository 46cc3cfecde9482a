//! Request streams: where jobs run, on the main thread or on threads of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use anyhow::Context;

use crate::checkpoint::Checkpoint;
use crate::fingerprint::Fingerprint;
use crate::pipeline::{Job, Pipeline};
use crate::recording::{self, Mark};

/// How a job ended.
pub(crate) struct Outcome {
    pub(crate) job: Job,
    pub(crate) result: anyhow::Result<Fingerprint>,
}

/// The streams of a run; they end when this is dropped.
pub(crate) enum Streams {
    Here(Pipeline),
    Threads(Vec<Sender<Order>>),
}

/// A job for a thread, with the checkpoint that is loaded now.
pub(crate) struct Order {
    checkpoint: Arc<Checkpoint>,
    job: Job,
    done: Sender<Outcome>,
}

impl Streams {
    /// One stream runs where its jobs are asked for; more get a thread each.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        pipeline: &Pipeline,
        count: u32,
    ) -> anyhow::Result<Streams> {
        if count == 1 {
            return Ok(Streams::Here(pipeline.clone()));
        }
        let threads = (1..=count as usize).map(|slot| {
            let (orders, queue) = channel();
            let pipeline = pipeline.clone();
            std::thread::Builder::new()
                .name(recording::thread_name(slot))
                .spawn_scoped(scope, move || {
                    recording::enter_thread(slot);
                    serve(&pipeline, &queue);
                })
                .context("cannot start a thread; try fewer --threads")?;
            Ok(orders)
        });
        Ok(Streams::Threads(threads.collect::<anyhow::Result<_>>()?))
    }

    /// Runs jobs, dealt to the streams in turn, and hands each outcome on as it comes. When `outcome` says no, no
    /// further jobs begin.
    pub(crate) fn run(
        &self,
        checkpoint: &Arc<Checkpoint>,
        jobs: impl Iterator<Item = Job>,
        mut outcome: impl FnMut(Outcome) -> bool,
    ) {
        match self {
            Streams::Here(pipeline) => {
                for job in jobs {
                    if !outcome(run(pipeline, checkpoint, job)) {
                        break;
                    }
                }
            }
            Streams::Threads(streams) => {
                let jobs: Vec<Job> = jobs.collect();
                for turn in jobs.chunks(streams.len()) {
                    // Made anew for each turn, so that a thread that panics ends the turn instead of stalling it.
                    let (done, outcomes) = channel();
                    for (stream, job) in streams.iter().zip(turn) {
                        let order =
                            Order { checkpoint: Arc::clone(checkpoint), job: *job, done: done.clone() };
                        assert!(stream.send(order).is_ok(), "streams live until their orders end");
                    }
                    drop(done);
                    let mut go_on = true;
                    for ended in outcomes {
                        go_on &= outcome(ended);
                    }
                    if !go_on {
                        break;
                    }
                }
            }
        }
    }
}

fn serve(pipeline: &Pipeline, queue: &Receiver<Order>) {
    for Order { checkpoint, job, done } in queue {
        let outcome = run(pipeline, &checkpoint, job);
        // Whoever hears of the last outcome may unload the checkpoint, so this thread lets go of it first.
        drop(checkpoint);
        if done.send(outcome).is_err() {
            return;
        }
    }
}

fn run(pipeline: &Pipeline, checkpoint: &Checkpoint, job: Job) -> Outcome {
    let result = pipeline.run(checkpoint, job);
    let after = pipeline.after_job();
    let result = result.and_then(|image| after.map(|()| image));
    Mark::JobEnd.record();
    pipeline.machine.books.job_ended(result.is_ok());
    Outcome { job, result }
}
