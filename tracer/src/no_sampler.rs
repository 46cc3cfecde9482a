//! Stands in for the sampler where the feature `samples` is off.

use crate::{Sampling, message::say, session::Session};

/// Nothing.
pub(crate) struct Sampler;

impl Sampler {
    /// Says that nothing is sampled, if the user asked for something.
    pub(crate) fn start(_: &'static Session, sampling: &Sampling) -> Self {
        if let Some(plan) = sampling.plans().find(|plan| plan.asked_for) {
            let name = plan.source.name();
            say(format_args!("{name} is not sampled: the tracer was built without its feature `samples`"));
        }
        Self
    }

    /// As a child's parent.
    pub(crate) fn start_in_child(_: &'static Session, _: &Sampling) -> Self {
        Self
    }

    /// There is nothing to end.
    pub(crate) fn stop(&self) {}
}
