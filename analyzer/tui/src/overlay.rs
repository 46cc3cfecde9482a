//! What lies over the view: the help, a line of text to write, the palette.

use ratatui::layout::Rect;

use super::{
    action::{Action, Flow, Scroll, Side},
    export::Export,
    palette::Palette,
    prompt::{Prompt, Purpose, Written},
    state::{Content, State},
};

/// What lies over the view and takes the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// Nothing.
    None,
    /// The list of keys, scrolled so far.
    Help(u16),
    /// A line of text at the foot.
    Prompt(Prompt),
    /// Everything that can be done.
    Palette(Palette),
    /// The next key is a letter for a mark.
    Letter(Letter),
}

/// What a letter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// To name the instant under the cursor.
    Mark,
    /// To go to a named one.
    GoTo,
}

impl State {
    /// Does what a line of text was written for.
    pub(super) fn write(&mut self, written: Written) -> Flow {
        let Overlay::Prompt(prompt) = &self.overlay else { return Flow::Continue };
        let prompt = prompt.clone();
        if let Written::Done | Written::Cancelled = written {
            self.overlay = Overlay::None;
        }
        if let (Purpose::Export, Written::Done) = (prompt.purpose, written) {
            return self.export(&prompt.text);
        }
        let Content::Ready(ready) = &mut self.content else { return Flow::Continue };
        let listing = ready.parts(self.page).0.listing_mut();
        match (prompt.purpose, written) {
            (Purpose::Filter, Written::Changed) => {
                listing.into_iter().for_each(|listing| listing.set_filter(&prompt.text));
            }
            (Purpose::Filter, Written::Cancelled) => {
                listing.into_iter().for_each(|listing| listing.set_filter(""));
            }
            (Purpose::Search, Written::Done) if !prompt.text.is_empty() => {
                ready.run.search = prompt.text;
                let _ = self.look(Action::Find(Side::Forward));
            }
            _ => {}
        }
        Flow::Continue
    }

    fn export(&mut self, name: &str) -> Flow {
        match Export::of(self, name) {
            Ok(export) => Flow::Save(export),
            Err(why) => {
                self.message = Some(why);
                Flow::Continue
            }
        }
    }
}

/// Scrolls the list of keys.
pub(super) fn scroll_help(scrolled: &mut u16, action: Action, body: Rect) {
    let (side, by) = match action {
        Action::Scroll(Scroll::Line(side)) => (side, 1),
        Action::Scroll(Scroll::Page(side)) => (side, body.height.saturating_sub(2).max(1)),
        Action::Wheel(Side::Forward, _) => (Side::Back, 3),
        Action::Wheel(Side::Back, _) => (Side::Forward, 3),
        _ => return,
    };
    *scrolled = match side {
        Side::Back => scrolled.saturating_sub(by),
        Side::Forward => scrolled.saturating_add(by),
    };
}
