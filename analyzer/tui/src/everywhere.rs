//! The default effects of actions, for views without one of their own.

use memtrace_analysis::Nanos;
use ratatui::layout::{Position, Rect};

use super::{
    action::{Action, Scroll, Side},
    keys::Key,
    open_run::OpenRun,
    overlay::{Letter, Overlay},
    page::Page,
    prompt::{Prompt, Purpose},
    ready::Ready,
    view::{Answer, View},
    widget::plural,
    window::TimeRange,
};

/// The assumed number of columns where there is no time axis: the cursor moves by these.
const COLUMNS: u16 = 80;
/// The rows that a turn of the wheel scrolls.
const WHEEL_ROWS: usize = 3;

/// Does what the user wants.
pub(crate) fn update(ready: &mut Ready, page: Page, action: Action, body: Rect) -> Answer {
    let (view, run) = ready.parts(page);
    let plot = view.plot(run, body);
    let columns = plot.map_or(COLUMNS, |plot| plot.width);
    match action {
        Action::MoveCursor(by) => run.move_cursor(by, columns),
        Action::Edge(side) => match view.listing_mut().filter(|_| plot.is_none()) {
            Some(listing) => listing.edge(side),
            None => run.visit_edge(side),
        },
        Action::Pan(side) => run.pan(side),
        Action::ZoomIn => run.window.zoom_in(run.cursor),
        Action::ZoomOut => run.window.zoom_out(run.cursor),
        Action::Whole => run.window.show_all(),
        Action::Peak => run.visit_peak(),
        Action::LowerPeak => {
            return Answer::Say(match run.visit_next_peak() {
                Some((number, of)) => format!("peak {number} of {of}, the highest first"),
                None => "the heap has no other distinct peak".to_owned(),
            });
        }
        Action::Event(side) => run.visit_event(side),
        Action::Heap(side) => run.turn_heap(side),
        Action::HeapAt(place) => run.heap = place.min(run.report.heaps.len().saturating_sub(1)),
        Action::Range => return choose_range(ready),
        Action::Open => return Answer::Say("nothing to open here".to_owned()),
        Action::Press(position) => return press(ready, page, position, body),
        Action::Drag(position) => drag(ready, page, position, body),
        Action::Release(_) => release(ready),
        Action::Wheel(side, position) => wheel(view, run, side, position, body),
        Action::Find(_) if run.search.is_empty() => return Answer::Say("/ searches".to_owned()),
        Action::Find(side) if !view.find(run, &run.search, side, body) => {
            return Answer::Say(format!(
                "nothing here has {}",
                memtrace_analysis::Text::new(run.search.as_str())
            ));
        }
        Action::Find(_) => {}
        action => return list(view, action),
    }
    if ready.anchor.is_some() && !matches!(action, Action::Drag(_)) {
        extend_range(ready);
    }
    Answer::Done
}

/// Opens what an action asks the user with, or says why there is nothing to ask.
pub(crate) fn ask(ready: &Ready, page: Page, action: Action) -> Result<Overlay, &'static str> {
    let filter = ready.view(page).listing().map(|listing| listing.filter().to_owned());
    let prompt = |purpose, text| Overlay::Prompt(Prompt { purpose, text });
    match action {
        Action::Search => Ok(prompt(Purpose::Search, String::new())),
        Action::Filter => {
            filter.map(|text| prompt(Purpose::Filter, text)).ok_or("there are no rows to filter here")
        }
        Action::GoToMark if ready.run.marks.is_empty() => Err("there are no marks; m makes one"),
        Action::GoToMark => Ok(Overlay::Letter(Letter::GoTo)),
        _ => Ok(Overlay::Letter(Letter::Mark)),
    }
}

/// Does what a letter was asked for; what is to be said of it.
pub(crate) fn letter(run: &mut OpenRun, letter: Letter, key: Key) -> Option<String> {
    let Key::Char(name) = key else { return None };
    if !name.is_alphanumeric() {
        return Some("a mark is a letter or a digit".to_owned());
    }
    match letter {
        Letter::Mark => {
            run.marks.insert(name, run.cursor);
            Some(format!("{name} is {}", run.cursor))
        }
        Letter::GoTo => match run.marks.get(&name) {
            Some(&time) => {
                run.visit(time);
                None
            }
            None => Some(format!("there is no mark {name}")),
        },
    }
}

/// Gives up what was chosen last: the range, the filter, the place that was opened. The page to show; none: nothing was.
pub(crate) fn back(ready: &mut Ready, page: Page) -> Option<Page> {
    let before = ready.trail.range();
    if ready.anchor.take().is_some() || ready.run.range != before {
        ready.run.range = before;
        return Some(page);
    }
    let listing = ready.parts(page).0.listing_mut();
    if let Some(listing) = listing.filter(|listing| !listing.filter().is_empty()) {
        listing.set_filter("");
        return Some(page);
    }
    let Ready { run, trail, .. } = ready;
    trail.back(run)
}

/// The text to copy, and what to say of it.
pub(crate) fn copied(view: &dyn View, action: Action) -> Option<(String, String)> {
    let listing = view.listing()?;
    if action == Action::Copy {
        let line = listing.selected()?.to_line();
        let said = format!("copied: {}", line.replace('\t', "  "));
        return Some((line, said));
    }
    let head = listing.columns().iter().map(|column| column.name).collect::<Vec<_>>().join("\t");
    let lines = std::iter::once(head).chain(listing.shown().map(|row| row.to_line()));
    let text: Vec<String> = lines.collect();
    (listing.len() > 0).then(|| (text.join("\n"), format!("copied {}", plural(listing.len(), "row"))))
}

fn list(view: &mut dyn View, action: Action) -> Answer {
    let Some(listing) = view.listing_mut() else { return Answer::Say("there are no rows here".to_owned()) };
    match action {
        Action::Scroll(scroll) => listing.scroll(scroll),
        Action::Fold if listing.fold() => {}
        Action::FoldAll if listing.fold_all() => {}
        Action::Fold | Action::FoldAll => return Answer::Say("there is nothing to fold".to_owned()),
        Action::Sort => listing.sort_by_next(),
        Action::Reverse => listing.reverse(),
        _ => return Answer::Ignored,
    }
    if let (Action::Sort | Action::Reverse, Some(sort)) = (action, listing.sort()) {
        let name = listing.columns().get(sort.column).map_or("", |column| column.name);
        let way = if sort.descending { "the largest first" } else { "the smallest first" };
        return Answer::Say(format!("sorted by {name}, {way}"));
    }
    Answer::Done
}

/// Begins a range at the cursor, or ends it there.
fn choose_range(ready: &mut Ready) -> Answer {
    if ready.anchor.is_none() {
        ready.anchor = Some(ready.run.cursor);
        return Answer::Say("the range begins here; move the cursor and press r again".to_owned());
    }
    extend_range(ready);
    release(ready);
    Answer::Done
}

fn extend_range(ready: &mut Ready) {
    let Some(anchor) = ready.anchor else { return };
    let cursor = ready.run.cursor;
    ready.run.range = (anchor != cursor).then(|| TimeRange::between(anchor, cursor));
}

fn release(ready: &mut Ready) {
    ready.anchor = None;
}

fn press(ready: &mut Ready, page: Page, position: Position, body: Rect) -> Answer {
    let (view, run) = ready.parts(page);
    let time = time_under(view, run, position, body);
    let place = view.row_at(run, body, position);
    let pressed = place.zip(view.listing_mut()).is_some_and(|(place, listing)| listing.press(place));
    if pressed && time.is_none() {
        return match view.update(run, Action::Open, body) {
            Answer::Ignored => Answer::Done,
            answer => answer,
        };
    }
    if let Some(time) = time {
        run.cursor = time;
        ready.anchor = Some(time);
    }
    Answer::Done
}

fn drag(ready: &mut Ready, page: Page, position: Position, body: Rect) {
    let (view, run) = ready.parts(page);
    if let Some(time) = time_under(view, run, position, body) {
        run.cursor = time;
        extend_range(ready);
    }
}

fn wheel(view: &mut dyn View, run: &mut OpenRun, side: Side, position: Position, body: Rect) {
    if let Some(around) = time_under(view, run, position, body) {
        match side {
            Side::Forward => run.window.zoom_in(around),
            Side::Back => run.window.zoom_out(around),
        }
        run.cursor = run.window.nearest(run.cursor);
        return;
    }
    let towards = if side == Side::Forward { Side::Back } else { Side::Forward };
    for _ in 0..WHEEL_ROWS {
        let scroll = Action::Scroll(Scroll::Line(towards));
        if let Answer::Ignored = view.update(run, scroll, body) {
            let _ = list(view, scroll);
        }
    }
}

/// The instant that the mouse points at, above or below the plot too: everything there shares its time.
fn time_under(view: &dyn View, run: &OpenRun, position: Position, body: Rect) -> Option<Nanos> {
    let plot = view.plot(run, body)?;
    let inside = body.contains(position) && (plot.left()..plot.right()).contains(&position.x);
    let column = position.x.checked_sub(plot.left()).filter(|_| inside)?;
    Some(run.window.nearest(run.window.time_at(column, plot.width)))
}
