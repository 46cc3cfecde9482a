//! Text of an exact width on the screen.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

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

/// The least cells that have room for two characters before the place where names differ.
const ROOMY: usize = 12;

/// Returns the number of cells that a text takes.
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

/// The text in exactly so many cells; what does not fit is cut out of its middle, nearer to its beginning.
pub(crate) fn fit_middle(text: &str, cells: usize) -> String {
    let head = cells.saturating_sub(1) / 3;
    fit_around(text, None, head, cells)
}

/// A name in exactly so many cells, without its middle: or of a call site, `function (path:line)`, the function and the
/// end of the path.
pub(crate) fn fit_name(name: &str, cells: usize) -> String {
    let site = name.strip_suffix(')').and_then(|name| name.split_once(" ("));
    match site {
        Some((function, place)) if width(name) > cells && width(function) + LEAST_PLACE <= cells => {
            let room = cells - width(function) - " ()".len();
            format!("{function} ({})", fit_tail(place, room))
        }
        _ => fit_middle(name, cells),
    }
}

/// Names, each in exactly so many cells, so that names that differ look different: where cutting makes two of them alike,
/// the place where they differ is shown.
pub(crate) fn fit_names(names: &[(String, usize)]) -> Vec<String> {
    let mut shown: Vec<String> = names.iter().map(|(name, cells)| fit_name(name, *cells)).collect();
    let mut alike: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for ((name, _), shown) in names.iter().zip(&shown) {
        alike.entry(shown.trim_end().to_owned()).or_default().insert(name);
    }
    for ((name, cells), shown) in names.iter().zip(&mut shown) {
        let Some(alike) = alike.get(shown.trim_end()) else { continue };
        // In order, the one that has the most in common with a name is beside it.
        let before = alike.range::<str, _>((Bound::Unbounded, Bound::Excluded(name.as_str()))).next_back();
        let behind = alike.range::<str, _>((Bound::Excluded(name.as_str()), Bound::Unbounded)).next();
        let differs = before.into_iter().chain(behind).map(|other| alike_up_to(name, other)).max();
        if let Some(differs) = differs {
            *shown = fit_around(name, Some(differs), cells.saturating_sub(2) / 4, *cells);
        }
    }
    shown
}

/// Returns the number of characters that two texts have in common at their beginnings.
fn alike_up_to(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

/// The text in exactly so many cells, with `head` cells of its beginning and then as much of its end as there is room for;
/// or, where the character at `shown` would be left out, what begins a little before that.
fn fit_around(text: &str, shown: Option<usize>, head: usize, cells: usize) -> String {
    if width(text) <= cells {
        return pad(text.to_owned(), cells);
    }
    let begin = fit_head(text, head);
    let behind = begin.chars().count();
    let tail = fit_tail(text, cells - width(&begin));
    let left_out = text.chars().count() + 1 - tail.trim_end().chars().count();
    let Some(shown) = shown.filter(|shown| (behind..left_out).contains(shown)) else {
        return pad(begin + &tail, cells);
    };
    // A little before what differs is shown, if there is room for it.
    let before = match cells {
        0..=3 => 0,
        4..ROOMY => 1,
        _ => 2,
    };
    let from = shown.saturating_sub(before).max(behind);
    let cut = if from > behind && before > 0 { CUT } else { "" };
    let from: String = text.chars().skip(from).collect();
    pad(fit(&format!("{begin}{cut}{from}"), cells), cells)
}

/// The beginning of a text, in so many cells at most.
fn fit_head(text: &str, cells: usize) -> String {
    let mut kept = String::new();
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        if width(&kept) + width(grapheme.symbol) > cells {
            break;
        }
        kept.push_str(grapheme.symbol);
    }
    kept
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

/// The text in lines of so many cells at most, broken between words, and within a word that is longer. Nothing is left out.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= cells => {
                *line += " ";
                *line += word;
            }
            _ => lines.extend(pieces(word, cells)),
        }
    }
    lines
}

/// A word in pieces of so many cells at most.
fn pieces(word: &str, cells: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for grapheme in Span::raw(word).styled_graphemes(Style::new()) {
        match pieces.last_mut() {
            Some(piece) if piece.is_empty() || width(piece) + width(grapheme.symbol) <= cells => {
                piece.push_str(grapheme.symbol);
            }
            _ => pieces.push(grapheme.symbol.to_owned()),
        }
    }
    pieces
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
        assert_eq!(fit_name("unet.input_blocks.0", 9), "un…ocks.0");
        assert_eq!(fit_name(site, 12), fit_middle(site, 12), "too narrow for both");
    }

    #[test]
    fn names_that_differ_look_different() {
        let shown = |names: &[&str], cells: usize| {
            fit_names(&names.iter().map(|name| ((*name).to_owned(), cells)).collect::<Vec<_>>())
        };
        let blocks = ["unet.input_blocks.11", "unet.output_blocks.11"];
        assert_eq!(shown(&blocks, 14), ["unet.input_bl…", "unet.output_b…"]);
        assert_eq!(shown(&["vae", "unet.input_blocks.11"], 30)[0].trim_end(), "vae");
        for cells in 6..24 {
            for names in [
                &blocks[..],
                &[
                    "a.transformer_blocks.0.attn1.to_q",
                    "a.transformer_blocks.0.attn2.to_q",
                    "a.transformer_blocks.1.attn1.to_q",
                ],
                &[
                    "forward (/opt/engine/layers/attention_processor.py:77)",
                    "forward (/opt/engine/layers/attention_processor.py:78)",
                ],
                &["模型.编码器.块.零", "模型.解码器.块.零"],
            ] {
                let shown = shown(names, cells);
                for (place, one) in shown.iter().enumerate() {
                    assert_eq!(width(one), cells, "{one:?}");
                    assert!(!shown[..place].contains(one), "{shown:?}");
                }
            }
        }
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
        assert_eq!(wrap("模型 a longest", 5), ["模型", "a", "longe", "st"]);
        assert_eq!(wrap(" ", 5), Vec::<String>::new());
    }

    #[test]
    fn wide_characters_are_not_cut_in_half() {
        assert_eq!(fit("模型模型", 6), "模型… ");
        assert_eq!(fit_tail("模型模型", 6), "…模型 ");
        assert_eq!(width(&fit("模型", 3)), 3);
    }
}
