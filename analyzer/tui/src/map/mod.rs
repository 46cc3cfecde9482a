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
mod picture;
mod pointing;
mod regions;
mod rows;
mod search;
mod strip;
mod words;

use std::sync::{Arc, Mutex};

use memtrace_analysis::report::is_nobody;
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use self::{
    layout::MapLayout,
    legend::{Colouring, LegendLetters},
    picture::{AddressRange, MapAnswer, MapPicture, MapRequest, Painter},
    regions::Region,
};
use super::{
    action::{Action, Side},
    goal::Goal,
    keys::{Binding, Key},
    listing::Listing,
    open_run::OpenRun,
    page::Page,
    snapshot_cache::Snapshots,
    theme::Theme,
    view::{Answer, View},
    worker::{Mailbox, Worker},
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

/// The shortest range that can be magnified, in bytes.
const CLOSEST: u64 = 64;

/// The view.
#[derive(Debug)]
pub(crate) struct MapView {
    worker: Option<Worker<MapRequest, MapAnswer>>,
    /// The snapshots that the worker reads; replaced when more of the trace has been written.
    snapshots: Option<Arc<Snapshots>>,
    letters: Arc<Mutex<LegendLetters>>,
    /// Set if the picture must be made anew, whatever it shows.
    is_old: bool,
    /// The request that the worker is at.
    asked: Option<MapRequest>,
    /// The error of the last request.
    failed: Option<MapRequest>,
    asked_before: u64,
    picture: Option<Box<MapPicture>>,
    /// A row's id is where its region starts.
    regions: Listing,
    /// Blocks of the magnified part; a row's id is its block's address.
    blocks: Listing,
    colouring: Colouring,
    close: Option<AddressRange>,
    /// The address that is explained.
    focus: Option<u64>,
    /// Set if the row under the pointer is to be selected once the picture comes.
    reveal: bool,
    /// Set if the worst pin is to be explained once the picture comes.
    seeks_pin: bool,
    said: Option<String>,
    words: Vec<Line<'static>>,
}

impl Default for MapView {
    fn default() -> Self {
        Self {
            worker: None,
            snapshots: None,
            letters: Arc::default(),
            is_old: false,
            asked: None,
            failed: None,
            asked_before: 0,
            picture: None,
            regions: Listing::new(rows::region_columns()),
            blocks: Listing::new(rows::block_columns()),
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

impl View for MapView {
    fn prepare(&mut self, run: &OpenRun) {
        let known = self.snapshots.as_ref();
        if let Some(snapshots) =
            run.snapshots.as_ref().filter(|new| known.is_none_or(|old| !Arc::ptr_eq(old, new)))
        {
            let painter = Painter::new(Arc::clone(snapshots), Arc::clone(&self.letters));
            let answer = move |request, desk: &Mailbox<MapRequest>| painter.answer(request, desk);
            self.worker = Some(Worker::new("memtrace-map", run.wake.clone(), answer));
            (self.snapshots, self.asked, self.is_old) = (Some(Arc::clone(snapshots)), None, true);
        }
        let named = |heap: &memtrace_analysis::report::Heap| {
            heap.peak.by_module.iter().any(|share| !is_nobody(&share.name))
        };
        if self.picture.is_none() && !run.report.heaps.iter().any(named) {
            self.colouring = Colouring::Site;
        }
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        draw::draw(self, run, theme, area, buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, area: Rect) -> Answer {
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

    fn settle(&mut self, run: &OpenRun, theme: Theme, area: Rect) {
        self.follow_rows();
        let Some(request) = self.request(run, area) else {
            self.words = Vec::new();
            return;
        };
        let shown = self.picture.as_ref().map(|picture| &picture.request);
        let current = self.asked.as_ref().or(self.failed.as_ref()).or(shown);
        if current.is_none_or(|current| !current.is_like(&request)) || self.is_old {
            self.is_old = false;
            self.ask(request);
        }
        if self.asked.is_none() {
            self.point();
        }
        self.words = words::explain(self, run, theme);
    }

    fn woken(&mut self, run: &mut OpenRun) {
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

    fn visit(&mut self, _run: &mut OpenRun, goal: &Goal) {
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

    fn find(&mut self, run: &OpenRun, text: &str, side: Side, _area: Rect) -> bool {
        self.listing_mut().is_some_and(|rows| rows.find(text, side)) || self.find_owner(run, text, side)
    }

    #[cfg(test)]
    fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    fn rows(&self, _run: &OpenRun, area: Rect) -> Rect {
        MapLayout::new(area, self.close.is_some()).rows
    }

    fn keys(&self) -> &'static [Binding] {
        KEYS
    }
}

impl MapView {
    /// The region of the selected row, or the one that is looked at closely.
    fn region(&self) -> Option<&Region> {
        let picture = self.picture.as_ref()?;
        let held = self.close.map(|close| close.from);
        let from = held.or_else(|| self.regions.selected().map(|row| row.id))?;
        let place = picture.strips.partition_point(|strip| strip.region.from <= from).checked_sub(1)?;
        picture.strips.get(place).map(|strip| &strip.region)
    }

    fn request(&self, run: &OpenRun, area: Rect) -> Option<MapRequest> {
        let layout = MapLayout::new(area, self.close.is_some());
        Some(MapRequest {
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

    fn ask(&mut self, request: MapRequest) {
        let Some(worker) = &mut self.worker else { return };
        self.asked_before += 1;
        let request = MapRequest { serial: self.asked_before, ..request };
        (self.asked, self.failed) = (Some(request.clone()), None);
        worker.ask(request);
    }

    /// Steps are not queued: who holds the key down goes as fast as the worker does.
    fn step(&mut self, run: &OpenRun, side: Side, area: Rect) {
        self.said = None;
        let under_way = self.asked.as_ref().is_some_and(|asked| asked.step.is_some());
        if let (Some(request), false) = (self.request(run, area), under_way) {
            self.ask(MapRequest { step: Some(side), ..request });
        }
    }

    fn accept(&mut self, run: &mut OpenRun, answer: MapAnswer) {
        match answer {
            MapAnswer::MapPicture(picture) => {
                let current = self.asked.as_ref().is_some_and(|asked| asked.serial == picture.request.serial);
                if current {
                    self.asked = None;
                }
                self.show(run, picture, current);
            }
            MapAnswer::NoStep(side) => {
                self.asked = None;
                let way = if side == Side::Back { "before" } else { "behind" };
                self.said = Some(format!("the heap has no event {way} this one"));
            }
        }
    }

    fn show(&mut self, run: &mut OpenRun, mut picture: Box<MapPicture>, current: bool) {
        picture.request.step = None;
        self.regions.fill(picture.strips.iter().map(|strip| rows::region_row(&strip.region)).collect());
        if let Some(close) = &mut picture.close {
            self.blocks.fill(std::mem::take(&mut close.rows));
        }
        if let (Some(step), true) = (&picture.step, current) {
            run.visit_place(step.place);
            if let Some(address) = step.line.address {
                self.focus = Some(address.0);
                self.reveal = true;
            }
        }
        self.picture = Some(picture);
        if current {
            self.point();
        }
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
        let heap = self.picture.as_ref().and_then(|picture| picture.heap());
        let block = heap.zip(self.focus).and_then(|(heap, at)| heap.block_at(memtrace_format::Address(at)));
        match block {
            Some(block) => Answer::Open(Goal::at(Page::Events, block.born_ns)),
            _ => Answer::Say("no block is selected".to_owned()),
        }
    }
}

fn range(region: &Region) -> AddressRange {
    AddressRange { from: region.from, to: region.to }
}

#[cfg(test)]
mod tests;
