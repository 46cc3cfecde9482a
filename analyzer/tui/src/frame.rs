//! The parts of the screen: two lines above the view, one below it.

use ratatui::layout::{Rect, Size};

/// The smallest screen that shows anything.
pub(crate) const SMALLEST: Size = Size::new(40, 10);

/// The lines above the view.
const ABOVE: u16 = 2;
/// The lines below the view.
const BELOW: u16 = 1;

/// Returns the area of the view, on a screen of this size.
pub(crate) fn body(size: Size) -> Rect {
    Rect::new(0, ABOVE, size.width, size.height.saturating_sub(ABOVE + BELOW))
}

/// Returns the area of the tabs.
pub(crate) fn tabs(size: Size) -> Rect {
    Rect::new(0, 1, size.width, 1)
}
