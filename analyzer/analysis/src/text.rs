//! Text that came from a file: shown escaped, so that nothing in a trace can command a terminal.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use serde::{Serialize, Serializer};

/// A name, message or label that was read from a file.
///
/// Its `Display` is the one way to a screen, and escapes whatever a terminal could take for a command or that would
/// make the text look like another: control characters (C0 and C1, so every escape sequence), bidirectional overrides
/// and characters without width. Serialization gives the text as it was recorded.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Wraps what a file says.
    pub fn new(recorded: impl Into<Arc<str>>) -> Self {
        Self(recorded.into())
    }

    /// The text as recorded, for comparing and searching; never for showing.
    pub fn recorded(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A spreadsheet takes a text that begins with one of these for a formula, and would run it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text as a cell of a spreadsheet.
pub fn as_cell(text: String) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text }
}

/// Whether a screen must not see this character as it is.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.chars().any(is_unsafe) {
            return f.pad(&self.0);
        }
        let mut escaped = String::with_capacity(self.0.len() + 16);
        for c in self.0.chars() {
            if is_unsafe(c) {
                write!(escaped, "{}", c.escape_unicode())?;
            } else {
                escaped.push(c);
            }
        }
        f.pad(&escaped)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_is_shown() {
        let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m a\rb\n\u{202e}txt\u{200b}\u{e0041}";
        let shown = Text::new(hostile).to_string();
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert!(shown.starts_with("\\u{1b}]0;owned\\u{7}\\u{9b}31m a\\u{d}b\\u{a}\\u{202e}txt"));
    }

    #[test]
    fn ordinary_text_is_shown_as_it_is_and_padded() {
        assert_eq!(Text::new("Größe / 模型").to_string(), "Größe / 模型");
        assert_eq!(format!("{:>4}|", Text::new("ab")), "  ab|");
    }
}
