//! The drawing of the map: all of it is made already, at the resolution of the screen.

use memtrace_format::Address;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    MapView,
    layout::{MapLayout, figures_width},
    legend::Colouring,
    picture::{AddressRange, MapPicture, length},
    strip::{Filling, OTHERS, Tile, cells_of},
};
use crate::{
    listing::Listing,
    open_run::OpenRun,
    theme::Theme,
    widget::{count, fit, plural, put, width as width_of},
};

pub(super) fn draw(view: &MapView, run: &OpenRun, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let layout = MapLayout::new(area, view.close.is_some());
    put(&headline(view, run, theme), layout.head, buffer);
    state(view, theme).alignment(Alignment::Right).render(layout.head, buffer);
    let Some(picture) = &view.picture else { return };
    if picture.heap().is_some() {
        match (&picture.close, view.close) {
            (Some(close), Some(_)) => {
                for ((range, tiles), row) in close.lines.iter().zip(layout.lines.rows()) {
                    let address = format!(" {:<14} ", Address(range.from).to_string());
                    Line::styled(address, theme.faint()).render(row, buffer);
                    let cells = Rect { x: layout.line_x(), width: layout.line_cells(), ..row };
                    draw_tiles(view, picture, *range, tiles, theme, cells, buffer);
                }
                indented(&view.blocks, theme, layout.table, buffer);
            }
            (None, Some(_)) => {}
            (_, None) => regions(view, picture, theme, &layout, buffer),
        }
        put(&legend(picture, theme, layout.legend.width), layout.legend, buffer);
    }
    for (line, row) in view.words.iter().zip(layout.words.rows()) {
        put(line, row, buffer);
    }
}

fn headline(view: &MapView, run: &OpenRun, theme: Theme) -> Line<'static> {
    let Some(heap) = run.heap() else { return Line::styled(" no heap was used", theme.faint()) };
    if run.trace.is_none() {
        return Line::styled(" the trace is not at hand", theme.faint());
    }
    let mut spans = vec![Span::raw(" "), Span::styled(heap.name.to_string(), theme.strong())];
    let Some(picture) = &view.picture else { return Line::from(spans) };
    spans.push(Span::raw(format!(" at {}", picture.request.spot.time())));
    let Some(heap) = picture.heap() else {
        spans.push(Span::styled(", before its first event", theme.faint()));
        return Line::from(spans);
    };
    if let (Some(close), Some(_)) = (&picture.close, view.close) {
        spans.push(Span::raw(format!(
            " · {} from {} · {}",
            length(close.range),
            Address(close.range.from),
            plural(close.rows_total, "block")
        )));
        if close.rows_total > view.blocks.total() {
            spans.push(Span::raw(format!(", the {} largest below", count(view.blocks.total() as u64))));
        }
    } else {
        let blocks = plural(heap.blocks.len(), "block");
        spans.push(Span::raw(format!(" · {} in {blocks}", heap.figures.active_bytes)));
        if heap.segments.is_some() {
            let free = memtrace_format::Bytes(
                heap.holes.iter().map(|hole| hole.bytes.0).fold(0, u64::saturating_add),
            );
            spans.push(Span::raw(format!(" · {free} free in {}", plural(heap.holes.len(), "hole"))));
        }
        if picture.regions_total > picture.strips.len() {
            let left_out = count((picture.regions_total - picture.strips.len()) as u64);
            spans.push(Span::raw(format!(" · {left_out} smaller segments not shown")));
        }
    }
    spans.push(Span::styled(format!(" · by {}", picture.request.colouring.name()), theme.faint()));
    Line::from(spans)
}

fn state(view: &MapView, theme: Theme) -> Line<'static> {
    match (&view.asked, &view.said) {
        (Some(_), _) => Line::styled(" moving… ", theme.selected()),
        (None, Some(said)) => Line::styled(format!(" {said} "), theme.strong()),
        (None, None) => Line::raw(""),
    }
}

fn regions(view: &MapView, picture: &MapPicture, theme: Theme, layout: &MapLayout, buffer: &mut Buffer) {
    let figures = figures_width(layout.table.width);
    let head =
        Rect { width: figures.min(layout.table.width), height: layout.table.height.min(1), ..layout.table };
    Line::styled(figures_text(&header(&view.regions), figures), theme.faint()).render(head, buffer);
    for ((row, selected), area) in view.regions.on_screen().zip(layout.rows.rows()) {
        let texts: Vec<String> = row.cells.iter().map(ToString::to_string).collect();
        let style = if selected { theme.selected() } else { ratatui::style::Style::new() };
        let text = figures_text(&texts, figures);
        Line::styled(text, style).render(Rect { width: figures.saturating_sub(1), ..area }, buffer);
        let Ok(place) = picture.strips.binary_search_by_key(&row.id, |strip| strip.region.from) else {
            continue;
        };
        let strip = &picture.strips[place];
        let range = AddressRange { from: strip.region.from, to: strip.region.to };
        let cells = Rect { x: layout.strip.x, width: layout.strip.width, ..area };
        draw_tiles(view, picture, range, &strip.tiles, theme, cells, buffer);
    }
}

fn header(listing: &Listing) -> Vec<String> {
    let sign = |column: usize| match listing.sort().filter(|sort| sort.column == column) {
        None => "",
        Some(sort) if sort.descending => "▼",
        Some(_) => "▲",
    };
    listing
        .columns()
        .iter()
        .enumerate()
        .map(|(index, column)| format!("{}{}", column.name, sign(index)))
        .collect()
}

/// The figures that there is room for, in columns.
fn figures_text(texts: &[String], width: u16) -> String {
    const ORDER: [(usize, usize, bool); 7] = [
        (0, 14, true),
        (1, 11, false),
        (2, 5, false),
        (3, 11, false),
        (4, 6, false),
        (5, 6, false),
        (6, 8, true),
    ];
    let columns: &[(usize, usize, bool)] = match width {
        0..36 => &ORDER[1..2],
        36..74 => &ORDER[..3],
        _ => &ORDER,
    };
    let mut line = String::from(" ");
    for &(index, cells, text) in columns {
        let value = texts.get(index).map_or("", String::as_str);
        let fitted = fit(value, cells);
        if text {
            line += &fitted;
        } else {
            let kept = fitted.trim_end();
            line += &" ".repeat(cells - width_of(kept).min(cells));
            line += kept;
        }
        line.push(' ');
    }
    line
}

/// The table of blocks, a cell away from the border.
fn indented(listing: &Listing, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    listing.draw(theme, inner, buffer);
}

fn draw_tiles(
    view: &MapView,
    picture: &MapPicture,
    range: AddressRange,
    tiles: &[Tile],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let heap = picture.heap();
    let (begins, focused) = view.focus.map_or((false, 0..0), |focus| {
        let block = heap.and_then(|heap| heap.block_at(Address(focus)));
        let (from, to) = block.map_or((focus, focus.saturating_add(1)), |block| {
            (block.address.0, block.address.0.saturating_add(block.bytes.0))
        });
        (from >= range.from, cells_of((from, to), (range.from, range.to), tiles.len()))
    });
    let knows_holes = heap.is_some_and(|heap| heap.segments.is_some());
    let by_age = picture.request.colouring == Colouring::Age;
    for (cell, tile) in tiles.iter().enumerate().take(usize::from(area.width)) {
        let x = area.x + cell as u16;
        let Some(target) = buffer.cell_mut((x, area.y)) else { continue };
        let (sign, style) = match tile.filling {
            Filling::FreeSpace if knows_holes => ('·', theme.faint()),
            Filling::FreeSpace => (' ', ratatui::style::Style::new()),
            Filling::Part => (sign(*tile, by_age, true), theme.tint(tile.tint)),
            Filling::Full | Filling::Inside => {
                (sign(*tile, by_age, false), theme.tint(tile.tint).patch(theme.selected()))
            }
        };
        target.set_char(sign).set_style(style);
        if tile.pinned {
            target.set_char('!').set_style(theme.bad().patch(theme.selected()));
        }
        if focused.contains(&cell) {
            target.set_style(theme.focus());
            if begins && cell == focused.start {
                target.set_char('◆');
            }
        }
    }
}

/// Letters say whose it is; small ones that something is free there.
fn sign(tile: Tile, by_age: bool, part: bool) -> char {
    match (tile.filling, tile.tint) {
        _ if tile.pending => '~',
        (Filling::Inside, _) => '─',
        (_, OTHERS) => {
            if part {
                '+'
            } else {
                '#'
            }
        }
        (_, tint) if by_age => char::from(b'0' + tint),
        (_, tint) => char::from(if part { b'a' } else { b'A' } + tint - 1),
    }
}

fn legend(picture: &MapPicture, theme: Theme, width: u16) -> Line<'static> {
    let by_age = picture.request.colouring == Colouring::Age;
    let knows_holes = picture.heap().is_some_and(|heap| heap.segments.is_some());
    let entries = picture.legend.entries.iter().chain(&picture.legend.others);
    let named = entries.map(|entry| {
        let tile = Tile { filling: Filling::Full, tint: entry.tint, ..Tile::default() };
        let sign = Span::styled(
            sign(tile, by_age, false).to_string(),
            theme.tint(entry.tint).patch(theme.selected()),
        );
        vec![sign, Span::raw(format!(" {} {:.1}", entry.name, entry.bytes))]
    });
    let kept = if picture.pins.is_empty() { "" } else { "keeps a segment" };
    let explained = [("!", kept), ("·", "free"), ("~", "freed, in use"), ("a", "with holes")];
    let explained =
        explained.into_iter().filter(|(_, says)| knows_holes && !says.is_empty()).map(|(sign, says)| {
            vec![Span::styled(sign, theme.faint()), Span::styled(format!(" {says}"), theme.faint())]
        });
    let mut line = Line::raw(" ");
    for entry in named.chain(explained) {
        let entry = Line::from(entry);
        if line.width() + entry.width() + 2 > usize::from(width) {
            continue;
        }
        line.spans.extend(entry.spans);
        line.spans.push(Span::raw("  "));
    }
    line
}
