//! A line of text that the user has written: what it was asked for is done.

use super::{Content, UiState};
use crate::{
    action::{Action, Side},
    effect::Effect,
    export::ExportFile,
    overlay::Overlay,
    prompt::{PromptOutcome, Purpose},
    screen,
};

impl UiState {
    /// Does what a line of text was written for.
    pub(super) fn write(&mut self, written: PromptOutcome) -> Effect {
        let Overlay::Prompt(prompt) = &self.overlay else { return Effect::Continue };
        let prompt = prompt.clone();
        if let PromptOutcome::Done | PromptOutcome::Cancelled = written {
            self.overlay = Overlay::None;
        }
        if let (Purpose::Export, PromptOutcome::Done) = (prompt.purpose, written) {
            return self.export(&prompt.text);
        }
        let Content::Ready(ready) = &mut self.content else { return Effect::Continue };
        let listing = ready.parts(self.page).0.listing_mut();
        match (prompt.purpose, written) {
            (Purpose::Filter, PromptOutcome::Changed) => {
                listing.into_iter().for_each(|listing| listing.set_filter(&prompt.text));
            }
            (Purpose::Filter, PromptOutcome::Cancelled) => {
                listing.into_iter().for_each(|listing| listing.set_filter(""));
            }
            (Purpose::Search, PromptOutcome::Done) if !prompt.text.is_empty() => {
                ready.run.search = prompt.text;
                let _ = self.look(Action::Find(Side::Forward));
            }
            _ => {}
        }
        Effect::Continue
    }

    fn export(&mut self, name: &str) -> Effect {
        match self.exported(name) {
            Ok(export) => Effect::Save(export),
            Err(why) => {
                self.message = Some(why);
                Effect::Continue
            }
        }
    }

    /// The file of this name with what is shown; the error is for the user.
    pub(crate) fn exported(&self, name: &str) -> Result<ExportFile, String> {
        ExportFile::new(name, || screen::drawn(self), self.listing())
    }
}
