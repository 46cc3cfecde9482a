//! Live memory at an instant by owner: as collapsed stacks, as a flame graph, for speedscope.
//!
//! A path leads from the heap over the module and the scopes to the frames of the stack, innermost last; its weight are the bytes that
//! count for a peak.

mod speedscope;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use hashbrown::HashMap;
use inferno::flamegraph;
use memtrace_analysis::{
    Checkpoints, Filter, Nanos, SnapshotAt, Text, Trace,
    replay::BETWEEN_SCOPES,
    report::is_nobody,
    snapshot::{LiveHeap, Owner},
};

use super::ExportError;

/// The path of what has neither module, scope nor stack.
const NONE: &str = "(none)";

/// The shapes that paths are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Collapsed,
    FlameGraph,
    Speedscope,
}

/// Live memory of some heaps.
struct Live {
    time: Nanos,
    heaps: Vec<(Text, Paths)>,
}

/// Paths below a heap, with their bytes.
type Paths = BTreeMap<Vec<String>, u64>;

pub(super) fn write(
    trace: &Trace,
    shape: Shape,
    (when, filter): (&SnapshotAt, &Filter),
    mut out: impl Write,
) -> Result<(), ExportError> {
    let live = Live::read(trace, when, filter)?;
    match shape {
        Shape::Collapsed => live.collapsed().iter().try_for_each(|line| writeln!(out, "{line}"))?,
        Shape::FlameGraph => live.flame_graph(&mut out)?,
        Shape::Speedscope => speedscope::write(&live, &mut out)?,
    }
    Ok(out.flush()?)
}

impl Live {
    fn read(trace: &Trace, when: &SnapshotAt, filter: &Filter) -> Result<Self, ExportError> {
        let threads = memtrace_analysis::thread_names(filter, trace)?;
        let instant = trace.instant(&Checkpoints::default(), when)?;
        let heaps = instant
            .heaps
            .iter()
            .filter(|heap| filter.device.is_none_or(|device| heap.device == Some(device)));
        let of_thread =
            |owner: &Owner| threads.as_ref().is_none_or(|threads| threads.contains(&owner.thread));
        let paths = |heap: &LiveHeap| {
            let mut sums: HashMap<_, u64> = HashMap::new();
            for block in heap.counted() {
                let sum = sums.entry(block.owner).or_default();
                *sum = sum.saturating_add(heap.measure(block).0);
            }
            let mut paths = Paths::new();
            for (owner, bytes) in sums {
                let owner = &instant.owners[owner.0 as usize];
                if bytes > 0 && of_thread(owner) {
                    let sum = paths.entry(path(trace, owner)).or_default();
                    *sum = sum.saturating_add(bytes);
                }
            }
            paths
        };
        let heaps = heaps.map(|heap| (heap.name.clone(), paths(heap))).filter(|(_, paths)| !paths.is_empty());
        let heaps: Vec<_> = heaps.collect();
        if heaps.is_empty() {
            return Err(ExportError::NothingLive(instant.time_ns));
        }
        Ok(Self { time: instant.time_ns, heaps })
    }

    /// A line for each path, as stack collapsers write them: parts between semicolons, and the bytes behind the last space.
    fn collapsed(&self) -> Vec<String> {
        let line = |heap: &Text, path: &[String], bytes| {
            let parts = std::iter::once(heap.to_string()).chain(path.iter().cloned());
            let parts: Vec<String> = parts.map(|part| part.replace(';', ",")).collect();
            format!("{} {bytes}", parts.join(";"))
        };
        let heaps = self.heaps.iter();
        heaps
            .flat_map(|(heap, paths)| paths.iter().map(move |(path, bytes)| line(heap, path, bytes)))
            .collect()
    }

    fn flame_graph(&self, out: impl Write) -> io::Result<()> {
        let mut options = flamegraph::Options::default();
        options.title = format!("Live at {}", self.time);
        options.count_name = "bytes".to_owned();
        options.name_type = "Owner:".to_owned();
        options.hash = true;
        flamegraph::from_lines(&mut options, self.collapsed().iter().map(String::as_str), out)
    }
}

/// Returns the owners of a block, from the outside in. Text is escaped as for a screen, because other tools show it.
fn path(trace: &Trace, owner: &Owner) -> Vec<String> {
    let mut path = Vec::new();
    let known = |text: &Text| (!is_nobody(text)).then(|| text.to_string());
    path.extend(known(&owner.module));
    path.extend(
        known(&owner.scope).iter().flat_map(|scopes| scopes.split(BETWEEN_SCOPES)).map(str::to_owned),
    );
    let frames = trace.definitions().frames(owner.stack);
    path.extend(frames.iter().rev().map(ToString::to_string));
    if path.is_empty() {
        path.push(NONE.to_owned());
    }
    path
}
