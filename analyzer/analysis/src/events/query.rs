//! Queries that events are searched with.

use std::hash::Hash;

use hashbrown::HashMap;
use memtrace_format::{
    Address, BlockFree, CounterId, Event, ModuleId, NameId, PoolId, Segment, StackId, ThreadId,
};

use crate::{Recorded, Text, events::line::kind, source::Definitions};

/// Of so many ids at most it is remembered whether their names match.
const REMEMBERED: usize = 1 << 20;

/// Words that an event may mention: `0x…` is an address, all else is a part of a name or of a kind, in any case.
///
/// An address is found in the events of the blocks and segments that hold it. Names are those of the thread, the heap, the
/// module, the scope, mark or counter, and of the functions and files of the stack. Several words all have to be met.
#[derive(Clone, Debug)]
pub struct Query {
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
enum Word {
    Address(Address),
    Part(Box<Part>),
}

/// A part of a name, and whose names have it.
#[derive(Clone, Debug)]
struct Part {
    lower: String,
    threads: Memory<ThreadId>,
    pools: Memory<PoolId>,
    modules: Memory<ModuleId>,
    names: Memory<NameId>,
    counters: Memory<CounterId>,
    stacks: Memory<StackId>,
}

/// Whether the names of ids match, so that each is looked at once.
#[derive(Clone, Debug)]
struct Memory<I>(HashMap<I, bool>);

impl Query {
    /// Reads what somebody typed. `None`: nothing.
    pub fn new(text: &str) -> Option<Self> {
        let words: Vec<Word> = text.split_whitespace().map(Word::new).collect();
        (!words.is_empty()).then_some(Self { words })
    }

    /// Whether the event mentions all of it.
    pub fn matches(&mut self, recorded: &Recorded, definitions: &Definitions) -> bool {
        self.words.iter_mut().all(|word| match word {
            Word::Address(address) => holds(&recorded.event, *address),
            Word::Part(part) => part.is_in(recorded, definitions),
        })
    }
}

impl Word {
    fn new(text: &str) -> Self {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        match digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            Some(address) => Self::Address(Address(address)),
            None => Self::Part(Box::new(Part {
                lower: text.to_lowercase(),
                threads: Memory::default(),
                pools: Memory::default(),
                modules: Memory::default(),
                names: Memory::default(),
                counters: Memory::default(),
                stacks: Memory::default(),
            })),
        }
    }
}

fn holds(event: &Event, address: Address) -> bool {
    event.memory().is_some_and(|(_, start, size)| {
        address == start || address.0.checked_sub(start.0).is_some_and(|distance| distance < size.0)
    })
}

impl Part {
    fn is_in(&mut self, recorded: &Recorded, definitions: &Definitions) -> bool {
        kind(&recorded.event).contains(&self.lower)
            || self.thread(recorded.thread, definitions)
            || match recorded.event {
                Event::BlockAlloc(block) => {
                    self.pool(block.pool, definitions)
                        || self.module(block.module, definitions)
                        || self.stack(block.stack, definitions)
                }
                Event::BlockFree(BlockFree { pool, .. })
                | Event::BlockFreeRequested(BlockFree { pool, .. })
                | Event::BlockFreeCompleted(BlockFree { pool, .. }) => self.pool(pool, definitions),
                Event::SegmentAlloc(Segment { pool, stack, .. })
                | Event::SegmentFree(Segment { pool, stack, .. })
                | Event::SegmentMap(Segment { pool, stack, .. })
                | Event::SegmentUnmap(Segment { pool, stack, .. }) => {
                    self.pool(pool, definitions) || self.stack(stack, definitions)
                }
                Event::OutOfMemory(failed) => {
                    self.pool(failed.pool, definitions) || self.stack(failed.stack, definitions)
                }
                Event::BlockOwned(owned) => {
                    self.pool(owned.pool, definitions) || self.module(owned.module, definitions)
                }
                Event::ModuleDefined(module)
                | Event::ModuleReleased(module)
                | Event::ForwardBegin(module)
                | Event::ForwardEnd(module) => self.module(module, definitions),
                Event::TransferBegin(begin) => {
                    self.module(begin.module, definitions)
                        || self.module(begin.room_for, definitions)
                        || begin.reason.name().contains(&self.lower)
                        || begin.from.to_string().contains(&self.lower)
                        || begin.to.to_string().contains(&self.lower)
                }
                Event::TransferEnd(end) => self.module(end.module, definitions),
                Event::ScopeBegin { name, .. }
                | Event::ScopeEnd { name }
                | Event::Mark { name, .. }
                | Event::HeapMark { name, .. } => self.name(name, definitions),
                Event::CounterSample { counter, .. } => self.counter(counter, definitions),
                Event::Dropped { cause, .. } => cause.is_some_and(|cause| cause.name().contains(&self.lower)),
                _ => false,
            }
    }

    fn thread(&mut self, id: ThreadId, definitions: &Definitions) -> bool {
        self.threads.recall(id, id.is_none(), || contains(&definitions.thread_name(id), &self.lower))
    }

    fn pool(&mut self, id: PoolId, definitions: &Definitions) -> bool {
        self.pools.recall(id, id.is_none(), || contains(&definitions.heap_name(id), &self.lower))
    }

    fn module(&mut self, id: ModuleId, definitions: &Definitions) -> bool {
        self.modules.recall(id, id.is_none(), || contains(&definitions.module_name(id), &self.lower))
    }

    fn name(&mut self, id: NameId, definitions: &Definitions) -> bool {
        self.names.recall(id, id.is_none(), || contains(&definitions.name(id), &self.lower))
    }

    fn counter(&mut self, id: CounterId, definitions: &Definitions) -> bool {
        let lower = &self.lower;
        let named =
            || definitions.counter(id).is_some_and(|counter| counter.name.to_lowercase().contains(lower));
        self.counters.recall(id, id.is_none(), named)
    }

    fn stack(&mut self, id: StackId, definitions: &Definitions) -> bool {
        let mut frames = definitions.walk_frames(id);
        self.stacks.recall(id, id.is_none(), || frames.any(|frame| contains(&frame, &self.lower)))
    }
}

fn contains(name: &Text, lower: &str) -> bool {
    name.recorded().to_lowercase().contains(lower)
}

impl<I> Default for Memory<I> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<I: Copy + Eq + Hash> Memory<I> {
    fn recall(&mut self, id: I, is_none: bool, look: impl FnOnce() -> bool) -> bool {
        if is_none {
            return false;
        }
        if let Some(&known) = self.0.get(&id) {
            return known;
        }
        let found = look();
        if self.0.len() < REMEMBERED {
            self.0.insert(id, found);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use memtrace_format::{BlockAlloc, Bytes};

    use super::*;
    use crate::Nanos;

    fn matches(text: &str, event: Event) -> bool {
        let recorded = Recorded { time: Nanos(0), thread: ThreadId(3), event };
        Query::new(text).unwrap().matches(&recorded, &Definitions::default())
    }

    fn alloc() -> Event {
        Event::BlockAlloc(BlockAlloc {
            pool: PoolId(1),
            address: Address(0x1000),
            size: Bytes(0x100),
            requested: Bytes(0xf0),
            module: ModuleId(5),
            stack: StackId(9),
        })
    }

    #[test]
    fn an_address_is_met_anywhere_in_a_block() {
        for (text, met) in
            [("0x1000", true), ("0x10ff", true), ("0X10FF", true), ("0x1100", false), ("0xfff", false)]
        {
            assert_eq!(matches(text, alloc()), met, "{text}");
        }
        let free = BlockFree { pool: PoolId(1), address: Address(0x1000), size: Bytes(0) };
        assert!(matches("0x1000", Event::BlockFree(free)));
        assert!(!matches("0x1000", Event::ScopeEnd { name: NameId(1) }));
    }

    #[test]
    fn kinds_and_names_are_met_in_any_case_and_all_words_must_be() {
        assert!(matches("Alloc", alloc()));
        assert!(matches("lost alloc 0x1010", alloc()), "a module whose definition is lost is called so");
        assert!(!matches("alloc free", alloc()));
        assert!(Query::new("  ").is_none());
    }
}
