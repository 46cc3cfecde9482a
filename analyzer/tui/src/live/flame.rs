//! The tree as an icicle: what is below hangs from what is above, as wide as it is large.

use ratatui::{buffer::Buffer, layout::Rect, text::Line, widgets::Widget};

use super::tree::OwnerTree;
use crate::{theme::Theme, widget::fit_names};

/// A bar of so many cells has its bytes in it.
const WITH_FIGURE: u16 = 24;

/// A node and where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) place: usize,
    pub(crate) area: Rect,
}

/// The bars of what is below a node, itself first: those that are a cell wide or more, in the lines that there are.
pub(crate) fn bars(tree: &OwnerTree, root: usize, area: Rect) -> Vec<Bar> {
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
    tree: &OwnerTree,
    root: usize,
    selected: Option<u64>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let bars = bars(tree, root, area);
    let figures: Vec<String> = bars.iter().map(|bar| figure(tree, bar)).collect();
    let names = bars.iter().zip(&figures).map(|(bar, figure)| {
        let room = usize::from(bar.area.width).saturating_sub(1 + figure.len());
        (tree.node(bar.place).name.to_string(), room)
    });
    let names = fit_names(&names.collect::<Vec<_>>());
    for ((Bar { place, area }, name), figure) in bars.into_iter().zip(names).zip(figures) {
        let node = tree.node(place);
        let text = format!("▏{name}{figure}");
        let here = selected == Some(node.id) || (place == root && selected.is_none());
        let style = theme.tint((node.id % 6) as u8 + 1).patch(theme.selected());
        Line::styled(text, if here { theme.focus() } else { style }).render(area, buffer);
    }
}

/// The bytes of a bar, where there is room for them behind its name.
fn figure(tree: &OwnerTree, bar: &Bar) -> String {
    let bytes = memtrace_format::Bytes(tree.node(bar.place).now.bytes);
    if bar.area.width < WITH_FIGURE { String::new() } else { format!(" {bytes:.1} ") }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tree::{BlockSum, ComparedAt},
        *,
    };
    use memtrace_analysis::Text;

    #[test]
    fn bars_are_as_wide_as_their_parts_and_none_is_outside() {
        let mut tree = OwnerTree::default();
        for (path, bytes) in [("a/x", 50), ("a/y", 10), ("b", 39), ("c", 1)] {
            let path: Vec<Text> = path.split('/').map(Text::new).collect();
            tree.add(&path, ComparedAt::Now, BlockSum { bytes, blocks: 1 });
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
