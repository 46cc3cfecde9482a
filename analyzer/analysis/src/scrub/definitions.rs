//! Definitions with pseudonyms.

use hashbrown::HashSet;
use memtrace_format::{Definition, NameId, NotSampled, SampledCounter, well_known};

use super::pseudonyms::{Key, Pseudonyms};
use crate::{ReadError, Text, allocator_model::SETTING, source::Log};

/// Which names stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// Those of modules, and what tells their weights from others.
    pub modules: bool,
    /// Those of phases, scopes and marks.
    pub scopes: bool,
    /// Those of threads.
    pub threads: bool,
    /// Those of functions and files.
    pub stacks: bool,
    /// Those of the program's own counters.
    pub counters: bool,
    /// The engine's, and its version.
    pub engine: bool,
}

/// How many names that stay are told.
const TOLD: usize = 40;

/// Replaces names in definitions.
pub(super) struct Definitions<'a> {
    key: &'a Key,
    keep: &'a Keep,
    pseudonyms: Pseudonyms<'a>,
    of_frames: HashSet<NameId>,
    threads: u32,
    kept: Vec<String>,
}

impl<'a> Definitions<'a> {
    pub(super) fn new(trace: &Log, key: &'a Key, keep: &'a Keep) -> Result<Self, ReadError> {
        let mut of_frames = HashSet::new();
        trace.each_definition(|definition| {
            if let Definition::Stack(_, frame) = definition {
                of_frames.extend([NameId(frame.function), NameId(frame.file)]);
            }
        })?;
        let pseudonyms = Pseudonyms::new(key);
        Ok(Self { key, keep, pseudonyms, of_frames, threads: 0, kept: Vec::new() })
    }

    /// How many words were replaced, and names that stayed.
    pub(super) fn told(self) -> (u64, Vec<String>) {
        (self.pseudonyms.count(), self.kept)
    }

    pub(super) fn scrubbed(&mut self, definition: Definition) -> Definition {
        let keep = self.keep;
        match definition {
            Definition::Name(id, mut name) => {
                let kept = if self.of_frames.contains(&id) { keep.stacks } else { keep.scopes };
                name.text = self.unless(kept || means_the_same(&name.text), &name.text);
                Definition::Name(id, name)
            }
            Definition::Thread(id, mut thread) => {
                self.threads += 1;
                (thread.os_id, thread.name) = (self.threads, self.unless(keep.threads, &thread.name));
                Definition::Thread(id, thread)
            }
            Definition::Device(id, device) => {
                self.stays(&device.name);
                Definition::Device(id, device)
            }
            Definition::Heap(id, mut heap) => {
                heap.name = self.pseudonyms.text(&heap.name);
                Definition::Heap(id, heap)
            }
            Definition::Pool(id, mut pool) => {
                // Which pool serves small requests is told by the beginning of its name.
                let class =
                    ["large", "small"].into_iter().find(|class| pool.name.starts_with(class)).unwrap_or("");
                pool.name = format!("{class}{}", self.pseudonyms.text(&pool.name[class.len()..]));
                pool.stream = if pool.stream == 0 { 0 } else { self.key.number("stream", pool.stream) };
                Definition::Pool(id, pool)
            }
            Definition::Module(id, mut module) => {
                module.name = self.unless(keep.modules, &module.name);
                let fingerprint = |it| if keep.modules { it } else { self.key.number("fingerprint", it) };
                module.fingerprint = module.fingerprint.map(fingerprint);
                Definition::Module(id, module)
            }
            Definition::Counter(id, mut counter) => {
                let totals =
                    [well_known::ALLOCATED_TOTAL, well_known::REQUESTED_TOTAL, well_known::RESERVED_TOTAL]
                        .into_iter();
                let heap = totals.clone().find_map(|total| Some((counter.name.strip_suffix(total)?, total)));
                counter.name = match heap {
                    Some((heap, total)) => self.pseudonyms.text(heap) + total,
                    None if counter.name.starts_with(well_known::OTHER_PROCESS) => {
                        let process = counter.name.split_off(well_known::OTHER_PROCESS.len());
                        counter.name + &self.pseudonyms.text(&process)
                    }
                    None => {
                        let sampled = SampledCounter::named(&counter.name).is_some();
                        self.unless(keep.counters || sampled, &counter.name)
                    }
                };
                Definition::Counter(id, counter)
            }
            Definition::Stack(id, mut stack) => {
                if !keep.stacks && stack.address != 0 {
                    stack.address = self.key.number("code", stack.address) >> 16;
                }
                Definition::Stack(id, stack)
            }
            Definition::Engine(mut engine) => {
                engine.name = self.unless(keep.engine, &engine.name);
                engine.version = self.unless(keep.engine, &engine.version);
                Definition::Engine(engine)
            }
            // Of a kind that a later version adds: a reader has not handed it out.
            other => other,
        }
    }

    fn unless(&mut self, kept: bool, name: &str) -> String {
        if kept {
            self.stays(name);
            return name.to_owned();
        }
        self.pseudonyms.text(name)
    }

    fn stays(&mut self, name: &str) {
        if !name.is_empty() && self.kept.len() < TOLD {
            self.kept.push(Text::new(name).to_string());
        }
    }
}

fn means_the_same(name: &str) -> bool {
    [well_known::WEIGHTS_PHASE, well_known::PROFILE_PHASE, well_known::RELEASED_MARK].contains(&name)
        || NotSampled::parse(name).is_some()
        || name.starts_with(SETTING)
        || name.starts_with(well_known::IMPORT_NOTE)
}
