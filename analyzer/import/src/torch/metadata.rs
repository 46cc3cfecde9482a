//! What a program says of its memory along with PyTorch's events (`user_metadata`): a scope around what it was said of, and a module where an
//! `annotate` event says it of one block.

use hashbrown::HashMap;
use memtrace_format::{Event as Logged, ModuleId, ThreadId, Ticks};

use super::{event::Event, keys::USER_METADATA, stacks::Stacks};
use crate::{
    ImportError,
    pickle::{Arena, StringId},
    writer::LogWriter,
};

/// What is said of the latest block, and what was said of blocks.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    open: Option<StringId>,
    modules: HashMap<StringId, ModuleId>,
}

/// What the program said along with an event.
pub(super) fn of(arena: &Arena, event: &Event<'_>) -> Option<StringId> {
    let text = event.dict.string(USER_METADATA).ok().flatten()?;
    (!arena.string(text).is_empty()).then_some(text)
}

impl Metadata {
    /// From now on this is said, or nothing.
    pub(super) fn say(
        &mut self,
        said: Option<StringId>,
        (thread, now): (ThreadId, Ticks),
        stacks: &mut Stacks<'_>,
        log: &mut LogWriter,
    ) -> Result<(), ImportError> {
        if said == self.open {
            return Ok(());
        }
        if let Some(over) = std::mem::replace(&mut self.open, said) {
            let name = stacks.name(over, log)?;
            log.event(thread, now, &Logged::ScopeEnd { name })?;
        }
        if let Some(said) = said {
            let name = stacks.name(said, log)?;
            log.event(thread, now, &Logged::ScopeBegin { name, phase: false })?;
        }
        Ok(())
    }

    /// What a block of so many bytes is said to be, as a module.
    pub(super) fn module(
        &mut self,
        said: StringId,
        bytes: u64,
        arena: &Arena,
        log: &mut LogWriter,
    ) -> Result<ModuleId, ImportError> {
        if let Some(&known) = self.modules.get(&said) {
            return Ok(known);
        }
        let id = log.module(&String::from_utf8_lossy(arena.string(said)), bytes)?;
        self.modules.insert(said, id);
        Ok(id)
    }
}
