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
            run.visit_peak();
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
            Action::Edge(side) => run.visit_edge(side),
            Action::Pan(side) => run.pan(side),
            Action::ZoomIn => run.window.zoom_in(run.cursor),
            Action::ZoomOut => run.window.zoom_out(run.cursor),
            Action::Whole => run.window.show_all(),
            Action::Peak => run.visit_peak(),
            Action::Event(side) => run.visit_event(side),
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
            run.overview_scroll = run.overview_scroll.min(overview::last_scroll(run, self.theme, body));
            let rows = usize::from(timeline::module_rows(run, body));
            run.modules_scroll = run.modules_scroll.min(run.tree.rows().len().saturating_sub(rows));
        }
    }
}

/// The column of a plot that the mouse points at, above or below it too: everything there shares its time.
fn column_under(position: Position, plot: ratatui::layout::Rect) -> Option<u16> {
    (plot.left()..plot.right()).contains(&position.x).then(|| position.x - plot.left())
}

#[cfg(test)]
mod tests {
    use memtrace_format::Bytes;

    use super::*;
    use crate::{Nanos, tui::fixture};

    const MS: u64 = 1_000_000;

    fn run(state: &State) -> &Run {
        match &state.content {
            Content::Ready(run) => run,
            Content::Reading(_) => panic!("nothing is read"),
        }
    }

    fn timeline() -> State {
        fixture::showing(fixture::small(), View::Timeline, 80, 24)
    }

    fn after(mut state: State, actions: &[Action]) -> State {
        for action in actions {
            assert_eq!(state.update(*action), Flow::Continue, "{action:?}");
        }
        state
    }

    #[test]
    fn it_opens_at_the_peak() {
        assert_eq!(run(&timeline()).cursor, Nanos(687_499_997));
    }

    #[test]
    fn the_cursor_moves_by_columns_and_stays_in_the_run() {
        let columns = timeline::plot(run(&timeline()), screen::body(Size::new(80, 24))).width;
        let state =
            after(timeline(), &[Action::Edge(Side::Back), Action::MoveCursor(-5), Action::MoveCursor(1)]);
        assert_eq!(run(&state).cursor, Nanos(1000 * MS / u64::from(columns)));
        let state = after(state, &[Action::Edge(Side::Forward), Action::MoveCursor(10)]);
        assert_eq!(run(&state).cursor, Nanos(1000 * MS));
        let state = after(state, &[Action::ZoomIn, Action::ZoomIn, Action::Edge(Side::Back)]);
        assert_eq!(run(&state).window.from(), Nanos(0));
        assert_eq!(run(&state).window.length(), Nanos(250 * MS));
    }

    #[test]
    fn events_are_visited_in_order_and_the_last_one_is_the_end() {
        let mut state = after(timeline(), &[Action::Edge(Side::Back)]);
        let mut visited = Vec::new();
        for _ in 0..8 {
            state = after(state, &[Action::Event(Side::Forward)]);
            visited.push(run(&state).cursor);
        }
        let turns = [1, 2, 3, 4, 5].map(|turn| Nanos(turn * (1000 * MS / 6)));
        assert_eq!(visited[1..6], turns);
        assert_eq!(visited[0], Nanos(1000 * MS / 12));
        assert_eq!(visited[7], turns[4]);
        let state = after(state, &[Action::Event(Side::Back)]);
        assert_eq!(run(&state).cursor, turns[3]);
    }

    #[test]
    fn zooming_and_panning_keep_the_cursor_on_the_screen() {
        let mut state = after(timeline(), &[Action::ZoomIn; 70]);
        let shortest = run(&state).window.length();
        assert!(shortest < Nanos(10 * MS), "{shortest}");
        for _ in 0..9 {
            state = after(state, &[Action::Pan(Side::Back)]);
            let run = run(&state);
            assert!(run.window.from() <= run.cursor && run.cursor <= run.window.to());
        }
        let state = after(state, &[Action::Peak]);
        assert_eq!(run(&state).cursor, Nanos(687_499_997));
        let state = after(state, &[Action::Whole]);
        assert!(run(&state).window.is_whole());
    }

    #[test]
    fn the_mouse_points_at_instants() {
        let state = timeline();
        let plot = timeline::plot(run(&state), screen::body(state.size));
        let at = Position::new(plot.x + plot.width / 2, plot.y + 1);
        let state = after(state, &[Action::Click(at)]);
        assert_eq!(run(&state).window.column_of(run(&state).cursor, plot.width), Some(plot.width / 2));
        let state = after(state, &[Action::Wheel(Side::Forward, at)]);
        assert_eq!(run(&state).window.length(), Nanos(500 * MS));
        let before = run(&state).cursor;
        let state = after(state, &[Action::Click(Position::new(0, 4)), Action::Click(Position::new(999, 4))]);
        assert_eq!(run(&state).cursor, before);
    }

    #[test]
    fn enter_leads_to_the_peak_and_escape_back() {
        let state = fixture::showing(fixture::small(), View::Overview, 80, 24);
        let state = after(state, &[Action::Edge(Side::Back), Action::Open]);
        assert_eq!((state.view, run(&state).cursor), (View::Timeline, Nanos(687_499_997)));
        let mut state = after(state, &[Action::Help, Action::Back, Action::Back]);
        assert_eq!(state.view, View::Overview);
        assert_eq!(state.update(Action::Back), Flow::Quit);
    }

    #[test]
    fn scrolling_ends_where_the_page_ends() {
        let large = |view| fixture::showing(fixture::large(), view, 80, 24);
        let down = [Action::Scroll(Scroll::Page(Side::Forward)); 90];
        let state = after(large(View::Timeline), &down);
        let rows = usize::from(timeline::module_rows(run(&state), screen::body(state.size)));
        assert_eq!(run(&state).modules_scroll, 60 - rows);
        let state = after(large(View::Overview), &down);
        let scrolled = run(&state).overview_scroll;
        assert!(scrolled > 0);
        let state = after(state, &[Action::Resize(Size::new(200, 200))]);
        assert_eq!(run(&state).overview_scroll, 0);
    }

    #[test]
    fn heaps_turn_around() {
        let state = fixture::showing(fixture::large(), View::Timeline, 80, 24);
        assert_eq!(run(&state).heap, 0);
        let state = after(state, &[Action::Heap(Side::Back)]);
        assert_eq!(run(&state).heap().unwrap().name.recorded(), "host");
        let state = after(state, &[Action::Heap(Side::Forward)]);
        assert_eq!(run(&state).heap, 0);
    }

    #[test]
    fn every_key_is_harmless_before_anything_is_read_and_when_nothing_was_recorded() {
        for binding in crate::tui::keys::BINDINGS {
            let mut reading = fixture::reading(80, 24, true);
            assert_eq!(reading.progress(Progress { done: Bytes(1), total: Bytes(2) }), Flow::Continue);
            let empty = fixture::showing(fixture::empty(), View::Timeline, 80, 24);
            for mut state in [reading, empty] {
                let flow = state.update(binding.action);
                let ends = matches!(binding.action, Action::Quit | Action::Back | Action::Suspend);
                assert_eq!(flow != Flow::Continue, ends, "{binding:?}");
            }
        }
    }
}
