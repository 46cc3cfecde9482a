//! Traces for tests of the views that read the trace itself.

use std::{
    io::Write as _,
    sync::{Arc, mpsc},
    time::Duration,
};

use memtrace_analysis::{Nanos, Trace};
use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind,
    Closing, Definition, DropCounts, Ending, Event, FileHeader, HeapDefinition, HeapId, MemoryKind,
    ModuleDefinition, ModuleId, NameDefinition, NameId, PoolDefinition, PoolId, Segment, StackDefinition,
    StackId, ThreadDefinition, ThreadId, Ticks,
};

use super::{
    Message,
    action::Action,
    effect::Effect,
    fixture,
    goal::Goal,
    page::Page,
    snapshot_tests::SIZES,
    state::{Content, UiState},
    wake::Wake,
};

const DEVICE: PoolId = PoolId(1);
const HOST: PoolId = PoolId(2);
const MIB: u64 = 1 << 20;
const MS: u64 = 1_000_000;
/// The first address of the device's memory.
pub(crate) const BASE: u64 = 0x7f00_0000_0000;

/// A trace with nothing in it.
pub(crate) fn empty() -> Arc<Trace> {
    Recording::default().trace()
}

/// Half a second: two segments, five modules, two jobs; what the first one leaves behind pins a segment.
pub(crate) fn small() -> Arc<Trace> {
    small_until(u64::MAX)
}

/// Returns the part of the small trace that was written by this millisecond.
pub(crate) fn small_until(ms: u64) -> Arc<Trace> {
    let mut recording = Recording::new();
    recording.segment(1, BASE, 20 * MIB);
    recording.segment(2, BASE + 32 * MIB, 2 * MIB);
    for (at, module, offset, length, stack) in
        [(10, 2, 0, 6, 2), (11, 3, 6, 3, 2), (12, 4, 9, 2, 2), (13, 1, 11, 1, 2), (14, 5, 12, 1, 3)]
    {
        recording.alloc(at, module, BASE + offset * MIB, length * MIB, stack);
    }
    recording.alloc(15, 0, BASE + 32 * MIB, 512, 3);
    recording.alloc(16, 0, BASE + 32 * MIB + MIB, 1024, 3);
    recording.scope(20, 100, 1, true);
    recording.scope(30, 60, 2, false);
    recording.alloc(35, 2, BASE + 13 * MIB, 4 * MIB, 4);
    recording.alloc(40, 2, BASE + 17 * MIB, 2 * MIB, 4);
    recording.at(50, Event::BlockFreeRequested(free(BASE + 13 * MIB)));
    recording.at(70, Event::BlockFreeCompleted(free(BASE + 13 * MIB)));
    recording.at(80, Event::BlockFree(free(BASE + 6 * MIB)));
    recording.at(90, Event::Mark { name: NameId(3), value: 7 });
    recording.scope(200, 300, 1, true);
    recording.at(250, Event::BlockFree(free(BASE)));
    recording.at(400, Event::BlockFree(free(BASE + 17 * MIB)));
    recording.events.push((20 * MS, block(HOST, 0x5000, 3 * MIB, 0, 0)));
    recording.events.retain(|(time, _)| *time <= ms.saturating_mul(MS));
    recording.trace()
}

/// Many blocks of many modules in many segments, and names that try things.
pub(crate) fn large() -> Arc<Trace> {
    let mut recording = Recording::new();
    for n in 0..90 {
        let name = match n {
            0 => "模型.编码器".to_owned(),
            1 => "evil\u{1b}[2Jname".to_owned(),
            n => format!("layer{n}"),
        };
        recording.module(10 + n, &name, if n % 3 == 0 { 1 } else { 2 });
    }
    for number in 0..120 {
        recording.segment(number, BASE + number * 64 * MIB, 64 * MIB - (number % 7) * 8 * MIB);
    }
    let mut seed = 7_u64;
    let mut live = Vec::new();
    for step in 0..30_000_u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = seed >> 33;
        let time = 200 + step / 4;
        let address = BASE + (pick % 120) * 64 * MIB + (pick % 61) * 256 * 1024;
        if live.contains(&address) {
            recording.at(time, Event::BlockFree(free(address)));
            live.retain(|other| *other != address);
        } else {
            recording.alloc(
                time,
                (10 + pick % 90) as u32,
                address,
                1024 * (1 + pick % 250),
                2 + (pick % 3) as u32,
            );
            live.push(address);
        }
    }
    recording.trace()
}

/// The small one with chunks that cannot be read and definitions that are lost.
pub(crate) fn damaged() -> Arc<Trace> {
    let mut recording = Recording::new();
    recording.definitions.retain(|definition| {
        !matches!(
            definition,
            Definition::Module(ModuleId(2), _) | Definition::Stack(..) | Definition::Pool(DEVICE, _)
        )
    });
    recording.segment(1, BASE, 20 * MIB);
    recording.alloc(10, 2, BASE, 6 * MIB, 2);
    recording.at(30, Event::BlockFree(free(BASE + 9 * MIB)));
    recording.alloc(40, 3, BASE + 4 * MIB, 8 * MIB, 3);
    recording.corrupt = true;
    recording.trace()
}

/// The UI on this trace, with a view open that has all it asked for.
pub(crate) fn showing(trace: &Arc<Trace>, page: Page, width: u16, height: u16) -> Session {
    let (sender, messages) = mpsc::channel();
    let mut state = fixture::reading(width, height, true);
    let analysis = trace.analyze(|_| ()).expect("a readable file");
    assert_eq!(state.ready(analysis, Some(Arc::clone(trace)), Wake::new(sender)), Effect::Continue);
    let mut session = Session { state, messages };
    session.update(&[Action::Show(page)]);
    session
}

/// The view on every kind of trace at every size, each with a name.
pub(crate) fn everywhere(page: Page) -> impl Iterator<Item = (String, Session)> {
    let traces = [("empty", empty()), ("small", small()), ("large", large()), ("damaged", damaged())];
    traces.into_iter().flat_map(move |(name, trace)| {
        let session =
            move |(width, height)| (format!("{name}_{width}x{height}"), showing(&trace, page, width, height));
        SIZES.map(session)
    })
}

/// A UI whose workers are waited for.
pub(crate) struct Session {
    pub(crate) state: UiState,
    messages: mpsc::Receiver<Message>,
}

impl Session {
    /// Does what the user wants, and waits for what the workers make of each.
    pub(crate) fn update(&mut self, actions: &[Action]) {
        for action in actions {
            assert_eq!(self.state.update(*action), Effect::Continue, "{action:?}");
            self.wait();
        }
    }

    /// Puts the cursor there.
    pub(crate) fn at(&mut self, ms: u64) {
        self.run().visit(Nanos(ms * MS));
        self.update(&[Action::Help, Action::Help]);
    }

    /// Waits until the view has all it asked for.
    pub(crate) fn wait(&mut self) {
        while self.is_waiting() {
            self.messages.recv_timeout(Duration::from_secs(60)).expect("a worker answers");
            assert_eq!(self.state.woken(), Effect::Continue);
        }
    }

    /// Takes a longer version of the trace.
    pub(crate) fn renew(&mut self, trace: &Arc<Trace>) {
        let analysis = trace.analyze(|_| ()).expect("a readable file");
        assert_eq!(self.state.ready(analysis, Some(Arc::clone(trace)), Wake::default()), Effect::Continue);
        self.wait();
    }

    /// Opens the map to show an address at the cursor.
    pub(crate) fn open_map(&mut self, address: Address) {
        let Content::Ready(ready) = &mut self.state.content else { panic!("nothing is read") };
        let (view, run) = ready.parts(Page::Map);
        let goal = Goal { address: Some(address), ..Goal::page(Page::Map) };
        view.visit(run, &goal);
        self.update(&[Action::Show(Page::Map)]);
    }

    /// The run.
    pub(crate) fn run(&mut self) -> &mut super::open_run::OpenRun {
        match &mut self.state.content {
            Content::Ready(ready) => &mut ready.run,
            Content::Reading(_) => panic!("nothing is read"),
        }
    }

    /// The selected row.
    pub(crate) fn selected(&self) -> Option<String> {
        match &self.state.content {
            Content::Ready(ready) => {
                ready.view(self.state.page).listing()?.selected().map(|row| row.to_line())
            }
            Content::Reading(_) => None,
        }
    }

    /// The rows that are shown.
    pub(crate) fn rows(&self) -> Vec<String> {
        match &self.state.content {
            Content::Ready(ready) => {
                let listing = ready.view(self.state.page).listing().expect("the view has rows");
                listing.shown().map(|row| row.to_line()).collect()
            }
            Content::Reading(_) => panic!("nothing is read"),
        }
    }

    fn is_waiting(&self) -> bool {
        match &self.state.content {
            Content::Ready(ready) => ready.view(self.state.page).is_waiting(),
            Content::Reading(_) => false,
        }
    }
}

/// A recording of one thread in the making.
#[derive(Default)]
struct Recording {
    definitions: Vec<Definition>,
    events: Vec<(u64, Event)>,
    corrupt: bool,
}

impl Recording {
    fn new() -> Self {
        let mut recording = Self::default();
        let heap = |name: &str, kind: MemoryKind| HeapDefinition {
            name: name.to_owned(),
            kind: kind as u8,
            device: 0,
        };
        let pool = |heap, name: &str| PoolDefinition { heap, name: name.to_owned(), stream: 7 };
        let main = ThreadDefinition { os_id: 99, name: "main".to_owned() };
        recording.definitions = vec![
            Definition::Heap(HeapId(1), heap("cuda:0", MemoryKind::Device)),
            Definition::Heap(HeapId(2), heap("host", MemoryKind::Host)),
            Definition::Pool(DEVICE, pool(1, "large")),
            Definition::Pool(HOST, pool(2, "")),
            Definition::Thread(ThreadId(1), main),
        ];
        for (id, name) in [
            (1, "job"),
            (2, "denoise"),
            (3, "model switch"),
            (4, "load_weights"),
            (5, "attention"),
            (6, "run"),
        ] {
            recording.name(id, name);
        }
        recording.name(7, "engine/model.py");
        for (id, name, parent) in
            [(1, "unet", 0), (2, "down", 1), (3, "up", 1), (4, "vae", 0), (5, "clip", 0)]
        {
            recording.module(id, name, parent);
        }
        for (id, parent, function, line) in [(1, 0, 6, 10), (2, 1, 4, 120), (3, 1, 5, 77), (4, 3, 5, 80)] {
            let frame = StackDefinition { parent, function, file: 7, line, address: 0 };
            recording.definitions.push(Definition::Stack(StackId(id), frame));
        }
        recording
    }

    fn name(&mut self, id: u32, text: &str) {
        self.definitions.push(Definition::Name(NameId(id), NameDefinition { text: text.to_owned() }));
    }

    fn module(&mut self, id: u32, name: &str, parent: u32) {
        let module = ModuleDefinition { name: name.to_owned(), parent, bytes: 0, fingerprint: None };
        self.definitions.push(Definition::Module(ModuleId(id), module));
    }

    fn at(&mut self, ms: u64, event: Event) {
        self.events.push((ms * MS, event));
    }

    fn segment(&mut self, ms: u64, address: u64, size: u64) {
        let (address, size) = (Address(address), Bytes(size));
        self.at(ms, Event::SegmentAlloc(Segment { pool: DEVICE, address, size, stack: StackId(1) }));
    }

    fn alloc(&mut self, ms: u64, module: u32, address: u64, size: u64, stack: u32) {
        self.at(ms, block(DEVICE, address, size, module, stack));
    }

    fn scope(&mut self, from: u64, to: u64, name: u32, phase: bool) {
        self.at(from, Event::ScopeBegin { name: NameId(name), phase });
        self.at(to, Event::ScopeEnd { name: NameId(name) });
    }

    fn trace(mut self) -> Arc<Trace> {
        self.events.sort_by_key(|(time, _)| *time);
        let start = Calibration { ticks: Ticks(0), monotonic_ns: 0, realtime_ns: 1_700_000_000_000_000_000 };
        let (clock, session) = (ClockKind::Monotonic, 5);
        let header = FileHeader {
            compatible: 0,
            incompatible: 0,
            session,
            boot: 9,
            pid: 4242,
            clock,
            start,
            minor: 0,
        };
        let mut bytes = header.to_bytes().to_vec();
        let end = Calibration { ticks: Ticks(500 * MS), ..start };
        let closing =
            Closing { ending: Ending::Clean, end, drops: DropCounts::default(), text: String::new() };
        bytes.extend_from_slice(&closing.to_bytes(session as u64));
        let mut sequence = 0;
        let mut chunk = |kind, number| {
            sequence += 1;
            ChunkBuilder::new(ChunkHeader {
                kind,
                session: session as u64,
                sequence: sequence - 1,
                thread: ThreadId(if kind == ChunkKind::Events { 1 } else { 0 }),
                thread_sequence: number,
                base_time: Ticks(0),
                calibration: start,
                drops: DropCounts::default(),
                seal: None,
            })
        };
        let mut definitions = chunk(ChunkKind::Definitions, 0);
        for definition in &self.definitions {
            definitions.definition(definition).expect("few definitions fit a chunk");
        }
        bytes.extend_from_slice(&definitions.finish()[..]);
        for (number, events) in self.events.chunks(1000).enumerate() {
            let mut builder = chunk(ChunkKind::Events, number as u64);
            for (time, event) in events {
                builder.event(Ticks(*time), event).expect("they fit a chunk");
            }
            bytes.extend_from_slice(&builder.finish()[..]);
        }
        if self.corrupt {
            let mut builder = chunk(ChunkKind::Events, 99);
            builder.event(Ticks(45 * MS), &Event::ScopeEnd { name: NameId(1) }).expect("it fits");
            let mut body = builder.finish().to_vec();
            body[200] ^= 0xff;
            bytes.extend_from_slice(&body);
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&bytes).expect("room for it");
        Arc::new(Trace::of_file(file).expect("a readable trace"))
    }
}

fn free(address: u64) -> BlockFree {
    BlockFree { pool: DEVICE, address: Address(address), size: Bytes(0) }
}

fn block(pool: PoolId, address: u64, size: u64, module: u32, stack: u32) -> Event {
    Event::BlockAlloc(BlockAlloc {
        pool,
        address: Address(address),
        size: Bytes(size),
        requested: Bytes(size - size / 16),
        module: ModuleId(module),
        stack: StackId(stack),
    })
}
