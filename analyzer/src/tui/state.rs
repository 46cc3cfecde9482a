//! The state of the UI, without a terminal: actions change it, [`super::screen::draw`] shows it.

use ratatui::layout::{Position, Size};

use super::{
    action::{Action, Flow, Scroll, Side, View},
    overview,
    run::Run,
    screen,
    theme::Theme,
    timeline,
};
use crate::{Analysis, Progress, Text};

/// Everything that the screen depends on.
#[derive(Debug)]
pub(crate) struct State {
    /// The name of the file.
    pub(crate) file: Text,
    /// How things look.
    pub(crate) theme: Theme,
    /// How large the screen is.
    pub(crate) size: Size,
    /// The view on the screen.
    pub(crate) view: View,
    /// Where [`Action::Back`] leads, after [`Action::Open`].
    pub(crate) opened_from: Option<View>,
    /// Whether the list of keys is open, and how far it is scrolled.
    pub(crate) help: Option<u16>,
    /// What there is to show.
    pub(crate) content: Content,
}

/// What there is to show.
#[derive(Debug)]
pub(crate) enum Content {
    /// The analysis has come this far, if it says so.
    Reading(Option<Progress>),
    /// The analysis, and what of it is looked at.
    Ready(Box<Run>),
}

impl State {
    /// The state before anything is read.
    pub(crate) fn new(file: Text, theme: Theme, size: Size) -> Self {
        Self {
            file,
            theme,
            size,
            view: View::Overview,
            opened_from: None,
            help: None,
            content: Content::Reading(None),
        }
    }

    /// The analysis has come this far.
    pub(crate) fn progress(&mut self, progress: Progress) -> Flow {
        if let Content::Reading(so_far) = &mut self.content {
            *so_far = Some(progress);
        }
        Flow::Continue
    }

    /// The analysis is done.
    pub(crate) fn ready(&mut self, analysis: Box<Analysis>) -> Flow {
        self.content = Content::Ready(Box::new(Run::new(*analysis)));
        Flow::Continue
    }

    /// Does what the user wants.
    pub(crate) fn update(&mut self, action: Action) -> Flow {
        match action {
            Action::Quit => return Flow::Quit,
            Action::Suspend => return Flow::Suspend,
            Action::Back => return self.back(),
            Action::Help => self.help = if self.help.is_some() { None } else { Some(0) },
            Action::Resize(size) => self.size = size,
            Action::Show(view) => self.show(view),
            Action::Turn(side) => self.show(self.view.beside(side)),
            Action::Scroll(scroll) => self.scroll(scroll),
            Action::Wheel(side, position) => self.wheel(side, position),
            Action::Open => self.open(),
            Action::MoveCursor(_)
            | Action::Edge(_)
            | Action::Pan(_)
            | Action::ZoomIn
            | Action::ZoomOut
            | Action::Whole
            | Action::Peak
            | Action::Event(_)
            | Action::Heap(_)
            | Action::Click(_) => self.look(action),
        }
        self.stay_on_the_page();
        Flow::Continue
    }

    fn back(&mut self) -> Flow {
        if self.help.take().is_some() {
            return Flow::Continue;
        }
        let Some(view) = self.opened_from.take() else { return Flow::Quit };
        self.view = view;
        Flow::Continue
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.opened_from = None;
        self.help = None;
    }

    fn open(&mut self) {
        if let (Content::Ready(run), View::Overview, None) = (&mut self.content, self.view, self.help) {
            run.to_peak();
            self.opened_from = Some(self.view);
            self.view = View::Timeline;
        }
    }

    /// What changes the part of the run that is looked at.
    fn look(&mut self, action: Action) {
        let body = screen::body(self.size);
        let Content::Ready(run) = &mut self.content else { return };
        if self.help.is_some() {
            return;
        }
        let columns = timeline::plot(run, body).width;
        match action {
            Action::MoveCursor(by) => run.move_cursor(by, columns),
            Action::Edge(side) => run.to_edge(side),
            Action::Pan(side) => run.pan(side),
            Action::ZoomIn => run.window.zoom_in(run.cursor),
            Action::ZoomOut => run.window.zoom_out(run.cursor),
            Action::Whole => run.window.show_all(),
            Action::Peak => run.to_peak(),
            Action::Event(side) => run.to_event(side),
            Action::Heap(side) => run.turn_heap(side),
            Action::Click(position) if self.view == View::Timeline => {
                if let Some(column) = column_under(position, timeline::plot(run, body)) {
                    run.cursor = run.window.nearest(run.window.time_at(column, columns));
                }
            }
            _ => {}
        }
    }

    fn scroll(&mut self, scroll: Scroll) {
        let body = screen::body(self.size);
        let (side, by) = match scroll {
            Scroll::Line(side) => (side, 1),
            Scroll::Page(side) => (side, body.height.saturating_sub(2).max(1)),
        };
        let moved = |from: u16| match side {
            Side::Back => from.saturating_sub(by),
            Side::Forward => from.saturating_add(by),
        };
        match (&mut self.help, &mut self.content) {
            (Some(scrolled), _) => *scrolled = moved(*scrolled),
            (None, Content::Ready(run)) => match self.view {
                View::Overview => run.overview_scroll = moved(run.overview_scroll),
                View::Timeline => run.scroll_modules(side, usize::from(by)),
            },
            (None, Content::Reading(_)) => {}
        }
    }

    fn wheel(&mut self, side: Side, position: Position) {
        let body = screen::body(self.size);
        if let (None, View::Timeline, Content::Ready(run)) = (self.help, self.view, &mut self.content) {
            let plot = timeline::plot(run, body);
            let column = column_under(position, plot);
            let around = column.map_or(run.cursor, |column| run.window.time_at(column, plot.width));
            match side {
                Side::Forward => run.window.zoom_in(around),
                Side::Back => run.window.zoom_out(around),
            }
            run.cursor = run.window.nearest(run.cursor);
        } else {
            let towards = if side == Side::Forward { Side::Back } else { Side::Forward };
            for _ in 0..3 {
                self.scroll(Scroll::Line(towards));
            }
        }
    }

    /// Scrolling ends where there is nothing more to show, at the size that the screen has now.
    fn stay_on_the_page(&mut self) {
        let body = screen::body(self.size);
        if let Some(scrolled) = &mut self.help {
            *scrolled = (*scrolled).min(super::help::height().saturating_sub(body.height));
        }
        if let Content::Ready(run) = &mut self.content {
            let height = overview::height(run, self.theme, body.width);
            run.overview_scroll = run.overview_scroll.min(height.saturating_sub(body.height));
            let rows = usize::from(timeline::module_rows(run, body));
            run.modules_scroll = run.modules_scroll.min(run.tree.rows().len().saturating_sub(rows));
        }
    }
}

/// The column of a plot that the mouse points at, above or below it too: everything there shares its time.
fn column_under(position: Position, plot: ratatui::layout::Rect) -> Option<u16> {
    (plot.left()..plot.right()).contains(&position.x).then(|| position.x - plot.left())
}
