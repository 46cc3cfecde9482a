//! What a thread was in when it allocated: operators and functions as a stack, ranges of the program as scopes.

use hashbrown::HashMap;

use super::event::Span;
use crate::plain::{Action, Frame, Row};

/// A step of the profiler's schedule: its number would make each one a phase of its own kind.
const STEP: &str = "ProfilerStep#";

/// The spans of all threads, gone through in the order of time.
pub(super) struct Spans {
    spans: Vec<Span>,
    /// The places of each thread's spans, the outer before the inner, and how many have begun.
    of_thread: HashMap<u32, (Vec<u32>, usize)>,
    open: HashMap<u32, Vec<Open>>,
    names: Vec<String>,
    /// The frame of each name.
    frames: Vec<Frame>,
    frame_places: HashMap<(u32, u32), u32>,
    phase: Option<u32>,
}

/// A span that has begun.
#[derive(Clone, Copy)]
struct Open {
    to: u64,
    name: u32,
    is_scope: bool,
    /// One more than the place of the frame inside it, once something was allocated there.
    frame: Option<u32>,
}

impl Spans {
    pub(super) fn new(spans: Vec<Span>, mut names: Vec<String>) -> Self {
        let mut of_thread: HashMap<u32, (Vec<u32>, usize)> = HashMap::new();
        for (place, span) in (0..).zip(&spans) {
            of_thread.entry(span.thread).or_default().0.push(place);
        }
        for (places, _) in of_thread.values_mut() {
            places.sort_by_key(|&place| {
                let span = &spans[place as usize];
                (span.from, std::cmp::Reverse(span.to))
            });
        }
        let phase = names.iter().any(|name| name.starts_with(STEP)).then_some(names.len() as u32);
        if phase.is_some() {
            names.push(STEP.trim_end_matches('#').to_owned());
        }
        let (open, frames, frame_places) = (HashMap::new(), Vec::new(), HashMap::new());
        Self { spans, of_thread, open, names, frames, frame_places, phase }
    }

    /// Begins and ends what a thread does up to a time.
    pub(super) fn until(&mut self, thread: u32, time: u64, rows: &mut Vec<Row>) {
        let mut open = self.open.remove(&thread).unwrap_or_default();
        let (places, mut begun) = self.of_thread.remove(&thread).unwrap_or_default();
        while let Some(&place) = places.get(begun).filter(|&&place| self.spans[place as usize].from <= time) {
            let span = self.spans[place as usize];
            close(&mut open, |to| to <= span.from, thread, rows);
            let (name, phase) = match self.phase.filter(|_| self.names[span.name as usize].starts_with(STEP))
            {
                Some(step) if span.is_scope => (step, true),
                _ => (span.name, false),
            };
            if span.is_scope {
                rows.push(row(span.from, thread, Action::ScopeBegin { name, phase }));
            }
            open.push(Open { to: span.to, name, is_scope: span.is_scope, frame: None });
            begun += 1;
        }
        close(&mut open, |to| to < time, thread, rows);
        self.of_thread.insert(thread, (places, begun));
        self.open.insert(thread, open);
    }

    /// One more than the place of a thread's innermost frame.
    pub(super) fn frame(&mut self, thread: u32) -> u32 {
        let Self { open, names, frames, frame_places, .. } = self;
        let mut caller = 0;
        for span in open.get_mut(&thread).into_iter().flatten() {
            caller = *span.frame.get_or_insert_with(|| match span.is_scope {
                true => caller,
                false => *frame_places.entry((caller, span.name)).or_insert_with(|| {
                    frames.push(frame(caller, &names[span.name as usize]));
                    frames.len() as u32
                }),
            });
        }
        caller
    }

    /// Ends everything.
    pub(super) fn finish(&mut self, rows: &mut Vec<Row>) {
        let mut threads: Vec<u32> = self.of_thread.keys().copied().collect();
        threads.sort_unstable();
        for thread in threads {
            self.until(thread, u64::MAX, rows);
        }
    }

    /// The frames and the names.
    pub(super) fn into_parts(self) -> (Vec<Frame>, Vec<String>) {
        (self.frames, self.names)
    }
}

/// Ends what has ended.
fn close(open: &mut Vec<Open>, has_ended: impl Fn(u64) -> bool, thread: u32, rows: &mut Vec<Row>) {
    while let Some(ended) = open.pop_if(|innermost| has_ended(innermost.to)) {
        if ended.is_scope {
            rows.push(row(ended.to, thread, Action::ScopeEnd { name: ended.name }));
        }
    }
}

fn row(time: u64, thread: u32, action: Action) -> Row {
    Row { time, address: 0, size: 0, thread, pool: 0, frame: 0, module: 0, action }
}

/// What a span is called, as a frame: `model.py(12): forward` says where it is, an operator does not.
fn frame(caller: u32, name: &str) -> Frame {
    let place = name.split_once("): ").and_then(|(place, function)| {
        let (file, line) = place.rsplit_once('(')?;
        Some((file, line.parse().ok()?, function))
    });
    let (file, line, function) = place.unwrap_or(("", 0, name));
    Frame { caller, function: function.to_owned(), file: file.to_owned(), line, address: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_python_says_its_line_and_an_operator_its_name() {
        let python = frame(3, "model/unet.py(12): forward (left)");
        assert_eq!(
            (python.function.as_str(), python.file.as_str(), python.line),
            ("forward (left)", "model/unet.py", 12)
        );
        let operator = frame(0, "aten::conv2d");
        assert_eq!(
            (operator.function.as_str(), operator.file.as_str(), operator.line),
            ("aten::conv2d", "", 0)
        );
    }

    #[test]
    fn what_is_inside_ends_before_what_is_around_it() {
        let span = |from, to, name, is_scope| Span { from, to, thread: 0, name, is_scope };
        let names = ["ProfilerStep#1", "ProfilerStep#2", "load", "aten::empty"].map(str::to_owned).to_vec();
        // The inner ones come first, as they end first.
        let list =
            vec![span(12, 18, 3, false), span(11, 19, 2, true), span(10, 20, 0, true), span(20, 30, 1, true)];
        let mut spans = Spans::new(list, names);
        let mut rows = Vec::new();
        spans.until(0, 15, &mut rows);
        assert_eq!(spans.frame(0), 1);
        spans.until(0, 25, &mut rows);
        assert_eq!(spans.frame(0), 0);
        spans.finish(&mut rows);
        let (frames, names) = spans.into_parts();
        let told: Vec<_> = rows
            .iter()
            .map(|row| match row.action {
                Action::ScopeBegin { name, phase } => (row.time, names[name as usize].as_str(), phase),
                Action::ScopeEnd { name } => (row.time, names[name as usize].as_str(), false),
                _ => (0, "", false),
            })
            .collect();
        assert_eq!(
            told,
            [
                (10, "ProfilerStep", true),
                (11, "load", false),
                (19, "load", false),
                (20, "ProfilerStep", false),
                (20, "ProfilerStep", true),
                (30, "ProfilerStep", false)
            ]
        );
        assert_eq!(frames.len(), 1);
    }
}
