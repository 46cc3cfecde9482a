//! Text of an exact width on the screen.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

const CUT: &str = "…";

/// The cells that the place of a call site needs to tell anything, with the parentheses around it.
const LEAST_PLACE: usize = 12;

/// How many cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in exactly so many cells; what does not fit is cut off at its end.
pub(crate) fn fit(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return pad(text.to_owned(), cells);
    }
    let span = Span::raw(text);
    let mut kept = String::new();
    for grapheme in span.styled_graphemes(Style::new()) {
        if width(&kept) + width(grapheme.symbol) + 1 > cells {
            break;
        }
        kept.push_str(grapheme.symbol);
    }
    if cells > 0 {
        kept.push_str(CUT);
    }
    pad(kept, cells)
}

/// The text in exactly so many cells; what does not fit is cut off at its beginning. (The end of a path tells more.)
pub(crate) fn fit_tail(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return pad(text.to_owned(), cells);
    }
    let span = Span::raw(text);
    let graphemes: Vec<_> = span.styled_graphemes(Style::new()).collect();
    let mut free = cells.saturating_sub(1);
    let mut first = graphemes.len();
    while let Some(before) = first.checked_sub(1) {
        let Some(left) = free.checked_sub(width(graphemes[before].symbol)) else { break };
        (free, first) = (left, before);
    }
    let mut kept = if cells > 0 { CUT.to_owned() } else { String::new() };
    kept.extend(graphemes[first..].iter().map(|grapheme| grapheme.symbol));
    pad(kept, cells)
}

/// A name in exactly so many cells: its end, or of a call site, `function (path:line)`, the function and the end of the path.
pub(crate) fn fit_name(name: &str, cells: usize) -> String {
    let site = name.strip_suffix(')').and_then(|name| name.split_once(" ("));
    match site {
        Some((function, place)) if width(name) > cells && width(function) + LEAST_PLACE <= cells => {
            let room = cells - width(function) - " ()".len();
            format!("{function} ({})", fit_tail(place, room))
        }
        _ => fit_tail(name, cells),
    }
}

/// Draws a line from the left; what does not fit is cut off, and a sign says so.
pub(crate) fn put(line: &Line<'_>, area: Rect, buffer: &mut Buffer) {
    line.render(area, buffer);
    if line.width() > usize::from(area.width)
        && let Some(last) = area.width.checked_sub(1)
        && let Some(cell) = buffer.cell_mut((area.x + last, area.y))
    {
        cell.set_symbol(CUT);
    }
}

/// The text in lines of so many cells at most, broken between words; a word that is longer is cut.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let cells_of = width(word);
        let word = if cells_of > cells { fit(word, cells) } else { word.to_owned() };
        match lines.last_mut() {
            Some(line) if used + 1 + cells_of <= cells => {
                *line += " ";
                *line += &word;
                used += 1 + cells_of;
            }
            _ => {
                lines.push(word);
                used = cells_of.min(cells);
            }
        }
    }
    lines
}

fn pad(mut text: String, cells: usize) -> String {
    let missing = cells.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_what_is_short_is_padded() {
        assert_eq!(fit("unet", 6), "unet  ");
        assert_eq!(fit("input_blocks", 6), "input…");
        assert_eq!(fit_tail("unet.input_blocks.0", 9), "…blocks.0");
        assert_eq!(fit("x", 0), "");
        assert_eq!(fit_tail("xy", 1), "…");
    }

    #[test]
    fn of_a_call_site_the_function_and_the_line_stay() {
        let site = "attention (/opt/engine/sampling/model.py:77)";
        assert_eq!(fit_name(site, 25), "attention (…/model.py:77)");
        assert_eq!(fit_name("unet.input_blocks.0", 9), "…blocks.0");
        assert_eq!(fit_name(site, 12), fit_tail(site, 12), "too narrow for both");
    }

    #[test]
    fn a_line_that_is_cut_says_so() {
        let area = Rect::new(0, 0, 5, 1);
        for (text, shown) in [("12345", "12345"), ("123456", "1234…")] {
            let mut buffer = Buffer::empty(area);
            put(&Line::raw(text), area, &mut buffer);
            assert_eq!(buffer, Buffer::with_lines([shown]));
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("a bc  def ghij", 4), ["a bc", "def", "ghij"]);
        assert_eq!(wrap("模型 a longest", 5), ["模型", "a", "long…"]);
        assert_eq!(wrap(" ", 5), Vec::<String>::new());
    }

    #[test]
    fn wide_characters_are_not_cut_in_half() {
        assert_eq!(fit("模型模型", 6), "模型… ");
        assert_eq!(fit_tail("模型模型", 6), "…模型 ");
        assert_eq!(width(&fit("模型", 3)), 3);
    }
}
