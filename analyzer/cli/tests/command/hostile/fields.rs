//! A trace in which every text would do harm, and files and arguments that would.

use std::path::PathBuf;

use memtrace_format::{
    Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceDefinition, DeviceId, Ending,
    EngineDefinition, Event, HeapDefinition, HeapId, MemoryKind, ModuleDefinition, ModuleId, OutOfMemory,
    PoolDefinition, PoolId, StackDefinition, StackId, Unit,
};

use super::danger::{FORMULAS, PIECES};
use memtrace_testing::recording::{DEVICE, HOST, Recording, alloc, evict, free, load, segment};

/// How many traces there are: another piece comes first in each.
pub(crate) const VARIANTS: usize = PIECES.len();

macro_rules! fields {
    ($($field:ident $what:literal,)*) => {
        /// A place that text comes from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Field { $($field),* }

        impl Field {
            pub(crate) const ALL: &[Self] = &[$(Self::$field),*];

            /// What it is the text of.
            pub(crate) fn what(self) -> &'static str {
                match self { $(Self::$field => $what),* }
            }
        }
    };
}

fields! {
    Engine "an engine's name",
    Version "an engine's version",
    Ending "why a recording ended",
    Device "a device",
    Heap "a heap of a device",
    HostHeap "a heap of the host",
    Pool "a pool",
    Thread "a thread",
    Module "a module",
    Child "a module of a module",
    Rival "a module that makes room",
    Counter "a counter",
    Scope "a scope",
    Phase "a phase",
    Mark "a mark",
    HeapMark "a mark of a heap",
    Function "a function of a stack",
    File "a file of a stack",
    TraceName "the name of a trace's file",
    Argument "an argument of the command",
    Imported "a text of a snapshot",
}

impl Field {
    /// What stands before and behind every danger in the field's text, and in no other text.
    pub(crate) fn marker(self) -> String {
        format!("F{:02}", self as usize + 1)
    }

    /// The field's text.
    pub(crate) fn text(self, variant: usize) -> String {
        let marker = self.marker();
        let pieces: String =
            (0..PIECES.len()).map(|n| format!("{}{marker}", PIECES[(variant + n) % PIECES.len()])).collect();
        format!("{}{marker}{pieces}", FORMULAS[variant % FORMULAS.len()])
    }

    /// Its text as the name of a file.
    fn file_name(self, variant: usize) -> String {
        self.text(variant).replace('/', "\\").chars().take(60).collect()
    }
}

/// A folder with hostile files.
pub(crate) struct Folder {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) run: PathBuf,
    pub(crate) other: PathBuf,
    pub(crate) budget: PathBuf,
    pub(crate) bad: PathBuf,
    pub(crate) pickle: PathBuf,
    pub(crate) argument: String,
}

impl Folder {
    pub(crate) fn new(variant: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let run = path(&format!("{}.trace", Field::TraceName.file_name(variant)));
        let (other, pickle) = (path("other.trace"), path("pickle"));
        let (budget, bad) = (path("budget.toml"), path("bad.toml"));
        std::fs::write(&run, recording(variant, 1).bytes()).expect("room");
        std::fs::write(&other, recording(variant, 2).bytes()).expect("room");
        let quoted = |field: Field| {
            serde_json::to_string(&field.text(variant)).expect("a string").replace('\u{7f}', "\\u007f")
        };
        let limits = format!(
            "[heaps.{}]\nmax-peak = \"1\"\n[heaps.{}]\nmax-peak = \"1\"\n[cycles.{}]\nmax-growth = \"1\"\n",
            quoted(Field::Heap),
            quoted(Field::Argument),
            quoted(Field::Phase),
        );
        std::fs::write(&budget, limits).expect("room");
        std::fs::write(&bad, format!("{} = 1\n", quoted(Field::Argument))).expect("room");
        std::fs::write(&pickle, snapshot(&Field::Imported.text(variant))).expect("room");
        Self { folder, run, other, budget, bad, pickle, argument: Field::Argument.text(variant) }
    }
}

/// A PyTorch memory snapshot of one event, whose action nobody knows.
fn snapshot(action: &str) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |name: &str, value: u8| [&text(name)[..], &[b'K', value]].concat();
    let event =
        [&text("action")[..], &text(action), &number("addr", 1), &number("size", 1), &number("stream", 0)];
    let event = [&event.concat()[..], &number("time_us", 9), &text("frames"), b"]"].concat();
    let traces = [b"](](}(", &event[..], b"uee"].concat();
    [b"\x80\x02}(", &text("segments")[..], b"]", &text("device_traces"), &traces, b"u."].concat()
}

const MIB: u64 = 1 << 20;

/// A run of switches that leak, with something for every part of a report, `scale` times as large.
fn recording(variant: usize, scale: u64) -> Recording {
    let mut recording = Recording::new();
    let text = |field: Field| field.text(variant);
    let heap =
        |field, kind: MemoryKind, device| HeapDefinition { name: text(field), kind: kind as u8, device };
    recording.definitions = vec![
        Definition::Engine(EngineDefinition { name: text(Field::Engine), version: text(Field::Version) }),
        Definition::Device(
            DeviceId(1),
            DeviceDefinition { ordinal: 0, name: text(Field::Device), total: Some(128 * MIB) },
        ),
        Definition::Heap(HeapId(1), heap(Field::Heap, MemoryKind::Device, 1)),
        Definition::Heap(HeapId(2), heap(Field::HostHeap, MemoryKind::Host, 0)),
        Definition::Pool(DEVICE, PoolDefinition { heap: 1, name: text(Field::Pool), stream: 0 }),
        Definition::Pool(
            PoolId(3),
            PoolDefinition { heap: 1, name: format!("{}2", text(Field::Pool)), stream: 7 },
        ),
        Definition::Pool(HOST, PoolDefinition { heap: 2, name: text(Field::Pool), stream: 0 }),
        Definition::Counter(
            CounterId(1),
            CounterDefinition { name: text(Field::Counter), unit: Unit::Bytes as u8, device: 1 },
        ),
        Definition::Stack(
            StackId(1),
            StackDefinition { parent: 0, function: 5, file: 6, line: 7, address: 8 },
        ),
    ];
    recording.thread(1, &text(Field::Thread));
    let fields = [Field::Scope, Field::Phase, Field::Mark, Field::HeapMark, Field::Function, Field::File];
    let names: Vec<_> = (1..).zip(fields).map(|(id, field)| recording.name(id, &text(field))).collect();
    let [scope, phase, mark, heap_mark, ..] = names[..] else { unreachable!("there are six") };
    let module = recording.module(1, &text(Field::Module), 0, 24 * MIB);
    let child = recording.module(2, &text(Field::Child), 1, MIB);
    let rival = recording.module(3, &text(Field::Rival), 0, 20 * MIB);
    // The same weights twice, for the rule about that.
    let twin =
        ModuleDefinition { name: text(Field::Rival), parent: 0, bytes: 20 * MIB, fingerprint: Some(9) };
    recording.definitions.push(Definition::Module(ModuleId(4), twin.clone()));
    recording.definitions.push(Definition::Module(ModuleId(5), twin));
    for id in [1, 2, 3, 4, 5] {
        recording.at(1, 1, Event::ModuleDefined(ModuleId(id)));
    }
    let owned = |event: Event, module| match event {
        Event::BlockAlloc(block) => {
            Event::BlockAlloc(memtrace_format::BlockAlloc { module, stack: StackId(1), ..block })
        }
        other => other,
    };
    let ms = 1_000_000;
    let base = 1 << 30;
    recording.at(1, ms, Event::SegmentAlloc(segment(base, 64 * MIB * scale)));
    for n in 0..8 {
        let at = (10 + 100 * n) * ms;
        let leaked = base + (48 + n) * MIB * scale;
        recording.at(1, at, Event::ScopeBegin { name: phase, phase: true });
        recording.at(1, at + ms, Event::Mark { name: mark, value: n });
        recording.at(1, at + ms, Event::HeapMark { pool: DEVICE, name: heap_mark, value: n });
        recording.transfer(1, (at + 2 * ms, at + 5 * ms), load(module, 24 * MIB));
        recording.at(1, at + 5 * ms, owned(alloc(DEVICE, base, 24 * MIB * scale, 24 * MIB * scale), module));
        recording.at(1, at + 6 * ms, Event::ForwardBegin(child));
        recording.at(1, at + 7 * ms, Event::ScopeBegin { name: scope, phase: false });
        recording.at(
            1,
            at + 8 * ms,
            owned(alloc(DEVICE, leaked, MIB * scale / 2, MIB * scale / 2), ModuleId::NONE),
        );
        recording.at(1, at + 9 * ms, owned(alloc(HOST, 4096 * (n + 1), 4096, 4000), module));
        recording.at(1, at + 10 * ms, Event::ScopeEnd { name: scope });
        let value = CounterValue::Integer(n * MIB);
        recording.at(1, at + 11 * ms, Event::CounterSample { counter: CounterId(1), value });
        recording.at(1, at + 12 * ms, Event::ForwardEnd(child));
        recording.transfer(1, (at + 13 * ms, at + 20 * ms), evict(module, 24 * MIB, rival));
        recording.at(1, at + 20 * ms, free(DEVICE, base));
        recording.transfer(1, (at + 21 * ms, at + 30 * ms), load(rival, 20 * MIB));
        recording.at(1, at + 31 * ms, Event::ForwardBegin(rival));
        recording.at(1, at + 35 * ms, Event::ForwardEnd(rival));
        recording.transfer(1, (at + 36 * ms, at + 40 * ms), evict(rival, 20 * MIB, module));
        recording.at(1, at + 90 * ms, Event::ScopeEnd { name: phase });
    }
    let failed = OutOfMemory {
        pool: DEVICE,
        requested: Bytes(50 * MIB * scale),
        free: Some(Bytes(MIB)),
        stack: StackId(1),
    };
    recording.at(1, 900 * ms, Event::OutOfMemory(failed));
    recording.close(Ending::Stopped, 1_000 * ms);
    if let Some(closing) = &mut recording.closing {
        // A closing block is short.
        closing.text = text(Field::Ending).chars().take(60).collect();
    }
    recording
}
