//! Graphs that are captured from streams: how many pieces of work are in each, and which streams are being captured.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::code::Code;
use crate::handle::{self, Handle};

pub(crate) struct Graphs(Mutex<State>);

#[derive(Default)]
struct State {
    graphs: HashMap<Handle, Graph>,
    /// What each stream that is being captured goes into.
    captures: HashMap<Handle, Capture>,
    executable: HashMap<Handle, usize>,
}

struct Graph {
    nodes: usize,
}

/// A capture that a stream takes part in.
#[derive(Clone, Copy)]
pub(crate) struct Capture {
    pub(crate) graph: Handle,
    /// The stream on which it began.
    origin: Handle,
}

impl Graphs {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The capture that a stream takes part in.
    pub(crate) fn capture_of(&self, stream: Handle) -> Option<Capture> {
        handle::lock(&self.0).captures.get(&stream).copied()
    }

    /// From now on, work on `stream` goes into a graph, which is a new one unless it is said.
    pub(crate) fn begin(&self, stream: Handle, graph: Option<Handle>) -> Result<(), Code> {
        let mut state = handle::lock(&self.0);
        if state.captures.contains_key(&stream) {
            return Err(Code::INVALID_VALUE);
        }
        let graph = match graph {
            Some(graph) if !state.graphs.contains_key(&graph) => return Err(Code::INVALID_VALUE),
            Some(graph) => graph,
            None => state.make_graph(),
        };
        state.captures.insert(stream, Capture { graph, origin: stream });
        Ok(())
    }

    /// A stream waits for an event of a capture, and so takes part in it.
    pub(crate) fn join(&self, stream: Handle, graph: Handle) {
        let mut state = handle::lock(&self.0);
        let capture = state.captures.values().find(|capture| capture.graph == graph).copied();
        if let Some(capture) = capture {
            state.captures.entry(stream).or_insert(capture);
        }
    }

    /// The capture is over for all streams in it.
    pub(crate) fn end(&self, stream: Handle) -> Result<Handle, Code> {
        let mut state = handle::lock(&self.0);
        let Capture { graph, origin } = *state.captures.get(&stream).ok_or(Code::INVALID_VALUE)?;
        if origin != stream {
            return Err(Code::STREAM_CAPTURE_UNMATCHED);
        }
        state.captures.retain(|_, capture| capture.graph != graph);
        Ok(graph)
    }

    /// Counts a piece of work on a stream, if that is being captured.
    pub(crate) fn takes(&self, stream: Handle) -> bool {
        let mut state = handle::lock(&self.0);
        let Some(Capture { graph, .. }) = state.captures.get(&stream).copied() else { return false };
        if let Some(graph) = state.graphs.get_mut(&graph) {
            graph.nodes += 1;
        }
        true
    }

    pub(crate) fn create(&self) -> Handle {
        handle::lock(&self.0).make_graph()
    }

    pub(crate) fn nodes(&self, graph: Handle) -> Result<usize, Code> {
        handle::lock(&self.0).graphs.get(&graph).map(|graph| graph.nodes).ok_or(Code::INVALID_VALUE)
    }

    pub(crate) fn destroy(&self, graph: Handle) -> Result<(), Code> {
        handle::lock(&self.0).graphs.remove(&graph).map(drop).ok_or(Code::INVALID_VALUE)
    }

    /// What can be launched.
    pub(crate) fn instantiate(&self, graph: Handle) -> Result<Handle, Code> {
        let nodes = self.nodes(graph)?;
        let made = Handle::fresh();
        handle::lock(&self.0).executable.insert(made, nodes);
        Ok(made)
    }

    pub(crate) fn is_executable(&self, executable: Handle) -> Result<(), Code> {
        handle::lock(&self.0).executable.get(&executable).map(drop).ok_or(Code::INVALID_VALUE)
    }

    pub(crate) fn destroy_executable(&self, executable: Handle) -> Result<(), Code> {
        handle::lock(&self.0).executable.remove(&executable).map(drop).ok_or(Code::INVALID_VALUE)
    }
}

impl State {
    fn make_graph(&mut self) -> Handle {
        let graph = Handle::fresh();
        self.graphs.insert(graph, Graph { nodes: 0 });
        graph
    }
}
