//! Phases, scopes and marks: every name that the engine uses stands here.

use memtrace_tracer as memtrace;

use super::{Acknowledged, acknowledge};

/// The stages of a run.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Load,
    EncodePrompt,
    EncodeImage,
    Denoise,
    Decode,
    Switch,
}

/// What happens many times.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    Job,
    Step,
}

/// Instants.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    JobEnd,
    Switch,
}

/// A phase or scope that is open on this thread until this is dropped.
#[expect(dead_code, reason = "the guard acts when it is dropped")]
pub(crate) struct Span(Acknowledged<memtrace::Scope>);

impl Phase {
    pub(crate) fn enter(self) -> Span {
        Span(Acknowledged::begun(match self {
            Phase::Load => memtrace::phase!("load"),
            Phase::EncodePrompt => memtrace::phase!("encode prompt"),
            Phase::EncodeImage => memtrace::phase!("encode image"),
            Phase::Denoise => memtrace::phase!("denoise"),
            Phase::Decode => memtrace::phase!("decode"),
            Phase::Switch => memtrace::phase!("switch"),
        }))
    }
}

impl Scope {
    pub(crate) fn enter(self) -> Span {
        Span(Acknowledged::begun(match self {
            Scope::Job => memtrace::scope!("job"),
            Scope::Step => memtrace::scope!("step"),
        }))
    }
}

impl Mark {
    pub(crate) fn record(self) {
        match self {
            Mark::JobEnd => memtrace::mark!("job end"),
            Mark::Switch => memtrace::mark!("switch"),
        }
        acknowledge();
    }
}
