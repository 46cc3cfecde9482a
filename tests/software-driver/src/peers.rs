//! Which contexts may use the memory of which others.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::code::Code;
use crate::handle::{self, Handle};

/// Pairs of a context and the one whose memory it may use.
pub(crate) struct Peers(Mutex<HashSet<(Handle, Handle)>>);

impl Peers {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashSet::new()))
    }

    pub(crate) fn enable(&self, context: Handle, peer: Handle) -> Result<(), Code> {
        if handle::lock(&self.0).insert((context, peer)) {
            Ok(())
        } else {
            Err(Code::PEER_ACCESS_ALREADY_ENABLED)
        }
    }

    pub(crate) fn disable(&self, context: Handle, peer: Handle) -> Result<(), Code> {
        if handle::lock(&self.0).remove(&(context, peer)) {
            Ok(())
        } else {
            Err(Code::PEER_ACCESS_NOT_ENABLED)
        }
    }
}
