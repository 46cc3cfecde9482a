//! The address space of a heap at the cursor: what lies where, whose it is, and what is free between.
//!
//! ```text
//!  cuda:0 at 1.412 s · 19.00 MiB in 8 blocks · 3.00 MiB free in 4 holes · by module
//!  segment                size  free
//!  0x7f0000000000    20.00 MiB   35%  A─────B──··D C E·········F─────··
//!  0x7f0002000000     2.00 MiB  100%  #··············#···············
//!  A unet.down 10.00 MiB  B unet.up 3.00 MiB  a with holes  · free  # 2 others
//!  block at 0x7f0000000000: 6.00 MiB, asked for 5.63 MiB
//!  of unet.down, in job / denoise, by main; born at 10.0 ms, 1.402 s ago
//! ```
//!
//! A letter begins where a block does, and a line goes on to the block's end; small where something in the cell is free. Enter
//! looks at a segment closely: more cells, and its blocks as rows. A worker makes all that grows with the number of blocks.

mod draw;
mod layout;
mod legend;
mod regions;
mod scene;
mod strip;
mod words;

use std::sync::{Arc, Mutex};

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
};

use self::{
    layout::Layout,
    legend::{Colouring, Letters},
    regions::Region,
    scene::{Answer as Made, Painter, Question, Range, Scene},
};
use super::{
    action::{Action, Side},
    keys::{Binding, Key},
    listing::{Cell, Column, Listing, Row},
    moments::Moments,
    page::Page,
    run::Run,
    theme::Theme,
    view::{Answer, Goal, View},
    worker::{Desk, Worker},
};

const KEYS: &[Binding] = &[
    Binding::own(&[Key::Char('.')], NEXT, "to the heap's next event").footer("step"),
    Binding::own(&[Key::Char(',')], PREVIOUS, "to the heap's previous event").footer("step"),
    Binding::own(&[Key::Char('w')], BLOCK, "explain the next block").footer("block"),
    Binding::own(&[Key::Char('b')], BLOCK_BACK, "explain the previous block").footer("block"),
    Binding::own(&[Key::Char('!')], PIN, "explain the next block that keeps a segment, the worst first")
        .footer("pin"),
    Binding::own(&[Key::Char('c')], COLOUR, "colour by module, scope, call site or age").footer("colour"),
];
const NEXT: &str = "next event";
const PREVIOUS: &str = "previous event";
const BLOCK: &str = "next block";
const BLOCK_BACK: &str = "previous block";
const PIN: &str = "next pin";
const COLOUR: &str = "colour";

/// No range is looked at more closely than this.
const CLOSEST: u64 = 64;

/// The view.
#[derive(Debug)]
pub(crate) struct MapView {
    worker: Option<Worker<Question, Made>>,
    /// What the worker reads; other ones when more of the trace has been written.
    moments: Option<Arc<Moments>>,
    letters: Arc<Mutex<Letters>>,
    /// Whether the scene is to be made anew, whatever it is of.
    is_old: bool,
    /// What the worker is at.
    asked: Option<Question>,
    /// What could not be answered.
    failed: Option<Question>,
    asked_before: u64,
    scene: Option<Box<Scene>>,
    /// A row's id is where its region starts.
    regions: Listing,
    /// Of what is looked at closely; a row's id is its block's address.
    blocks: Listing,
    colouring: Colouring,
    close: Option<Range>,
    /// The address that is explained.
    focus: Option<u64>,
    /// Whether the row with the focus is to be selected when the scene comes.
    reveal: bool,
    /// Whether the worst pin is to be explained when the scene comes.
    seeks_pin: bool,
    said: Option<String>,
    words: Vec<Line<'static>>,
}

impl Default for MapView {
    fn default() -> Self {
        Self {
            worker: None,
            moments: None,
            letters: Arc::default(),
            is_old: false,
            asked: None,
            failed: None,
            asked_before: 0,
            scene: None,
            regions: Listing::new(region_columns()),
            blocks: Listing::new(block_columns()),
            colouring: Colouring::default(),
            close: None,
            focus: None,
            reveal: false,
            seeks_pin: false,
            said: None,
            words: Vec::new(),
        }
    }
}

fn region_columns() -> Vec<Column> {
    vec![
        Column::text("segment", 14, 1),
        Column::number("size", 11, 0),
        Column::number("free", 5, 2),
        Column::number("largest", 11, 4),
        Column::number("holes", 6, 5),
        Column::number("blocks", 6, 5),
        Column::text("pool", 8, 6),
    ]
}

fn block_columns() -> Vec<Column> {
    vec![
        Column::text("block", 14, 1),
        Column::number("size", 11, 0),
        Column::number("asked", 11, 5),
        Column::text("module", Column::WIDE, 2),
        Column::text("scope", Column::WIDE, 4),
        Column::text("thread", 12, 7),
        Column::number("age", 10, 3),
        Column::text("state", 13, 6),
    ]
}

impl View for MapView {
    fn prepare(&mut self, run: &Run) {
        let known = self.moments.as_ref();
        if let Some(moments) =
            run.moments.as_ref().filter(|new| known.is_none_or(|old| !Arc::ptr_eq(old, new)))
        {
            let painter = Painter::new(Arc::clone(moments), Arc::clone(&self.letters));
            let answer = move |question, desk: &Desk<Question>| painter.answer(question, desk);
            self.worker = Some(Worker::new("memtrace-map", run.wake.clone(), answer));
            (self.moments, self.asked, self.is_old) = (Some(Arc::clone(moments)), None, true);
        }
        let named = |heap: &crate::report::Heap| {
            heap.peak.by_module.iter().any(|share| share.name.recorded() != "(none)")
        };
        if self.scene.is_none() && !run.report.heaps.iter().any(named) {
            self.colouring = Colouring::Site;
        }
    }

    fn draw(&self, run: &Run, theme: Theme, area: Rect, buffer: &mut Buffer) {
        draw::draw(self, run, theme, area, buffer);
    }

    fn update(&mut self, run: &mut Run, action: Action, area: Rect) -> Answer {
        match action {
            Action::Own(NEXT) => self.step(run, Side::Forward, area),
            Action::Own(PREVIOUS) => self.step(run, Side::Back, area),
            Action::Own(BLOCK) => self.turn_block(Side::Forward),
            Action::Own(BLOCK_BACK) => self.turn_block(Side::Back),
            Action::Own(PIN) => return self.turn_pin(),
            Action::Own(COLOUR) => self.colouring = self.colouring.next(),
            Action::Open => return self.open(),
            Action::Back if self.close.is_some() => self.close = None,
            Action::ZoomIn if self.close.is_some() => self.zoom(1, 2),
            Action::ZoomOut if self.close.is_some() => self.zoom(2, 1),
            Action::Pan(side) if self.close.is_some() => self.pan(side),
            Action::Whole if self.close.is_some() => self.close = self.region().map(range),
            Action::Press(position) => return self.press(run, position, area),
            _ => return Answer::Ignored,
        }
        Answer::Done
    }

    fn settle(&mut self, run: &Run, theme: Theme, area: Rect) {
        self.follow_rows();
        let Some(question) = self.question(run, area) else {
            self.words = Vec::new();
            return;
        };
        let shown = self.scene.as_ref().map(|scene| &scene.question);
        let current = self.asked.as_ref().or(self.failed.as_ref()).or(shown);
        if current.is_none_or(|current| !current.is_like(&question)) || self.is_old {
            self.is_old = false;
            self.ask(question);
        }
        if self.asked.is_none() {
            self.point();
        }
        self.words = words::explain(self, run, theme);
    }

    fn woken(&mut self, run: &mut Run) {
        let Some(worker) = &mut self.worker else { return };
        let answers: Vec<_> = worker.answers().collect();
        for answer in answers {
            match answer {
                Ok(answer) => self.accept(run, answer),
                // Asked again, it would fail again.
                Err(why) => (self.failed, self.said) = (self.asked.take(), Some(why)),
            }
        }
    }

    fn visit(&mut self, _run: &mut Run, goal: &Goal) {
        if let Some(address) = goal.address {
            self.focus = Some(address.0);
            self.close = None;
            self.reveal = true;
        } else if goal.time.is_some() {
            // What is to be seen at an instant is what keeps memory there, if anything does.
            (self.close, self.seeks_pin) = (None, true);
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(if self.close.is_some() { &self.blocks } else { &self.regions })
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(if self.close.is_some() { &mut self.blocks } else { &mut self.regions })
    }

    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    fn rows(&self, _run: &Run, area: Rect) -> Rect {
        Layout::new(area, self.close.is_some()).rows
    }

    fn keys(&self) -> &'static [Binding] {
        KEYS
    }
}

impl MapView {
    /// The region of the selected row, or the one that is looked at closely.
    fn region(&self) -> Option<&Region> {
        let scene = self.scene.as_ref()?;
        let held = self.close.map(|close| close.from);
        let from = held.or_else(|| self.regions.selected().map(|row| row.id))?;
        let place = scene.strips.partition_point(|strip| strip.region.from <= from).checked_sub(1)?;
        scene.strips.get(place).map(|strip| &strip.region)
    }

    fn question(&self, run: &Run, area: Rect) -> Option<Question> {
        let layout = Layout::new(area, self.close.is_some());
        Some(Question {
            serial: 0,
            spot: run.spot(),
            step: None,
            heap: run.heap()?.name.clone(),
            colouring: self.colouring,
            width: layout.strip.width,
            close: self.close,
            lines: (layout.lines.height, layout.line_cells()),
        })
    }

    fn ask(&mut self, question: Question) {
        let Some(worker) = &mut self.worker else { return };
        self.asked_before += 1;
        let question = Question { serial: self.asked_before, ..question };
        (self.asked, self.failed) = (Some(question.clone()), None);
        worker.ask(question);
    }

    /// Steps are not queued: who holds the key down goes as fast as the worker does.
    fn step(&mut self, run: &Run, side: Side, area: Rect) {
        self.said = None;
        let under_way = self.asked.as_ref().is_some_and(|asked| asked.step.is_some());
        if let (Some(question), false) = (self.question(run, area), under_way) {
            self.ask(Question { step: Some(side), ..question });
        }
    }

    fn accept(&mut self, run: &mut Run, answer: Made) {
        match answer {
            Made::Scene(scene) => {
                let current = self.asked.as_ref().is_some_and(|asked| asked.serial == scene.question.serial);
                if current {
                    self.asked = None;
                }
                self.show(run, scene, current);
            }
            Made::NoStep(side) => {
                self.asked = None;
                let way = if side == Side::Back { "before" } else { "behind" };
                self.said = Some(format!("the heap has no event {way} this one"));
            }
        }
    }

    fn show(&mut self, run: &mut Run, mut scene: Box<Scene>, current: bool) {
        scene.question.step = None;
        self.regions.fill(scene.strips.iter().map(|strip| region_row(&strip.region)).collect());
        if let Some(close) = &mut scene.close {
            self.blocks.fill(std::mem::take(&mut close.rows));
        }
        if let (Some(step), true) = (&scene.step, current) {
            run.visit_place(step.place);
            if let Some(address) = step.line.address {
                self.focus = Some(address.0);
                self.reveal = true;
            }
        }
        self.scene = Some(scene);
        if current {
            self.point();
        }
    }

    /// Shows what was meant when the view was opened, or stepped, now that the scene is there.
    fn point(&mut self) {
        if std::mem::take(&mut self.seeks_pin) {
            self.focus = None;
            let _ = self.turn_pin();
        }
        if std::mem::take(&mut self.reveal) {
            self.reveal();
        }
    }

    /// Selects what has the focus.
    fn reveal(&mut self) {
        let (Some(focus), Some(scene)) = (self.focus, &self.scene) else { return };
        let holder = scene.strips.iter().find(|strip| strip.region.holds(focus));
        let Some(region) = holder.map(|strip| strip.region.clone()) else { return };
        self.regions.select_id(region.from);
        if let Some(close) = self.close
            && !(close.from..close.to).contains(&focus)
        {
            self.close = Some(range(&region));
            self.reveal = true;
        }
        if let Some(block) = self.block_at(focus) {
            self.blocks.select_id(block);
        }
    }

    /// The focus goes with the selected row.
    fn follow_rows(&mut self) {
        if self.close.is_some() {
            let selected = self.blocks.selected().map(|row| row.id);
            let is_elsewhere =
                self.focus.and_then(|focus| self.block_at(focus)).is_some_and(|at| Some(at) != selected);
            if self.focus.is_none() || (is_elsewhere && selected.is_some()) {
                self.focus = selected;
            }
        } else if !self.reveal
            && let (Some(focus), Some(region)) = (self.focus, self.region())
            && !region.holds(focus)
        {
            self.focus = None;
        }
    }

    /// Where the block starts that holds an address.
    fn block_at(&self, address: u64) -> Option<u64> {
        let heap = self.scene.as_ref()?.heap()?;
        heap.block_at(memtrace_format::Address(address)).map(|block| block.address.0)
    }

    fn turn_block(&mut self, side: Side) {
        let (Some(scene), Some(region)) = (&self.scene, self.region()) else { return };
        let Some(heap) = scene.heap() else { return };
        let blocks = scene::within(&heap.blocks, range(region));
        let next = match (side, self.focus) {
            (Side::Forward, None) => blocks.first(),
            (Side::Back, None) => blocks.last(),
            (Side::Forward, Some(focus)) => blocks.iter().find(|block| block.address.0 > focus),
            (Side::Back, Some(focus)) => blocks.iter().rfind(|block| block.address.0 < focus),
        };
        if let Some(address) = next.map(|block| block.address.0) {
            self.focus = Some(address);
            self.blocks.select_id(address);
        }
    }

    /// The focus goes to the first block of the next pin.
    fn turn_pin(&mut self) -> Answer {
        let Some((scene, heap)) = self.scene.as_ref().and_then(|scene| Some((scene, scene.heap()?))) else {
            return Answer::Done;
        };
        let firsts = scene.pins.iter().filter_map(|pin| heap.blocks.get(*pin.blocks.first()?));
        let firsts: Vec<u64> = firsts.map(|block| block.address.0).collect();
        let here = firsts.iter().position(|first| self.focus == Some(*first));
        let next = here.map_or(0, |here| here + 1) % firsts.len().max(1);
        let Some(&first) = firsts.get(next) else {
            return Answer::Say("no block keeps a segment that is mostly free".to_owned());
        };
        self.focus = Some(first);
        self.reveal();
        Answer::Say(format!(
            "{} of {}, the one that keeps the most for its size first",
            next + 1,
            firsts.len()
        ))
    }

    fn open(&mut self) -> Answer {
        if self.close.is_none() {
            self.close = self.region().map(range);
            self.blocks.fill(Vec::new());
            self.reveal = self.focus.is_some();
            return if self.close.is_some() {
                Answer::Done
            } else {
                Answer::Say("nothing is here".to_owned())
            };
        }
        let heap = self.scene.as_ref().and_then(|scene| scene.heap());
        let block = heap.zip(self.focus).and_then(|(heap, at)| heap.block_at(memtrace_format::Address(at)));
        match block {
            Some(block) if Page::Events.index().is_some() => {
                Answer::Open(Goal::at(Page::Events, block.born_ns))
            }
            _ => Answer::Say("no block is selected".to_owned()),
        }
    }

    /// Looks at so many parts of so many of the range, around the focus.
    fn zoom(&mut self, times: u64, of: u64) {
        let (Some(close), Some(region)) = (self.close, self.region().map(range)) else { return };
        let middle = close.from + (close.to - close.from) / 2;
        let around = self.focus.filter(|focus| (close.from..close.to).contains(focus)).unwrap_or(middle);
        let length = ((close.to - close.from) / of).saturating_mul(times);
        let length = length.max(CLOSEST).min(region.to - region.from);
        let from = around.saturating_sub(length / 2).clamp(region.from, region.to - length);
        self.close = Some(Range { from, to: from + length });
    }

    fn pan(&mut self, side: Side) {
        let (Some(close), Some(region)) = (self.close, self.region().map(range)) else { return };
        let length = close.to - close.from;
        let from = match side {
            Side::Back => close.from.saturating_sub(length / 2),
            Side::Forward => close.from.saturating_add(length / 2),
        };
        let from = from.clamp(region.from, region.to.saturating_sub(length).max(region.from));
        self.close = Some(Range { from, to: from + length });
    }

    fn press(&mut self, run: &Run, position: Position, area: Rect) -> Answer {
        let layout = Layout::new(area, self.close.is_some());
        let Some(address) = self.address_under(&layout, position) else {
            let _ = run;
            return Answer::Ignored;
        };
        self.focus = Some(address);
        if self.close.is_some() {
            if let Some(block) = self.block_at(address) {
                self.blocks.select_id(block);
            }
        } else {
            self.reveal();
        }
        Answer::Done
    }

    /// The address that the mouse points at.
    fn address_under(&self, layout: &Layout, position: Position) -> Option<u64> {
        let scene = self.scene.as_ref()?;
        let (range, cells, cell) = match &scene.close {
            Some(close) if self.close.is_some() && layout.lines.contains(position) => {
                let (range, tiles) = close.lines.get(usize::from(position.y - layout.lines.y))?;
                let cell = usize::from(position.x.checked_sub(layout.line_x())?);
                (*range, tiles.len(), cell)
            }
            _ if self.close.is_none() && layout.strip.contains(position) => {
                let row = self.regions.top() + usize::from(position.y - layout.rows.y);
                let from = self.regions.shown().nth(row)?.id;
                let place = scene.strips.binary_search_by_key(&from, |strip| strip.region.from).ok()?;
                let strip = &scene.strips[place];
                (range(&strip.region), strip.tiles.len(), usize::from(position.x - layout.strip.x))
            }
            _ => return None,
        };
        (cell < cells).then(|| strip::address_of(cell, (range.from, range.to), cells))
    }
}

fn range(region: &Region) -> Range {
    Range { from: region.from, to: region.to }
}

fn region_row(region: &Region) -> Row {
    let share = region.free.map(|free| free.bytes.0 as f64 / region.bytes().0.max(1) as f64);
    Row::new(
        region.from,
        vec![
            Cell::word(format!("{:#x}", region.from)),
            Cell::Bytes(region.bytes()),
            share.map_or(Cell::Unknown, Cell::Share),
            region.free.map_or(Cell::Unknown, |free| Cell::Bytes(free.largest)),
            region.free.map_or(Cell::Unknown, |free| Cell::Count(free.holes as u64)),
            Cell::Count(region.blocks.len() as u64),
            region.pool.clone().map_or(Cell::Unknown, Cell::Text),
        ],
    )
}

#[cfg(test)]
mod tests;
