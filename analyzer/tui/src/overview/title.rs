//! The headline of a section.

use ratatui::text::{Line, Span};

use crate::theme::Theme;

/// A headline: what it is about in bold, and the rest.
pub(super) fn title(about: &str, rest: String, theme: Theme) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{about}  "), theme.strong()), Span::raw(rest)])
}
