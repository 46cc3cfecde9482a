//! Swaps: what moving modules out for others cost, one by one and in all, beside what had to be.
//!
//! ```text
//!  5 swaps moved 1.2 GiB in 326.2 ms, waited for 326.2 ms  thrash 3, 189.0 ms
//!  loaded 456 MiB  ██████████████████████████████
//!  least  179 MiB  ███████████                     39% in 101 MiB, or up to 204 MiB
//!  module       for                  at      bytes       time    GB/s     waited  reason  again
//!  unet         vae             3.398 s  110.3 MiB    26.5 ms    4.37    26.5 ms  demand  yes
//!  … and 200 cheaper ones: 12.0 GiB in 1.2 s, waited for 1.1 s
//! ```

use memtrace_analysis::{
    Nanos, Text,
    report::{LowerBound, Swap, Swaps},
};
use memtrace_format::Bytes;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{
    action::Action,
    goal::Goal,
    listing::{Cell, Column, Listing, Row},
    open_run::OpenRun,
    page::Page,
    theme::Theme,
    view::{Answer, View},
    widget::{bar, count, fit, percent, plural, put},
};

/// The widest bar.
const BAR: u16 = 40;

/// The view.
#[derive(Debug)]
pub(crate) struct SwapsView {
    /// A row's id is its swap's place among the costliest.
    swaps: Listing,
}

impl Default for SwapsView {
    fn default() -> Self {
        let columns = vec![
            Column::text("module", Column::WIDE, 0),
            Column::text("for", 20, 6),
            Column::number("at", 10, 3),
            Column::number("bytes", 11, 2),
            Column::number("time", 10, 1),
            Column::number("GB/s", 7, 5),
            Column::number("waited", 10, 0),
            Column::text("reason", 8, 7),
            Column::text("again", 5, 4),
        ];
        Self { swaps: Listing::new(columns) }
    }
}

/// The areas of the view's parts.
struct SwapsLayout {
    totals: Rect,
    table: Rect,
    others: Rect,
}

impl SwapsLayout {
    fn new(run: &OpenRun, area: Rect) -> Self {
        let totals = if area.height >= 12 { 3 } else { 1 };
        let others = u16::from(run.figures().swaps.others.count > 0 && area.height >= 6);
        let line = |y: u16, height: u16| Rect { y: area.y + y, height, ..area }.intersection(area);
        let table = area.height.saturating_sub(totals + others);
        Self { totals: line(0, totals), table: line(totals, table), others: line(totals + table, others) }
    }
}

impl View for SwapsView {
    fn prepare(&mut self, run: &OpenRun) {
        let rows = run.figures().swaps.costliest.iter().zip(0..).map(|(swap, id)| Row::new(id, cells(swap)));
        self.swaps.fill(rows.collect());
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let layout = SwapsLayout::new(run, area);
        let swaps = &run.figures().swaps;
        let lines = [totals(swaps, theme)].into_iter().chain(bound_lines(swaps, theme, area.width));
        for (line, row) in lines.zip(layout.totals.rows()) {
            put(&line, row, buffer);
        }
        if swaps.costliest.is_empty() {
            return;
        }
        self.swaps.draw(theme, layout.table, buffer);
        let others = swaps.others;
        let text = format!(
            " … and {} cheaper ones: {} in {}, waited for {}",
            count(others.count),
            others.bytes,
            others.ns,
            others.stall_ns
        );
        put(&Line::styled(text, theme.faint()), layout.others, buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, _: Rect) -> Answer {
        match action {
            Action::Open => match self.selected(run) {
                Some(swap) => Answer::Open(Goal {
                    module: Some(swap.module.clone()),
                    ..Goal::at(Page::Residency, swap.began_ns)
                }),
                None => Answer::Ignored,
            },
            _ => Answer::Ignored,
        }
    }

    /// Selects the swap that is meant: of the module, if one is, the nearest to the instant, if one is.
    fn visit(&mut self, run: &mut OpenRun, goal: &Goal) {
        let swaps = run.figures().swaps.costliest.iter().zip(0..);
        let of = |name: &Text| swaps.clone().any(|(swap, _)| concerns(swap, name));
        let name = goal.module.as_ref().filter(|name| of(name));
        let meant = swaps.clone().filter(|(swap, _)| name.is_none_or(|name| concerns(swap, name)));
        let far = |swap: &Swap| goal.time.map_or(Nanos(0), |time| distance(swap, time));
        if let Some((_, id)) = meant.min_by_key(|(swap, id)| (far(swap), *id)) {
            self.swaps.select_id(id);
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.swaps)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.swaps)
    }

    fn rows(&self, run: &OpenRun, area: Rect) -> Rect {
        let table = SwapsLayout::new(run, area).table;
        Rect { y: table.y + table.height.min(1), height: table.height.saturating_sub(1), ..table }
    }
}

impl SwapsView {
    fn selected<'a>(&self, run: &'a OpenRun) -> Option<&'a Swap> {
        run.figures().swaps.costliest.get(usize::try_from(self.swaps.selected()?.id).ok()?)
    }
}

fn concerns(swap: &Swap, module: &Text) -> bool {
    swap.module == *module || swap.evicted.contains(module)
}

/// The distance of a swap from an instant.
fn distance(swap: &Swap, time: Nanos) -> Nanos {
    swap.began_ns.since(time).max(time.since(swap.time_ns))
}

fn cells(swap: &Swap) -> Vec<Cell> {
    let out: Vec<_> = swap.evicted.iter().map(Text::recorded).collect();
    vec![
        Cell::Text(swap.module.clone()),
        Cell::word(out.join(", ")),
        Cell::Time(swap.time_ns),
        Cell::Bytes(swap.bytes),
        Cell::Time(swap.ns),
        swap.gbps.map_or(Cell::Unknown, |gbps| Cell::Number(gbps, "")),
        Cell::Time(swap.stall_ns),
        Cell::word(swap.reason),
        Cell::word(if swap.thrash { "yes" } else { "" }),
    ]
}

fn totals(swaps: &Swaps, theme: Theme) -> Line<'static> {
    if swaps.count == 0 {
        return Line::styled(" nothing was moved out to make room for something else", theme.faint());
    }
    let mut spans = vec![
        Span::styled(format!(" {}", plural(swaps.count, "swap")), theme.strong()),
        Span::raw(format!(" moved {} in {}, waited for ", swaps.bytes, swaps.ns)),
        Span::styled(swaps.stall_ns.to_string(), theme.strong()),
    ];
    match (&swaps.thrash, swaps.thrash_why) {
        (Some(thrash), _) if thrash.count > 0 => {
            let text = format!("  thrash {}, {}", count(thrash.count), thrash.ns);
            spans.push(Span::styled(text, theme.warning()));
        }
        (None, Some(why)) => spans.push(Span::styled(format!("  thrash: not known ({why})"), theme.faint())),
        _ => {}
    }
    Line::from(spans)
}

/// Returns the bytes loaded, and the part of them that was necessary.
fn bound_lines(swaps: &Swaps, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let Some(bound) = &swaps.lower_bound else {
        let why = swaps.lower_bound_why.unwrap_or("nothing is recorded of it");
        return vec![Line::styled(format!(" least that had to be loaded: not known ({why})"), theme.faint())];
    };
    let LowerBound { loaded_bytes, bytes, achievable_bytes, by_device, .. } = bound;
    let cells = usize::from(width.saturating_sub(60).clamp(8, BAR));
    let line = |name: &str, bytes: Bytes, more: String| {
        let share = bytes.0 as f64 / loaded_bytes.0.max(1) as f64;
        let amount = format!(" {name} {:>11} ", bytes.to_string());
        let bar = Span::styled(fit(&bar(share, cells), cells), theme.swap());
        Line::from(vec![Span::raw(amount), bar, Span::raw(more)])
    };
    let room =
        Bytes(by_device.iter().fold(0, |sum: u64, device| sum.saturating_add(device.capacity_bytes.0)));
    let exact = achievable_bytes == bytes;
    let most = if exact { String::new() } else { format!(", or up to {achievable_bytes}") };
    let least = format!(" {} in {room}{most}", percent(bytes.0, loaded_bytes.0));
    vec![line("loaded", *loaded_bytes, String::new()), line("least ", *bytes, least)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::{Scroll, Side},
        effect::Effect,
        fixture,
        state::{Content, UiState},
    };

    fn state() -> UiState {
        fixture::showing(fixture::small(), Page::Swaps, 100, 24)
    }

    fn run(state: &mut UiState) -> &mut OpenRun {
        match &mut state.content {
            Content::Ready(ready) => &mut ready.run,
            Content::Reading(_) => panic!("nothing is read"),
        }
    }

    #[test]
    fn enter_shows_a_swap_where_and_when_it_was_and_escape_comes_back() {
        let mut state = state();
        let second = run(&mut state).report.swaps.costliest[1].clone();
        for action in [Action::Scroll(Scroll::Line(Side::Forward)), Action::Open] {
            assert_eq!(state.update(action), Effect::Continue);
        }
        assert_eq!((state.page, run(&mut state).cursor), (Page::Residency, second.began_ns));
        assert_eq!(state.update(Action::Back), Effect::Continue);
        assert_eq!(state.page, Page::Swaps);
    }

    #[test]
    fn the_nearest_swap_of_a_module_is_the_one_that_is_meant() {
        let mut state = state();
        let run = run(&mut state);
        let first = run.report.swaps.costliest.iter().min_by_key(|swap| swap.time_ns).unwrap().clone();
        let mut view = SwapsView::default();
        view.prepare(run);
        let goal = Goal { module: Some(first.module.clone()), ..Goal::at(Page::Swaps, Nanos(0)) };
        view.visit(run, &goal);
        assert_eq!(view.selected(run).unwrap().time_ns, first.time_ns);
        // What no swap concerns is no reason to select none.
        view.visit(run, &Goal { module: Some(Text::new("nobody")), ..goal });
        assert!(view.selected(run).is_some());
    }
}
