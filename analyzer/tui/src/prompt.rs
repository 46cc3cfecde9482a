//! A line of text that the user writes at the foot of the screen.

use super::keys::Key;

/// A line of text that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// The purpose of the text.
    pub(crate) purpose: Purpose,
    /// The text.
    pub(crate) text: String,
}

/// The purpose of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A text to search for.
    Search,
    /// A filter of rows.
    Filter,
    /// The name of a file to export to.
    Export,
}

impl Purpose {
    /// Returns the label before the text.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Search => "/",
            Self::Filter => "filter ",
            Self::Export => "write (.svg .txt .csv) ",
        }
    }
}

/// The effect of a key on a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptOutcome {
    /// The text is another one.
    Changed,
    /// The text is complete.
    Done,
    /// The text is given up.
    Cancelled,
    /// The key means nothing here.
    Nothing,
}

/// Writes a key into a text.
pub(crate) fn write(text: &mut String, key: Key) -> PromptOutcome {
    match key {
        Key::Char(c) => text.push(c),
        Key::Backspace if text.is_empty() => return PromptOutcome::Cancelled,
        Key::Backspace => {
            text.pop();
        }
        Key::Control('u') => text.clear(),
        Key::Control('w') => {
            let kept = text.trim_end().rfind(' ').map_or(0, |space| space + 1);
            text.truncate(kept);
        }
        Key::Enter => return PromptOutcome::Done,
        Key::Escape | Key::Control('c') => return PromptOutcome::Cancelled,
        _ => return PromptOutcome::Nothing,
    }
    PromptOutcome::Changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_and_taken_back() {
        let mut text = String::new();
        for c in "unet 模型".chars() {
            assert_eq!(write(&mut text, Key::Char(c)), PromptOutcome::Changed);
        }
        write(&mut text, Key::Backspace);
        assert_eq!(text, "unet 模");
        write(&mut text, Key::Control('w'));
        assert_eq!(text, "unet ");
        write(&mut text, Key::Control('w'));
        assert_eq!(text, "");
        assert_eq!(write(&mut text, Key::Backspace), PromptOutcome::Cancelled);
        assert_eq!(write(&mut text, Key::Enter), PromptOutcome::Done);
        assert_eq!(write(&mut text, Key::Up), PromptOutcome::Nothing);
    }
}
