//! The state of the UI, without a terminal: keys and actions change it, [`super::screen::draw`] shows it.

mod writing;

use std::sync::Arc;

use memtrace_analysis::{Analysis, Progress, Text, Trace};
use memtrace_import::OpenError;
use ratatui::layout::{Rect, Size};

use super::{
    action::{Action, Scroll, Side},
    details,
    effect::Effect,
    everywhere,
    export::ExportFile,
    frame,
    goal::Goal,
    keys::{Binding, Key, action_of},
    listing::Listing,
    open_run::OpenRun,
    opening::{Facts, FirstFigures, Opening},
    overlay::{self, Overlay},
    page::Page,
    palette::{Palette, PaletteOutcome},
    prompt::{self, Prompt, Purpose},
    ready::Ready,
    tabs,
    theme::Theme,
    trail::Trail,
    view::Answer,
    views,
    wake::Wake,
};

/// Everything that the screen depends on.
#[derive(Debug)]
pub(crate) struct UiState {
    /// The name of the file.
    pub(crate) file: Text,
    /// Colours and styles.
    pub(crate) theme: Theme,
    /// The size of the screen.
    pub(crate) size: Size,
    /// The view on the screen.
    pub(crate) page: Page,
    /// The overlay over it.
    pub(crate) overlay: Overlay,
    /// The message at the foot of the screen, until the next action.
    pub(crate) message: Option<String>,
    /// The run, or the progress of reading it.
    pub(crate) content: Content,
    /// True while the trace may still grow.
    pub(crate) following: bool,
}

/// The run, or the progress of reading it.
#[derive(Debug)]
pub(crate) enum Content {
    /// The trace is being read.
    Reading(Opening),
    /// The run is loaded.
    Ready(Box<Ready>),
}

impl UiState {
    /// The state before anything is read.
    pub(crate) fn new(file: Text, theme: Theme, size: Size) -> Self {
        Self {
            file,
            theme,
            size,
            page: Page::Overview,
            overlay: Overlay::None,
            message: None,
            content: Content::Reading(Opening::default()),
            following: false,
        }
    }

    /// The analysis has come this far.
    pub(crate) fn progress(&mut self, progress: Progress) -> Effect {
        if let Content::Reading(opening) = &mut self.content {
            opening.progress = Some(progress);
        }
        Effect::Continue
    }

    /// Shows figures of the part that is read.
    pub(crate) fn found(&mut self, so_far: FirstFigures) -> Effect {
        if let Content::Reading(opening) = &mut self.content {
            opening.so_far = Some(so_far);
        }
        Effect::Continue
    }

    /// Shows facts about the trace that is being read.
    pub(crate) fn opened(&mut self, facts: Facts) -> Effect {
        if let Content::Reading(opening) = &mut self.content {
            opening.facts = facts;
        }
        Effect::Continue
    }

    /// Takes an analysis: the first, or a newer one of the same trace.
    pub(crate) fn ready(&mut self, analysis: Analysis, trace: Option<Arc<Trace>>, wake: Wake) -> Effect {
        if let Content::Ready(ready) = &mut self.content {
            let Ready { run, views, .. } = ready.as_mut();
            run.renew(analysis, trace);
            views.iter_mut().for_each(|view| view.prepare(run));
            self.settle();
            return Effect::Continue;
        }
        let mut run = OpenRun::new(analysis, trace, wake);
        if self.following {
            run.visit_edge(Side::Forward);
        }
        let mut views: Vec<_> = Page::ALL.map(views::build).into();
        views.iter_mut().for_each(|view| view.prepare(&run));
        let ready = Ready { run, views, trail: Trail::default(), anchor: None };
        self.content = Content::Ready(Box::new(ready));
        self.settle();
        Effect::Continue
    }

    /// Notes that the last analysis is done.
    pub(crate) fn read(&mut self) -> Effect {
        self.following = false;
        Effect::Continue
    }

    /// The trace that is followed cannot be read any more.
    pub(crate) fn lost(&mut self, error: &OpenError) -> Effect {
        self.message = Some(format!("no longer followed: {error}"));
        Effect::Continue
    }

    /// Workers have something for their views.
    pub(crate) fn woken(&mut self) -> Effect {
        if let Content::Ready(ready) = &mut self.content {
            let Ready { run, views, .. } = ready.as_mut();
            views.iter_mut().for_each(|view| view.woken(run));
        }
        self.settle();
        Effect::Continue
    }

    /// A key was pressed.
    pub(crate) fn press(&mut self, key: Key) -> Effect {
        match &mut self.overlay {
            Overlay::Prompt(prompt) => {
                let written = prompt::write(&mut prompt.text, key);
                let effect = self.write(written);
                self.settle();
                effect
            }
            Overlay::Palette(palette) => match palette.press(key) {
                PaletteOutcome::Open => Effect::Continue,
                PaletteOutcome::Closed => {
                    self.overlay = Overlay::None;
                    Effect::Continue
                }
                PaletteOutcome::Action(action) => {
                    self.overlay = Overlay::None;
                    self.update(action)
                }
            },
            Overlay::Letter(letter) => {
                let letter = *letter;
                self.overlay = Overlay::None;
                if let Content::Ready(ready) = &mut self.content {
                    self.message = everywhere::letter(&mut ready.run, letter, key);
                }
                self.settle();
                Effect::Continue
            }
            Overlay::None | Overlay::Help(_) | Overlay::Details(_) => match action_of(key, self.own_keys()) {
                Some(action) => self.update(action),
                None => {
                    self.message = Some(views::unbound(key));
                    Effect::Continue
                }
            },
        }
    }

    /// Does what the user wants.
    pub(crate) fn update(&mut self, action: Action) -> Effect {
        self.message = None;
        let effect = match action {
            Action::Quit => Effect::Quit,
            Action::Suspend => Effect::Suspend,
            Action::Back => self.back(),
            Action::Help => {
                let open = matches!(self.overlay, Overlay::Help(_));
                self.overlay = if open { Overlay::None } else { Overlay::Help(0) };
                Effect::Continue
            }
            Action::Details => {
                let open = matches!(self.overlay, Overlay::Details(_));
                let row = self.listing().and_then(Listing::selected);
                match row {
                    Some(_) if !open => self.overlay = Overlay::Details(0),
                    Some(_) => self.overlay = Overlay::None,
                    None => self.message = Some("there is no row to read".to_owned()),
                }
                Effect::Continue
            }
            Action::Palette => {
                let heaps = match &self.content {
                    Content::Ready(ready) => &ready.run.report.heaps[..],
                    Content::Reading(_) => &[],
                };
                self.overlay = Overlay::Palette(Palette::new(self.own_keys(), heaps));
                Effect::Continue
            }
            Action::Resize(size) => {
                self.size = size;
                Effect::Continue
            }
            Action::Show(page) => self.show(page),
            Action::Turn(side) => self.show(self.page.beside(side)),
            Action::Press(position) => match tabs::page_at(frame::tabs(self.size), position) {
                Some(page) => self.show(page),
                None => self.look(action),
            },
            action => self.look(action),
        };
        self.settle();
        effect
    }

    /// The keys that mean something only in the view on the screen.
    pub(crate) fn own_keys(&self) -> &'static [Binding] {
        match &self.content {
            Content::Ready(ready) => ready.view(self.page).keys(),
            Content::Reading(_) => &[],
        }
    }

    /// The rows of the view on the screen, if it has rows.
    pub(crate) fn listing(&self) -> Option<&Listing> {
        match &self.content {
            Content::Ready(ready) => ready.view(self.page).listing(),
            Content::Reading(_) => None,
        }
    }

    /// Returns true if the view on the screen has a time axis.
    pub(crate) fn has_time_axis(&self) -> bool {
        match &self.content {
            Content::Ready(ready) => ready.view(self.page).plot(&ready.run, self.body()).is_some(),
            Content::Reading(_) => false,
        }
    }

    fn show(&mut self, page: Page) -> Effect {
        self.page = page;
        self.overlay = Overlay::None;
        Effect::Continue
    }

    fn back(&mut self) -> Effect {
        if std::mem::replace(&mut self.overlay, Overlay::None) != Overlay::None {
            return Effect::Continue;
        }
        let body = self.body();
        let left = match &mut self.content {
            Content::Ready(ready) => {
                let (view, run) = ready.parts(self.page);
                match view.update(run, Action::Back, body) {
                    Answer::Ignored => everywhere::back(ready, self.page),
                    _ => return Effect::Continue,
                }
            }
            Content::Reading(_) => None,
        };
        match left {
            Some(page) => self.page = page,
            None => self.message = Some("q quits".to_owned()),
        }
        Effect::Continue
    }

    /// Passes an action to the view on the screen, and to the frame if the view ignores it.
    pub(super) fn look(&mut self, action: Action) -> Effect {
        let body = self.body();
        match &mut self.overlay {
            Overlay::Help(scrolled) => {
                overlay::scroll(scrolled, action, body);
                return Effect::Continue;
            }
            Overlay::Details(scrolled) => match action {
                Action::Scroll(Scroll::Page(_)) | Action::Wheel(..) => {
                    overlay::scroll(scrolled, action, body);
                    return Effect::Continue;
                }
                Action::Scroll(Scroll::Line(_)) => *scrolled = 0,
                Action::Copy | Action::CopyAll => {}
                _ => self.overlay = Overlay::None,
            },
            _ => {}
        }
        let Content::Ready(ready) = &mut self.content else { return Effect::Continue };
        if let Action::Search | Action::Filter | Action::Mark | Action::GoToMark = action {
            let asked = everywhere::ask(ready, self.page, action);
            match asked {
                Ok(overlay) => self.overlay = overlay,
                Err(why) => self.message = Some(why.to_owned()),
            }
            return Effect::Continue;
        }
        if action == Action::Export {
            let text = ExportFile::suggestion(&self.file, self.page);
            self.overlay = Overlay::Prompt(Prompt { purpose: Purpose::Export, text });
            return Effect::Continue;
        }
        if let Action::Copy | Action::CopyAll = action {
            return self.copy(action);
        }
        let (view, run) = ready.parts(self.page);
        let answer = match view.update(run, action, body) {
            Answer::Ignored => everywhere::update(ready, self.page, action, body),
            answer => answer,
        };
        match answer {
            Answer::Ignored | Answer::Done => {}
            Answer::Say(text) => self.message = Some(text),
            Answer::Open(goal) => self.open(&goal),
        }
        Effect::Continue
    }

    fn open(&mut self, goal: &Goal) {
        let Content::Ready(ready) = &mut self.content else { return };
        ready.trail.leave(self.page, &ready.run);
        self.page = goal.page;
        let (view, run) = ready.parts(goal.page);
        run.visit_goal(goal);
        view.visit(run, goal);
    }

    fn copy(&mut self, action: Action) -> Effect {
        let Content::Ready(ready) = &self.content else { return Effect::Continue };
        let Some((text, said)) = everywhere::copied(ready.view(self.page), action) else {
            self.message = Some("there is no row to copy".to_owned());
            return Effect::Continue;
        };
        self.message = Some(said);
        Effect::Copy(text)
    }

    /// Lets the view know what it will be drawn with.
    fn settle(&mut self) {
        let (theme, body) = (self.theme, self.body());
        if let Overlay::Help(scrolled) = &mut self.overlay {
            let own = match &self.content {
                Content::Ready(ready) => ready.view(self.page).keys(),
                Content::Reading(_) => &[],
            };
            *scrolled = (*scrolled).min(super::help::height(own).saturating_sub(body.height));
        }
        let Content::Ready(ready) = &mut self.content else { return };
        if let Overlay::Details(scrolled) = &mut self.overlay {
            let height = ready.view(self.page).listing().map_or(0, |rows| details::height(rows, body.width));
            *scrolled = (*scrolled).min(height.saturating_sub(body.height));
        }
        // While it is dragged, a range is another one at every column.
        if ready.anchor.is_none() && ready.run.choose_range() {
            ready.views.iter_mut().for_each(|view| view.prepare(&ready.run));
        }
        let (view, run) = ready.parts(self.page);
        view.settle(run, theme, body);
        if view.listing().is_some() {
            let room = view.rows(run, body).height;
            view.listing_mut().into_iter().for_each(|listing| listing.settle(room));
        }
    }

    fn body(&self) -> Rect {
        frame::body(self.size)
    }
}

#[cfg(test)]
mod tests;
