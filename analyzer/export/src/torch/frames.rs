//! Stacks as lists of frames, each frame and each list written once.

use std::io::{self, Write};

use hashbrown::HashMap;
use memtrace_analysis::Definitions;
use memtrace_format::{ModuleId, StackId};

use super::pickle::{Item, Pickle, Remembered};

/// The most lists that are remembered; beyond, they are written anew.
const KEPT: usize = 1 << 20;

/// The placeholder of PyTorch for an unknown function or file.
const UNKNOWN: &str = "??";

/// The file of a frame that is a module: snapshots know no modules.
const MODULE: &str = "module";

/// Frames and lists of them that were written.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    definitions: &'a Definitions,
    /// A frame of machine code is several calls, where functions were inlined.
    frames: HashMap<StackId, Vec<Remembered>>,
    modules: HashMap<ModuleId, Remembered>,
    lists: HashMap<(StackId, ModuleId), Remembered>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(definitions: &'a Definitions) -> Self {
        let (frames, modules, lists) = Default::default();
        Self { definitions, frames, modules, lists }
    }

    /// The frames of a stack, innermost first, and outside of them the module that it was done for, if there is one.
    pub(super) fn list<W: Write>(
        &mut self,
        pickle: &mut Pickle<W>,
        stack: StackId,
        module: ModuleId,
    ) -> io::Result<Remembered> {
        if let Some(&known) = self.lists.get(&(stack, module)) {
            return Ok(known);
        }
        let mut frames = Vec::new();
        for id in self.definitions.stack_ids(stack) {
            frames.extend(self.frame(pickle, id)?);
        }
        if !module.is_none() {
            frames.push(self.module(pickle, module)?);
        }
        let list = pickle.list_of(&frames)?;
        if self.lists.len() < KEPT {
            self.lists.insert((stack, module), list);
        }
        Ok(list)
    }

    fn frame<W: Write>(&mut self, pickle: &mut Pickle<W>, id: StackId) -> io::Result<Vec<Remembered>> {
        if let Some(known) = self.frames.get(&id) {
            return Ok(known.clone());
        }
        let frames = match self.definitions.calls(id) {
            None => vec![written(pickle, UNKNOWN, UNKNOWN, 0)?],
            Some(calls) => {
                let written = calls.iter().map(|call| {
                    written(pickle, &call.function, call.file.as_deref().unwrap_or(UNKNOWN), call.line)
                });
                written.collect::<io::Result<_>>()?
            }
        };
        self.frames.insert(id, frames.clone());
        Ok(frames)
    }

    fn module<W: Write>(&mut self, pickle: &mut Pickle<W>, id: ModuleId) -> io::Result<Remembered> {
        if let Some(&known) = self.modules.get(&id) {
            return Ok(known);
        }
        let name = self.definitions.module_name(id);
        let frame = written(pickle, name.recorded(), MODULE, 0)?;
        self.modules.insert(id, frame);
        Ok(frame)
    }
}

fn written<W: Write>(pickle: &mut Pickle<W>, name: &str, file: &str, line: u32) -> io::Result<Remembered> {
    pickle.dict_of(&[
        ("name", Item::Text(name)),
        ("filename", Item::Text(file)),
        ("line", Item::Number(line.into())),
    ])
}
