//! Phases, scopes and marks: every name that the engine uses stands here.

use memtrace_tracer as memtrace;

use super::{Acknowledged, Reason, acknowledge};
use crate::quantity::Bytes;

/// The stages of a run.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Load,
    EncodePrompt,
    EncodeImage,
    Denoise,
    Decode,
    Switch,
    Unload,
}

/// What happens many times.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    Job,
    Step,
    Preview,
    /// What reading a checkpoint leaves on the host if nobody drops it.
    StateDict,
    /// What takes memory in pieces and gives most of it back.
    Extension,
}

/// Instants.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    JobEnd,
    Switch,
    /// A second name turned out to mean weights that are loaded; so much was not loaded again.
    Shared(Bytes),
    /// Cached segments went back to the driver, and why.
    Released(Bytes, Reason),
}

/// A phase or scope that is open on this thread until this is dropped.
#[expect(dead_code, reason = "the guard acts when it is dropped")]
pub(crate) struct Span(Acknowledged<memtrace::Scope>);

impl Phase {
    pub(crate) fn enter(self) -> Span {
        Span(Acknowledged::begun(
            match self {
                Phase::Load => memtrace::phase!("load"),
                Phase::EncodePrompt => memtrace::phase!("encode prompt"),
                Phase::EncodeImage => memtrace::phase!("encode image"),
                Phase::Denoise => memtrace::phase!("denoise"),
                Phase::Decode => memtrace::phase!("decode"),
                Phase::Switch => memtrace::phase!("switch"),
                Phase::Unload => memtrace::phase!("unload"),
            },
            1,
        ))
    }
}

impl Scope {
    pub(crate) fn enter(self) -> Span {
        Span(Acknowledged::begun(
            match self {
                Scope::Job => memtrace::scope!("job"),
                Scope::Step => memtrace::scope!("step"),
                Scope::Preview => memtrace::scope!("preview"),
                Scope::StateDict => memtrace::scope!("state dict"),
                Scope::Extension => memtrace::scope!("extension"),
            },
            1,
        ))
    }
}

impl Mark {
    pub(crate) fn record(self) {
        match self {
            Mark::JobEnd => memtrace::mark!("job end"),
            Mark::Switch => memtrace::mark!("switch"),
            Mark::Shared(size) => memtrace::name!("shared, not loaded again").mark_with(size.0),
            Mark::Released(size, Reason::Pressure) => {
                memtrace::name!("cache released: pressure").mark_with(size.0);
            }
            Mark::Released(size, _) => memtrace::name!("cache released: policy").mark_with(size.0),
        }
        acknowledge();
    }
}
