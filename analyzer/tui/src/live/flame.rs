//! The tree as an icicle: what is below hangs from what is above, as wide as it is large.

use ratatui::{buffer::Buffer, layout::Rect, text::Line, widgets::Widget};

use super::tree::Tree;
use crate::{theme::Theme, widget::fit_name};

/// A node and where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) place: usize,
    pub(crate) area: Rect,
}

/// The bars of what is below a node, itself first: those that are a cell wide or more, in the lines that there are.
pub(crate) fn bars(tree: &Tree, root: usize, area: Rect) -> Vec<Bar> {
    let mut bars = Vec::new();
    if area.height == 0 || area.width == 0 {
        return bars;
    }
    let mut open = vec![Bar { place: root, area: Rect { height: 1, ..area } }];
    while let Some(bar) = open.pop() {
        bars.push(bar);
        let y = bar.area.y + 1;
        if y >= area.bottom() {
            continue;
        }
        let whole = tree.node(bar.place).now.bytes;
        let mut before = 0_u64;
        for &place in &tree.node(bar.place).parts {
            let bytes = tree.node(place).now.bytes;
            let cell = |bytes: u64| {
                let cells = u128::from(bytes) * u128::from(bar.area.width) / u128::from(whole.max(1));
                u16::try_from(cells).unwrap_or(bar.area.width).min(bar.area.width)
            };
            let (from, to) = (cell(before), cell(before.saturating_add(bytes)));
            before = before.saturating_add(bytes);
            // The largest come first: behind one that is too small none is large enough.
            if cell(bytes) == 0 {
                break;
            }
            if to > from {
                open.push(Bar { place, area: Rect { x: bar.area.x + from, y, width: to - from, height: 1 } });
            }
        }
    }
    bars
}

/// Draws the bars. The name of each is in it, as far as there is room.
pub(crate) fn draw(
    tree: &Tree,
    root: usize,
    selected: Option<u64>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    for Bar { place, area } in bars(tree, root, area) {
        let node = tree.node(place);
        let text = match area.width {
            0 | 1 => "▏".to_owned(),
            2..24 => format!("▏{}", fit_name(&node.name.to_string(), usize::from(area.width) - 1)),
            _ => {
                let bytes = format!("{:.1}", memtrace_format::Bytes(node.now.bytes));
                let name = fit_name(&node.name.to_string(), usize::from(area.width) - 3 - bytes.len());
                format!("▏{name} {bytes} ")
            }
        };
        let here = selected == Some(node.id) || (place == root && selected.is_none());
        let style = theme.tint((node.id % 6) as u8 + 1).patch(theme.selected());
        Line::styled(text, if here { theme.focus() } else { style }).render(area, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tree::{Of, Sum},
        *,
    };
    use memtrace_analysis::Text;

    #[test]
    fn bars_are_as_wide_as_their_parts_and_none_is_outside() {
        let mut tree = Tree::default();
        for (path, bytes) in [("a/x", 50), ("a/y", 10), ("b", 39), ("c", 1)] {
            let path: Vec<Text> = path.split('/').map(Text::new).collect();
            tree.add(&path, Of::Now, Sum { bytes, blocks: 1 });
        }
        let tree = tree.finish();
        let area = Rect::new(5, 2, 50, 3);
        let bars = bars(&tree, 0, area);
        let found: Vec<(String, u16, u16, u16)> = bars
            .iter()
            .map(|bar| (tree.node(bar.place).name.to_string(), bar.area.x, bar.area.y, bar.area.width))
            .collect();
        let of = |name: &str| found.iter().find(|bar| bar.0 == name).cloned();
        assert_eq!(of("all"), Some(("all".into(), 5, 2, 50)));
        assert_eq!(of("a"), Some(("a".into(), 5, 3, 30)));
        assert_eq!(of("x"), Some(("x".into(), 5, 4, 25)));
        assert_eq!(of("y"), Some(("y".into(), 30, 4, 5)));
        assert_eq!(of("b"), Some(("b".into(), 35, 3, 19)));
        assert_eq!(of("c"), None, "it is less than a cell");
        assert!(bars.iter().all(|bar| area.union(bar.area) == area));
    }
}
