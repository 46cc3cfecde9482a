//! Definitions: the names and facts behind ids.

use hashbrown::HashMap;
use memtrace_format::{
    Address, ChunkHeader, CounterDefinition, CounterId, Definition, DeviceDefinition, DeviceId,
    EngineDefinition, HeapDefinition, HeapId, ModuleDefinition, ModuleId, NameId, PoolDefinition, PoolId,
    StackDefinition, StackId, ThreadDefinition, ThreadId, definitions, well_known,
};

use super::{
    ChunkReader, Directory, ReadError,
    file::LogFile,
    losses::{Fault, Losses},
    symbols::{self, Symbols},
};
use crate::{
    Text,
    model::{CallSite, HeapKey},
};

/// The most parents that are followed up: definitions may be damaged, and parents form a circle.
const DEPTH: usize = 64;

/// The most bytes of parents' names in a module's name; the outermost give way.
const PARENTS_TEXT: usize = 200;

/// The most frames of a stack that are shown.
const FRAMES: usize = 256;

/// The most bytes of a function's or a file's name in a frame.
const FRAME_TEXT: usize = 200;

/// Every definition of a trace that could be read. The first one of an id counts.
#[derive(Debug, Default)]
pub struct Definitions {
    names: HashMap<NameId, Text>,
    threads: HashMap<ThreadId, ThreadDefinition>,
    devices: HashMap<DeviceId, DeviceDefinition>,
    heaps: HashMap<HeapId, HeapDefinition>,
    pools: HashMap<PoolId, PoolDefinition>,
    modules: HashMap<ModuleId, ModuleDefinition>,
    counters: HashMap<CounterId, CounterDefinition>,
    stacks: HashMap<StackId, StackDefinition>,
    engine: Option<EngineDefinition>,
    thread_names: HashMap<String, u32>,
    symbols: Symbols,
}

/// What stands for an id whose definition is lost.
struct Lost<I>(I);

impl<I: std::fmt::Display> From<Lost<I>> for Text {
    fn from(lost: Lost<I>) -> Self {
        Self::new(format!("<lost {}>", lost.0))
    }
}

/// A module's parents, the nearest first; ends in a circle of parents too.
pub(crate) fn parents(definitions: &Definitions, module: ModuleId) -> impl Iterator<Item = ModuleId> + '_ {
    let parent =
        |id: &ModuleId| definitions.module(*id).map(|d| ModuleId(d.parent)).filter(|id| !id.is_none());
    std::iter::successors(parent(&module), parent).take(DEPTH)
}

impl Definitions {
    /// The heap that a pool is of.
    pub fn heap_key(&self, pool: PoolId) -> HeapKey {
        match self.pool(pool) {
            Some(definition) => HeapKey::Heap(HeapId(definition.heap)),
            None => HeapKey::LostPool(pool),
        }
    }

    pub(super) fn read(
        file: &LogFile,
        directory: &Directory,
        session: u64,
        losses: &mut Losses,
    ) -> Result<Self, ReadError> {
        let mut table = Self::default();
        Self::each(file, directory, session, losses, |definition| table.add(definition))?;
        Ok(table)
    }

    /// Hands every definition that can be read to `each`, in the order of the log.
    pub(super) fn each(
        file: &LogFile,
        directory: &Directory,
        session: u64,
        losses: &mut Losses,
        mut take: impl FnMut(Definition),
    ) -> Result<(), ReadError> {
        let mut reader = ChunkReader::new(session);
        for &offset in &directory.definitions {
            let Some(chunk) = reader.read(file, offset, losses)? else { continue };
            // A chunk whose checksum fails is still walked to its end: each definition has a checksum of its own.
            let unsure = chunk.fault.is_some();
            let body = &chunk.bytes[ChunkHeader::BYTES..];
            let body = if unsure { body } else { &body[..chunk.used] };
            let mut fault = chunk.fault.filter(|fault| matches!(fault, Fault::Chunk(_)));
            for definition in definitions(body) {
                match definition {
                    Ok(definition) => take(definition),
                    Err(error) if unsure => fault = fault.or(Some(Fault::Definition(error))),
                    Err(error) => fault = Some(Fault::Definition(error)),
                }
            }
            if let Some(fault) = fault.filter(|_| !matches!(chunk.fault, Some(Fault::Truncated { .. }))) {
                losses.chunk(offset, fault, 0);
            }
        }
        Ok(())
    }

    fn add(&mut self, definition: Definition) {
        match definition {
            Definition::Name(id, d) => drop(self.names.entry(id).or_insert_with(|| Text::new(d.text))),
            Definition::Thread(id, d) => {
                self.threads.entry(id).or_insert_with(|| {
                    *self.thread_names.entry(d.name.clone()).or_default() += 1;
                    d
                });
            }
            Definition::Device(id, d) => drop(self.devices.entry(id).or_insert(d)),
            Definition::Heap(id, d) => drop(self.heaps.entry(id).or_insert(d)),
            Definition::Pool(id, d) => drop(self.pools.entry(id).or_insert(d)),
            Definition::Module(id, d) => drop(self.modules.entry(id).or_insert(d)),
            Definition::Counter(id, d) => drop(self.counters.entry(id).or_insert(d)),
            Definition::Stack(id, d) => drop(self.stacks.entry(id).or_insert(d)),
            // A program is named after its file until it says its own name.
            Definition::Engine(d) => self.engine = Some(d),
            _ => {}
        }
    }

    /// How many there are of each kind, by the kind's name.
    pub fn counts(&self) -> [(&'static str, usize); 8] {
        [
            ("names", self.names.len()),
            ("threads", self.threads.len()),
            ("devices", self.devices.len()),
            ("heaps", self.heaps.len()),
            ("pools", self.pools.len()),
            ("modules", self.modules.len()),
            ("counters", self.counters.len()),
            ("stacks", self.stacks.len()),
        ]
    }

    /// The engine that was recorded.
    pub fn engine(&self) -> Option<&EngineDefinition> {
        self.engine.as_ref()
    }

    /// The heap of this name; of several, the first.
    pub fn heap_named(&self, name: &str) -> Option<HeapId> {
        self.heaps_named(name).min_by_key(|id| id.0)
    }

    /// The heaps of this name. Where two threads defined the same one at once, nothing happens in the other.
    pub fn heaps_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = HeapId> + 'a {
        self.heaps.iter().filter(move |(_, heap)| heap.name == name).map(|(id, _)| *id)
    }

    /// A heap.
    pub fn heap(&self, id: HeapId) -> Option<&HeapDefinition> {
        self.heaps.get(&id)
    }

    /// Every heap that was defined, in the order of their ids.
    pub fn heaps(&self) -> Vec<&HeapDefinition> {
        let mut heaps: Vec<_> = self.heaps.iter().collect();
        heaps.sort_unstable_by_key(|(id, _)| **id);
        heaps.into_iter().map(|(_, heap)| heap).collect()
    }

    /// A pool.
    pub fn pool(&self, id: PoolId) -> Option<&PoolDefinition> {
        self.pools.get(&id)
    }

    /// The pools of a heap, in the order of their ids.
    pub fn pools_of(&self, heap: HeapId) -> Vec<(PoolId, &PoolDefinition)> {
        let pools = self.pools.iter().filter(|(_, pool)| pool.heap == heap.0);
        let mut pools: Vec<_> = pools.map(|(&id, pool)| (id, pool)).collect();
        pools.sort_unstable_by_key(|&(id, _)| id);
        pools
    }

    /// A device.
    pub fn device(&self, id: DeviceId) -> Option<&DeviceDefinition> {
        self.devices.get(&id)
    }

    /// Every device that was defined; one ordinal may be defined more than once.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceDefinition> {
        self.devices.values()
    }

    /// A module.
    pub fn module(&self, id: ModuleId) -> Option<&ModuleDefinition> {
        self.modules.get(&id)
    }

    /// A counter.
    pub fn counter(&self, id: CounterId) -> Option<&CounterDefinition> {
        self.counters.get(&id)
    }

    /// Whether the events of a heap's blocks tell what was asked for.
    pub(crate) fn tells_requests(&self, heap: HeapKey) -> bool {
        let HeapKey::Heap(id) = heap else { return true };
        let Some(heap) = self.heap(id) else { return true };
        let untold = |counter: &CounterDefinition| {
            counter.name.strip_suffix(well_known::REQUESTED_TOTAL) == Some(heap.name.as_str())
        };
        !self.counters.values().any(untold)
    }

    /// Whether an allocator reports the blocks of the heap of this name, with its own sum of them.
    pub(crate) fn is_reported(&self, heap: &str) -> bool {
        self.counters.values().any(|it| it.name.strip_suffix(well_known::ALLOCATED_TOTAL) == Some(heap))
    }

    /// How many threads there are.
    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// A thread.
    pub fn thread(&self, id: ThreadId) -> Option<&ThreadDefinition> {
        self.threads.get(&id)
    }

    /// Every module, in the order of their ids.
    pub fn module_ids(&self) -> Vec<ModuleId> {
        let mut ids: Vec<_> = self.modules.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Every name, in the order of their ids.
    pub fn names(&self) -> Vec<(NameId, &Text)> {
        let mut names: Vec<_> = self.names.iter().map(|(&id, text)| (id, text)).collect();
        names.sort_unstable_by_key(|&(id, _)| id);
        names
    }

    /// The text of a name.
    pub fn name(&self, id: NameId) -> Text {
        self.names.get(&id).cloned().unwrap_or_else(|| Lost(id).into())
    }

    /// A thread's name; with the kernel's id of it where the name alone does not tell it from others.
    pub fn thread_name(&self, id: ThreadId) -> Text {
        let Some(thread) = self.threads.get(&id) else { return Lost(id).into() };
        match self.thread_names.get(&thread.name) {
            _ if thread.name.is_empty() => Text::new(format!("thread {}", thread.os_id)),
            Some(2..) => Text::new(format!("{} ({})", thread.name, thread.os_id)),
            _ => Text::new(thread.name.as_str()),
        }
    }

    /// The name of the heap that a pool is of.
    pub fn heap_name(&self, pool: PoolId) -> Text {
        let heap = self.pools.get(&pool).map(|pool| HeapKey::Heap(HeapId(pool.heap)));
        self.heap_of(heap.unwrap_or(HeapKey::LostPool(pool)))
    }

    /// The name of a heap as replays tell heaps apart.
    pub fn heap_of(&self, key: HeapKey) -> Text {
        match key {
            HeapKey::Heap(id) => {
                self.heaps.get(&id).map_or_else(|| Lost(id).into(), |heap| Text::new(heap.name.as_str()))
            }
            HeapKey::LostPool(id) => Text::new(format!("pool <lost {id}>")),
        }
    }

    /// A module's name with its parents': `unet.input_blocks.0`.
    pub fn module_name(&self, id: ModuleId) -> Text {
        let Some(module) = self.modules.get(&id) else { return Lost(id).into() };
        let mut name = module.name.clone();
        let own = name.len();
        for parent in parents(self, id) {
            let part = self.modules.get(&parent).map_or("<lost>", |module| module.name.as_str());
            if name.len() - own + part.len() >= PARENTS_TEXT {
                name.insert_str(0, "….");
                break;
            }
            name.insert(0, '.');
            name.insert_str(0, part);
        }
        Text::new(name)
    }

    /// The frames of a stack, innermost first.
    pub fn frames(&self, stack: StackId) -> Vec<Text> {
        self.walk_frames(stack).collect()
    }

    /// The frames of a stack, innermost first, each when it is asked for.
    pub fn walk_frames(&self, stack: StackId) -> impl Iterator<Item = Text> + '_ {
        self.stack_ids(stack).flat_map(|id| match self.calls(id) {
            Some(calls) => calls.iter().map(Call::in_words).collect(),
            None => vec![Lost(id).into()],
        })
    }

    /// The frame of a stack that tells where in the program it is: see [`CallSite`].
    pub fn telling_frame(&self, stack: StackId) -> Option<Text> {
        CallSite::of(&self.frames(stack)).map(|site| site.own.clone())
    }

    /// The ids of a stack's frames, innermost first.
    pub fn stack_ids(&self, stack: StackId) -> impl Iterator<Item = StackId> + '_ {
        let parent = |id: &StackId| self.stacks.get(id).map(|frame| StackId(frame.parent));
        let known = |id: &StackId| !id.is_none();
        std::iter::successors(Some(stack).filter(known), move |id| parent(id).filter(known)).take(FRAMES)
    }

    /// What a frame is, innermost first: several calls, where it is one of machine code and functions were inlined. None: it is
    /// not defined.
    pub fn calls(&self, id: StackId) -> Option<Vec<Call>> {
        let frame = self.stacks.get(&id)?;
        let name = |id: u32| (id != 0).then(|| self.name(NameId(id)).recorded().to_owned());
        let file = name(frame.file);
        if let Some(function) = name(frame.function) {
            return Some(vec![Call { function, file, line: frame.line }]);
        }
        let nameless = |file| Call { function: format!("{:#x}", frame.address), file, line: 0 };
        let Some(code) = file else { return Some(vec![nameless(None)]) };
        let found = self.symbols.calls(NameId(frame.file), &code, Address(frame.address));
        let code = || Some(symbols::file_name(&code).to_owned());
        if found.is_empty() {
            return Some(vec![nameless(code())]);
        }
        let call = |symbol: &symbols::Symbol| match &symbol.place {
            Some((file, line)) => {
                Call { function: symbol.function.clone(), file: Some(file.clone()), line: *line }
            }
            None => Call { function: symbol.function.clone(), file: code(), line: 0 },
        };
        Some(found.iter().map(call).collect())
    }
}

/// A call, as far as it is known.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name, or the address.
    pub function: String,
    /// Where it is written; the file of machine code, if no more is known.
    pub file: Option<String>,
    /// 0: not known.
    pub line: u32,
}

impl Call {
    fn in_words(&self) -> Text {
        let end =
            |text: &str| text[text.ceil_char_boundary(text.len().saturating_sub(FRAME_TEXT))..].to_owned();
        let function = end(&self.function);
        Text::new(match self.file.as_deref().map(end) {
            Some(file) if self.line != 0 => format!("{function} ({file}:{})", self.line),
            Some(file) => format!("{function} ({file})"),
            None => function,
        })
    }
}
