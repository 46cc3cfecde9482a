//! The definitions that a part of a trace refers to.

use hashbrown::{HashMap, HashSet};
use memtrace_format::{Definition, Event, NameId, StackId};

use crate::{ReadError, source::Log};

/// The stacks and names that events refer to. Other definitions are few, and all of them come along; so do names that are no frame's.
#[derive(Debug, Default)]
pub(super) struct References {
    stacks: HashSet<StackId>,
    names: HashSet<NameId>,
    /// The names of functions and files.
    of_frames: HashSet<NameId>,
}

impl References {
    /// The event is of the part, or of its baseline.
    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::BlockAlloc(alloc) => _ = self.stacks.insert(alloc.stack),
            Event::SegmentAlloc(segment)
            | Event::SegmentFree(segment)
            | Event::SegmentMap(segment)
            | Event::SegmentUnmap(segment) => _ = self.stacks.insert(segment.stack),
            Event::OutOfMemory(failed) => _ = self.stacks.insert(failed.stack),
            Event::ScopeBegin { name, .. }
            | Event::ScopeEnd { name }
            | Event::Mark { name, .. }
            | Event::HeapMark { name, .. } => _ = self.names.insert(*name),
            _ => {}
        }
    }

    /// All events are known: follows stacks to their callers, and to the names in them.
    pub(super) fn follow(&mut self, trace: &Log) -> Result<(), ReadError> {
        let mut frames = HashMap::new();
        trace.each_definition(|definition| {
            if let Definition::Stack(id, frame) = definition {
                let names = [NameId(frame.function), NameId(frame.file)];
                self.of_frames.extend(names);
                frames.entry(id).or_insert((StackId(frame.parent), names));
            }
        })?;
        let mut next: Vec<StackId> = self.stacks.iter().copied().collect();
        while let Some(id) = next.pop() {
            let Some((parent, names)) = frames.remove(&id) else { continue };
            self.names.extend(names);
            self.stacks.insert(parent);
            next.push(parent);
        }
        Ok(())
    }

    /// Whether the part needs this definition.
    pub(super) fn need(&self, definition: &Definition) -> bool {
        match definition {
            Definition::Stack(id, _) => self.stacks.contains(id),
            Definition::Name(id, _) => self.names.contains(id) || !self.of_frames.contains(id),
            _ => true,
        }
    }
}
