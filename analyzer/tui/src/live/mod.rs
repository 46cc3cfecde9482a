//! Live memory at the cursor by owner: as a tree or an icicle, and compared with another instant.
//!
//! ```text
//!  cuda:0 at 1.412 s · 19.00 MiB live in 9 blocks · by module · against the peak: −4.00 MiB
//!  of                                 bytes  share  blocks      change        then
//!  ▾ unet                         16.00 MiB    84%       5   −4.00 MiB   20.00 MiB
//!      down                       12.00 MiB    63%       3   −4.00 MiB   16.00 MiB
//! ```
//!
//! A worker replays to the cursor and adds up; the tree has a bounded number of nodes.

mod flame;
mod tree;
mod tree_builder;

pub(crate) use tree_builder::has_line;

use std::sync::Arc;

use memtrace_analysis::{Nanos, Text, report::is_nobody};
use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use self::{
    tree::{OwnerNode, OwnerTree},
    tree_builder::{CountedTree, LiveGrouping, TreeBuilder, TreeRequest},
};
use super::{
    action::Action,
    goal::Goal,
    keys::{Binding, Key},
    listing::{Cell, Column, Listing},
    open_run::OpenRun,
    page::Page,
    snapshot_cache::{SnapshotPoint, Snapshots},
    theme::Theme,
    view::{Answer, View},
    widget::{plural, put},
    worker::{Mailbox, Worker},
};

const KEYS: &[Binding] = &[
    Binding::own(&[Key::Char('t')], GROUP, "by module, scope, call site, stack (down or up) or thread")
        .footer("by"),
    Binding::own(&[Key::Char('i')], FLAME, "as an icicle, or as a table").footer("icicle"),
    Binding::own(&[Key::Char('d')], AGAINST, "differences from the peak, from each mark, or none")
        .footer("diff"),
    Binding::own(&[Key::Char('u')], UP, "from a part to the whole again").footer("up"),
    Binding::own(&[Key::Char('a')], ADDRESS, "show the address space at this time").footer("map"),
];
const GROUP: &str = "grouping";
const FLAME: &str = "icicle";
const AGAINST: &str = "differences";
const UP: &str = "up";
const ADDRESS: &str = "map";

/// The view.
#[derive(Debug)]
pub(crate) struct LiveView {
    worker: Option<Worker<TreeRequest, CountedTree>>,
    /// The snapshots that the worker reads; replaced when more of the trace has been written.
    snapshots: Option<Arc<Snapshots>>,
    /// Set if the tree must be counted anew.
    is_old: bool,
    /// The request that the worker is at.
    asked: Option<TreeRequest>,
    /// The request that the tree answers.
    tally: Option<TreeRequest>,
    tree: OwnerTree,
    failed: Option<String>,
    rows: Listing,
    by: LiveGrouping,
    against: Against,
    flame: bool,
    /// The node that is looked at alone.
    root: Option<u64>,
    /// The module to select once what is live at the cursor is counted.
    wanted: Option<Text>,
}

/// The instant that the cursor is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Against {
    #[default]
    Nothing,
    Peak,
    Mark(char),
}

impl Default for LiveView {
    fn default() -> Self {
        Self {
            worker: None,
            snapshots: None,
            is_old: false,
            asked: None,
            tally: None,
            tree: OwnerTree::default(),
            failed: None,
            rows: Listing::new(columns(false)),
            by: LiveGrouping::default(),
            against: Against::default(),
            flame: false,
            root: None,
            wanted: None,
        }
    }
}

fn columns(compared: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::text("of", Column::WIDE, 0),
        Column::number("bytes", 11, 1),
        Column::number("share", 5, 4),
        Column::number("blocks", 8, 3),
    ];
    if compared {
        columns.extend([Column::number("change", 12, 2), Column::number("then", 11, 5)]);
    }
    columns
}

impl View for LiveView {
    fn prepare(&mut self, run: &OpenRun) {
        let known = self.snapshots.as_ref();
        if let Some(snapshots) =
            run.snapshots.as_ref().filter(|new| known.is_none_or(|old| !Arc::ptr_eq(old, new)))
        {
            let modules = run.report.modules.iter();
            let parents =
                modules.filter_map(|module| Some((module.name.clone(), module.parent.clone()?))).collect();
            let counter = TreeBuilder::new(Arc::clone(snapshots), parents);
            let answer = move |request, desk: &Mailbox<TreeRequest>| counter.answer(request, desk);
            self.worker = Some(Worker::new("memtrace-live", run.wake.clone(), answer));
            (self.asked, self.is_old) = (None, true);
            let named = |heap: &memtrace_analysis::report::Heap| {
                heap.peak.by_module.iter().any(|share| !is_nobody(&share.name))
            };
            if self.snapshots.is_none() && !run.report.heaps.iter().any(named) {
                self.by = LiveGrouping::Site;
            }
            self.snapshots = Some(Arc::clone(snapshots));
        }
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let head = Rect { height: 1, ..area };
        put(&self.headline(run, theme), head, buffer);
        if self.asked.is_some() {
            let stale = Line::styled(" counting… ", theme.selected());
            stale.alignment(Alignment::Right).render(head, buffer);
        }
        let body = Self::body(area);
        if self.flame {
            let selected = self.rows.selected().map(|row| row.id);
            flame::draw(&self.tree, self.root_place(), selected, theme, body, buffer);
        } else {
            self.rows.draw(theme, body, buffer);
        }
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, area: Rect) -> Answer {
        match action {
            Action::Own(GROUP) => {
                self.by = self.by.next();
                self.root = None;
            }
            Action::Own(FLAME) => self.flame = !self.flame,
            Action::Own(AGAINST) => return self.compare(run),
            Action::Own(ADDRESS) => return Answer::Open(Goal::page(Page::Map)),
            Action::Own(UP) | Action::Back if self.root.is_some() => {
                let left = self.root.take();
                self.fill();
                left.into_iter().for_each(|id| _ = self.rows.select_id(id));
            }
            Action::Own(UP) => return Answer::Say("this is the whole".to_owned()),
            Action::Open => return self.open(),
            Action::Press(position) if self.flame => {
                let bars = flame::bars(&self.tree, self.root_place(), Self::body(area));
                let Some(bar) = bars.iter().find(|bar| bar.area.contains(position)) else {
                    return Answer::Done;
                };
                let id = self.tree.node(bar.place).id;
                if self.rows.selected().map(|row| row.id) == Some(id) {
                    return self.open();
                }
                self.rows.select_id(id);
            }
            _ => return Answer::Ignored,
        }
        Answer::Done
    }

    fn settle(&mut self, run: &OpenRun, _theme: Theme, _area: Rect) {
        let Some(heap) = run.heap() else { return };
        let against = match self.against {
            Against::Nothing => None,
            Against::Peak => run.peak(),
            Against::Mark(letter) => run.marks.get(&letter).map(|&time| behind(time)),
        };
        let request = TreeRequest { spot: run.spot(), against, heap: heap.name.clone(), by: self.by };
        if (self.is_old || self.asked.as_ref().or(self.tally.as_ref()) != Some(&request))
            && let Some(worker) = &mut self.worker
        {
            self.is_old = false;
            self.asked = Some(request.clone());
            worker.ask(request);
        }
    }

    fn woken(&mut self, _run: &mut OpenRun) {
        let Some(worker) = &mut self.worker else { return };
        let Some(answer) = worker.answers().last() else { return };
        let (request, tree) = match answer {
            Ok(CountedTree { request, tree }) => {
                self.failed = None;
                (request, tree)
            }
            // It counts as told, for asked again it would fail again.
            Err(why) => {
                let Some(asked) = self.asked.take() else { return };
                self.failed = Some(why);
                (asked, OwnerTree::default())
            }
        };
        let current = self.asked.as_ref().is_none_or(|asked| *asked == request);
        if current {
            self.asked = None;
        }
        let compared = request.against.is_some();
        if self.tally.as_ref().is_some_and(|before| before.against.is_some()) != compared {
            let filter = self.rows.filter().to_owned();
            self.rows = Listing::new(columns(compared));
            self.rows.set_filter(&filter);
        }
        (self.tally, self.tree) = (Some(request), tree);
        self.fill();
        if let Some(module) = self.wanted.take_if(|_| current) {
            self.rows.find_name(&module);
        }
    }

    fn visit(&mut self, _run: &mut OpenRun, goal: &Goal) {
        if let Some(module) = &goal.module {
            self.by = LiveGrouping::Module;
            self.root = None;
            self.wanted = Some(module.clone());
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.rows)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.rows)
    }

    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    fn rows(&self, _run: &OpenRun, area: Rect) -> Rect {
        let body = Self::body(area);
        if self.flame {
            Rect { height: 0, ..body }
        } else {
            Rect { y: body.y + 1, height: body.height - 1, ..body }
        }
    }

    fn keys(&self) -> &'static [Binding] {
        KEYS
    }
}

impl LiveView {
    fn body(area: Rect) -> Rect {
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 1 }
    }

    fn headline(&self, run: &OpenRun, theme: Theme) -> Line<'static> {
        let Some(heap) = run.heap() else { return Line::styled(" no heap was used", theme.faint()) };
        if run.trace.is_none() {
            return Line::styled(" the trace is not at hand", theme.faint());
        }
        let mut spans = vec![Span::raw(" "), Span::styled(heap.name.to_string(), theme.strong())];
        let Some(tally) = &self.tally else { return Line::from(spans) };
        if let Some(error) = &self.failed {
            spans.push(Span::styled(format!(" cannot be told: {error}"), theme.bad()));
            return Line::from(spans);
        }
        let whole = self.tree.whole();
        spans.push(Span::raw(format!(" at {} · {} live", tally.spot.time(), Bytes(whole.now.bytes))));
        if let SnapshotPoint::Peak { time, .. } = tally.spot {
            let is_highest = run.heap().is_some_and(|heap| heap.peak.time_ns == time);
            spans.push(Span::styled(if is_highest { ", its peak" } else { ", a peak" }, theme.peak()));
        }
        spans.push(Span::raw(format!(", {}", plural(whole.now.blocks, "block"))));
        spans.push(Span::raw(format!(" · by {}", tally.by.name())));
        if let Some(against) = tally.against {
            let change = Cell::Change(whole.change());
            spans.push(Span::raw(" · "));
            spans.push(Span::styled(
                format!("{change} against {}", self.compared(against.time())),
                theme.strong(),
            ));
        }
        if let Some(root) = self.root.and_then(|root| self.tree.find(root)) {
            let OwnerNode { name, now, .. } = self.tree.node(root);
            spans.push(Span::raw(format!(" · {} of {name}", Bytes(now.bytes))));
        }
        if self.tree.merged > 0 {
            spans.push(Span::styled(
                format!(" · {} not told apart", plural(self.tree.merged, "part")),
                theme.bad(),
            ));
        }
        Line::from(spans)
    }

    fn compared(&self, time: Nanos) -> String {
        match self.against {
            Against::Mark(letter) => format!("mark {letter} at {time}"),
            _ => format!("the peak at {time}"),
        }
    }

    fn compare(&mut self, run: &OpenRun) -> Answer {
        let mut marks = run.marks.keys().copied();
        self.against = match self.against {
            Against::Nothing => Against::Peak,
            Against::Peak => marks.next().map_or(Against::Nothing, Against::Mark),
            Against::Mark(letter) => {
                marks.find(|next| *next > letter).map_or(Against::Nothing, Against::Mark)
            }
        };
        match self.against {
            Against::Nothing if run.marks.is_empty() => {
                Answer::Say("compared with nothing; m sets a mark to compare with".to_owned())
            }
            Against::Nothing => Answer::Say("compared with nothing".to_owned()),
            _ => Answer::Done,
        }
    }

    fn open(&mut self) -> Answer {
        let Some(id) = self.rows.selected().map(|row| row.id) else {
            return Answer::Say("nothing is live".to_owned());
        };
        let has_parts = self.tree.find(id).is_some_and(|place| !self.tree.node(place).parts.is_empty());
        if !has_parts {
            return Answer::Say("it has no parts; t groups in another way".to_owned());
        }
        self.root = Some(id);
        self.fill();
        Answer::Done
    }

    fn root_place(&self) -> usize {
        self.root.and_then(|root| self.tree.find(root)).unwrap_or(0)
    }

    fn fill(&mut self) {
        let compared = self.tally.as_ref().is_some_and(|tally| tally.against.is_some());
        self.rows.fill(self.tree.rows(self.root_place(), compared));
    }
}

/// Returns the point after all events of an instant.
fn behind(time: Nanos) -> SnapshotPoint {
    SnapshotPoint::Behind(memtrace_analysis::events::EventPlace { time, rank: u64::MAX })
}

#[cfg(test)]
mod tests;
