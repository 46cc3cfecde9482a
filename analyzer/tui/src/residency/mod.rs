//! Residency: which module was where, when it ran, and when it moved.
//!
//! ```text
//!  modules 1–5 of 57   █ device ▒ host ░ disk  ┃ forward  ╱ in ╲ out
//!                    │╵0 s              ╵0.5 s            ╵1.0 s         at 0.412 s
//!  text_encoder    ▒ │▒▒╱┃█╲▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒   host      12.0 MiB
//!  unet            █ │▒▒▒▒▒╱┃┃█┃┃█┃┃█┃┃█┃┃█┃┃╲▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒   device:0  98.0 MiB
//!  unet  3 waits, 40.1 ms (longest 20.0 ms), hidden 0 ns; 12 forwards, 3 loads, 300 MiB in 60.0 ms
//!  w unet for vae at 0.398 s, 110 MiB in 26.5 ms, waited 20.0 ms
//! ```
//!
//! A column shows a move where it takes half of it or more, so one becomes a slope when it is looked at closely enough.

mod bars;
mod words;

use memtrace_analysis::{
    Nanos, Text,
    report::{Module, Swap},
    timeline::ModuleTrack,
};
use memtrace_format::Tier;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    action::Action,
    goal::Goal,
    keys::{Binding, Key},
    listing::{Cell, Column, Listing, Row},
    open_run::OpenRun,
    page::Page,
    theme::{PARTLY_ON_DEVICE, Theme, tier_sign},
    timeline::{device_legend, draw_cursor, draw_name, draw_times, names, place_in_words},
    view::{Answer, View},
    widget::{fit, put},
};

/// The least width for figures beside the bars.
const PANEL_FROM: u16 = 100;
const PANEL: u16 = 26;

const WORST: &str = "worst swap";

/// The view.
#[derive(Debug)]
pub(crate) struct Residency {
    /// The modules; a row's id is its module's place in the timeline and the report.
    modules: Listing,
    /// The swap that was jumped to last, by its place among the costliest.
    worst: Option<usize>,
}

impl Default for Residency {
    fn default() -> Self {
        let columns = vec![
            Column::text("module", Column::WIDE, 0),
            Column::number("bytes", 11, 1),
            Column::number("forwards", 9, 2),
            Column::number("loads", 7, 2),
            Column::number("waited", 10, 2),
            Column::number("hidden", 10, 2),
            Column::number("on device", 10, 2),
        ];
        Self { modules: Listing::new(columns), worst: None }
    }
}

/// The areas of the view's parts.
struct ResidencyLayout {
    title: Rect,
    times: Rect,
    names: Rect,
    bars: Rect,
    panel: Option<Rect>,
    words: Rect,
}

impl ResidencyLayout {
    fn new(area: Rect) -> Self {
        let panel = if area.width >= PANEL_FROM { PANEL } else { 0 };
        let gutter = (area.width / 4).clamp(12, 34);
        let words = if area.height >= 16 { 3 } else { u16::from(area.height >= 5) };
        let height = area.height.saturating_sub(2 + words);
        let line = |y: u16, height: u16| Rect { y: area.y + y, height, ..area }.intersection(area);
        let rows = line(2, height);
        let columns = area.width.saturating_sub(gutter + panel + 1);
        let part = |rect: Rect, x: u16, width: u16| Rect { x: area.x + x, width, ..rect }.intersection(area);
        Self {
            title: line(0, 1),
            times: part(line(1, 1), gutter, columns),
            names: part(rows, 0, gutter),
            bars: part(rows, gutter, columns),
            panel: (panel > 0).then(|| part(rows, gutter + columns + 1, panel)),
            words: line(2 + height, words),
        }
    }
}

impl View for Residency {
    fn prepare(&mut self, run: &OpenRun) {
        self.worst = None;
        let figures: std::collections::HashMap<u32, &Module> =
            run.figures().modules.iter().map(|module| (module.id, module)).collect();
        let row = |row: &super::module_tree::ModuleRow| {
            let module = run.report.modules.get(row.index)?;
            let counted = figures.get(&module.id);
            let time = |of: fn(&Module) -> Nanos| Cell::Time(counted.map_or(Nanos(0), |module| of(module)));
            let count = |of: fn(&Module) -> u64| Cell::Count(counted.map_or(0, |module| of(module)));
            let cells = vec![
                Cell::Text(module.name.clone()),
                module.bytes.map_or(Cell::Unknown, Cell::Bytes),
                count(|module| module.forwards),
                count(|module| module.loads),
                time(|module| module.stall_ns),
                time(|module| module.hidden_ns),
                match counted.map(|module| module.time_on_devices()) {
                    Some(Some(time)) => Cell::Time(time),
                    _ => Cell::Unknown,
                },
            ];
            Some(Row { id: row.index as u64, depth: row.depth, cells })
        };
        self.modules.fill(run.tree.rows().iter().filter_map(row).collect());
    }

    fn draw(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let layout = ResidencyLayout::new(area);
        if run.timeline.modules.is_empty() {
            Line::styled(" no module is recorded", theme.faint()).render(layout.title, buffer);
            return;
        }
        self.draw_title(run, theme, layout.title, buffer);
        draw_times(run.window, theme, layout.times, buffer);
        let names = names(run, &self.modules, usize::from(layout.names.width).saturating_sub(5));
        for (((row, selected), text), bar) in self.modules.on_screen().zip(names).zip(layout.bars.rows()) {
            let Ok(index) = usize::try_from(row.id) else { continue };
            let Some(module) = run.timeline.modules.get(index) else { continue };
            let beside = |part: Rect| Rect { y: bar.y, height: 1, ..part };
            let name = beside(layout.names);
            let text = format!("{} {text}", self.modules.folding(row).sign());
            draw_name(run, index, module, text, theme, name, buffer);
            if selected {
                buffer.set_style(Rect { width: name.width.saturating_sub(2), ..name }, theme.selected());
            }
            bars::draw(run, index, module, theme, bar, buffer);
            if let Some(panel) = layout.panel {
                draw_figures(run, index, module, beside(panel), buffer);
            }
        }
        draw_cursor(run, theme, layout.bars, layout.bars.top()..layout.bars.bottom(), buffer);
        words::draw(run, self.selected(), theme, layout.words, buffer);
    }

    fn update(&mut self, run: &mut OpenRun, action: Action, _: Rect) -> Answer {
        match action {
            Action::Own(WORST) => self.visit_worst(run),
            Action::Open => match self.selected() {
                Some(index) => Answer::Open(Goal {
                    module: run.timeline.modules.get(index).map(|module| module.name.clone()),
                    ..Goal::at(Page::Swaps, run.cursor)
                }),
                None => Answer::Ignored,
            },
            _ => Answer::Ignored,
        }
    }

    fn visit(&mut self, run: &mut OpenRun, goal: &Goal) {
        if let Some(name) = &goal.module {
            self.select(run, name);
        }
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.modules)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        Some(&mut self.modules)
    }

    fn rows(&self, _: &OpenRun, area: Rect) -> Rect {
        let layout = ResidencyLayout::new(area);
        Rect { x: layout.names.x, width: layout.names.width + layout.bars.width, ..layout.bars }
    }

    fn plot(&self, _: &OpenRun, area: Rect) -> Option<Rect> {
        let ResidencyLayout { times, bars, .. } = ResidencyLayout::new(area);
        Some(Rect { height: times.height + bars.height, ..times })
    }

    fn keys(&self) -> &'static [Binding] {
        const KEYS: &[Binding] =
            &[Binding::own(&[Key::Char('w')], WORST, "to the swap that hurt most, then to the next")
                .footer("worst")];
        KEYS
    }
}

impl Residency {
    fn selected(&self) -> Option<usize> {
        usize::try_from(self.modules.selected()?.id).ok()
    }

    fn select(&mut self, run: &OpenRun, name: &Text) {
        if let Some(place) = run.timeline.modules.iter().position(|module| module.name == *name) {
            self.modules.select_id(place as u64);
        }
    }

    /// Goes to the swap that hurt most; from there to the next.
    fn visit_worst(&mut self, run: &mut OpenRun) -> Answer {
        let swaps = &run.figures().swaps.costliest;
        let next = self.worst.map_or(0, |worst| worst + 1);
        let next = if next < swaps.len() { next } else { 0 };
        let Some(swap) = swaps.get(next) else { return Answer::Say("there were no swaps".to_owned()) };
        let (module, began) = (swap.module.clone(), swap.began_ns);
        let says = format!("{} of {}: {}", next + 1, swaps.len(), words_of_swap(swap));
        self.worst = Some(next);
        run.visit(began);
        self.select(run, &module);
        Answer::Say(says)
    }

    fn draw_title(&self, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
        let all = self.modules.len();
        let first = self.modules.top() + 1;
        let last = self.modules.on_screen().count() + self.modules.top();
        let which =
            if first == 1 && last == all { all.to_string() } else { format!("{first}–{last} of {all}") };
        let mut spans = vec![Span::styled(format!(" modules {which}"), theme.strong()), Span::raw("  ")];
        let device = Tier::Device(0);
        let devices = device_legend(run).into_iter();
        let devices = devices.map(|(tier, name)| (tier_sign(tier), theme.tier(tier), name));
        let others = [
            (bars::FORWARD, theme.tier(device), "forward"),
            (bars::TO_DEVICE, theme.tier(device), "in"),
            (bars::FROM_DEVICE, theme.tier(Tier::Host), "out"),
            (PARTLY_ON_DEVICE, theme.tier(device), "partly"),
            (tier_sign(Tier::Pinned), theme.tier(Tier::Pinned), "pinned"),
            (tier_sign(Tier::Host), theme.tier(Tier::Host), "host"),
            (tier_sign(Tier::Disk), theme.tier(Tier::Disk), "disk"),
        ];
        let others = others.map(|(sign, style, name)| (sign, style, name.to_owned()));
        for (sign, style, name) in devices.chain(others) {
            spans.extend([Span::styled(sign.to_string(), style), Span::raw(format!(" {name}  "))]);
        }
        put(&Line::from(spans), area, buffer);
    }
}

/// A swap in a few words: who came for whom, when, and who waited.
fn words_of_swap(swap: &Swap) -> String {
    let out: Vec<_> = swap.evicted.iter().map(Text::to_string).collect();
    format!(
        "{} for {} at {}, {} in {}, waited {}",
        swap.module,
        out.join(", "),
        swap.time_ns,
        swap.bytes,
        swap.ns,
        swap.stall_ns
    )
}

fn draw_figures(run: &OpenRun, index: usize, module: &ModuleTrack, area: Rect, buffer: &mut Buffer) {
    let place = place_in_words(run, index, module);
    let bytes = run.report.modules.get(index).and_then(|module| module.bytes);
    let bytes = bytes.map_or(String::new(), |bytes| bytes.to_string());
    Line::raw(format!(" {}{bytes:>12}", fit(&place, 12))).render(area, buffer);
}

#[cfg(test)]
mod tests;
