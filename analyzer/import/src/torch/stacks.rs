//! Stacks as a tree: a frame is kept once below each frame that called it, however many events share it.

use hashbrown::HashMap;
use memtrace_format::{NameId, StackDefinition, StackId};

use super::keys::{FILENAME, LINE, NAME};
use super::schema::{Dict, SnapshotFault};
use crate::{
    ImportError,
    pickle::{Arena, Content, ObjectId, StringId, View},
    writer::LogWriter,
};

/// The most frames of all stacks together, each counted once below each caller. Real snapshots have some ten thousand.
const NODES: usize = 1 << 24;

/// What PyTorch writes where it knows no function or no file.
const UNKNOWN: &[u8] = b"??";

/// Frames of stacks by what they say.
#[derive(Debug)]
pub(super) struct Stacks<'a> {
    arena: &'a Arena,
    of_list: HashMap<Content, StackId>,
    /// The place of a dict's frame in `frames`.
    of_dict: HashMap<ObjectId, u32>,
    frames: Vec<Frame>,
    frame_ids: HashMap<Frame, u32>,
    nodes: HashMap<(StackId, u32), StackId>,
    names: HashMap<StringId, NameId>,
    /// The stack that was looked at last, from the outside in: the next one is mostly the same for a good part.
    latest: Vec<(u32, StackId)>,
    latest_frames: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Frame {
    function: NameId,
    file: NameId,
    line: u32,
}

impl<'a> Stacks<'a> {
    pub(super) fn new(arena: &'a Arena) -> Self {
        Self {
            arena,
            of_list: HashMap::new(),
            of_dict: HashMap::new(),
            frames: Vec::new(),
            frame_ids: HashMap::new(),
            nodes: HashMap::new(),
            names: HashMap::new(),
            latest: Vec::new(),
            latest_frames: Vec::new(),
        }
    }

    /// The name with this text.
    pub(super) fn name(&mut self, text: StringId, log: &mut LogWriter) -> Result<NameId, ImportError> {
        if let Some(&id) = self.names.get(&text) {
            return Ok(id);
        }
        let id = log.name(&String::from_utf8_lossy(self.arena.string(text)))?;
        self.names.insert(text, id);
        Ok(id)
    }

    /// The stack of a list of frames, innermost first.
    pub(super) fn stack(
        &mut self,
        list: Option<ObjectId>,
        log: &mut LogWriter,
    ) -> Result<StackId, ImportError> {
        let Some(list) = list else { return Ok(StackId::NONE) };
        let content = self.arena.content(list);
        if let Some(&known) = content.and_then(|content| self.of_list.get(&content)) {
            return Ok(known);
        }
        let mut frames = std::mem::take(&mut self.latest_frames);
        frames.clear();
        for item in self.arena.items(list) {
            if let Some(frame) = Dict::of(self.arena, item) {
                frames.push(self.frame(frame, log)?);
            }
        }
        frames.reverse();
        let same = self.latest.iter().zip(&frames).take_while(|((old, _), new)| old == *new).count();
        self.latest.truncate(same);
        let mut stack = self.latest.last().map_or(StackId::NONE, |&(_, stack)| stack);
        for &frame in &frames[same..] {
            stack = self.node(stack, frame, list, log)?;
            self.latest.push((frame, stack));
        }
        self.latest_frames = frames;
        if let Some(content) = content {
            self.of_list.insert(content, stack);
        }
        Ok(stack)
    }

    fn node(
        &mut self,
        parent: StackId,
        frame: u32,
        list: ObjectId,
        log: &mut LogWriter,
    ) -> Result<StackId, ImportError> {
        if let Some(&id) = self.nodes.get(&(parent, frame)) {
            return Ok(id);
        }
        if self.nodes.len() == NODES {
            let list = Dict { arena: self.arena, id: list };
            return Err(list.error(SnapshotFault::Stacks).into());
        }
        let Frame { function, file, line } = self.frames[frame as usize];
        let id = log.stack(StackDefinition {
            parent: parent.0,
            function: function.0,
            file: file.0,
            line,
            address: 0,
        })?;
        self.nodes.insert((parent, frame), id);
        Ok(id)
    }

    fn frame(&mut self, dict: Dict<'a>, log: &mut LogWriter) -> Result<u32, ImportError> {
        if let Some(&known) = self.of_dict.get(&dict.id) {
            return Ok(known);
        }
        let mut text = |name| match dict.view(name) {
            Some(View::String(text)) if !matches!(self.arena.string(text), b"" | UNKNOWN) => {
                self.name(text, log)
            }
            _ => Ok(NameId::NONE),
        };
        let (function, file) = (text(NAME)?, text(FILENAME)?);
        let line = match dict.view(LINE) {
            Some(View::Integer(line)) => u32::try_from(line).unwrap_or(0),
            _ => 0,
        };
        let frame = Frame { function, file, line };
        let next = self.frames.len() as u32;
        let id = *self.frame_ids.entry(frame).or_insert(next);
        if id == next {
            self.frames.push(frame);
        }
        self.of_dict.insert(dict.id, id);
        Ok(id)
    }
}
