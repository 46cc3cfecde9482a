//! A line of text that the user writes at the foot of the screen.

use super::keys::Key;

/// What is asked for, and what is written so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// What the text is for.
    pub(crate) purpose: Purpose,
    /// The text.
    pub(crate) text: String,
}

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be found in the rows.
    Search,
    /// To say which rows are shown.
    Filter,
    /// To name a file for what is shown.
    Export,
}

impl Purpose {
    /// What stands before the text.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Search => "/",
            Self::Filter => "filter ",
            Self::Export => "write (.svg .txt .csv) ",
        }
    }
}

/// What a key made of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The text is another one.
    Changed,
    /// It is what it shall be.
    Done,
    /// It is given up.
    Cancelled,
    /// The key means nothing here.
    Nothing,
}

/// Writes a key into a text.
pub(crate) fn write(text: &mut String, key: Key) -> Written {
    match key {
        Key::Char(c) => text.push(c),
        Key::Backspace if text.is_empty() => return Written::Cancelled,
        Key::Backspace => {
            text.pop();
        }
        Key::Control('u') => text.clear(),
        Key::Control('w') => {
            let kept = text.trim_end().rfind(' ').map_or(0, |space| space + 1);
            text.truncate(kept);
        }
        Key::Enter => return Written::Done,
        Key::Escape | Key::Control('c') => return Written::Cancelled,
        _ => return Written::Nothing,
    }
    Written::Changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_and_taken_back() {
        let mut text = String::new();
        for c in "unet 模型".chars() {
            assert_eq!(write(&mut text, Key::Char(c)), Written::Changed);
        }
        write(&mut text, Key::Backspace);
        assert_eq!(text, "unet 模");
        write(&mut text, Key::Control('w'));
        assert_eq!(text, "unet ");
        write(&mut text, Key::Control('w'));
        assert_eq!(text, "");
        assert_eq!(write(&mut text, Key::Backspace), Written::Cancelled);
        assert_eq!(write(&mut text, Key::Enter), Written::Done);
        assert_eq!(write(&mut text, Key::Up), Written::Nothing);
    }
}
