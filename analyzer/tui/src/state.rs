//! The state of the UI, without a terminal: keys and actions change it, [`super::screen::draw`] shows it.

use std::sync::Arc;

use memtrace_analysis::{Analysis, Nanos, Progress, Text, Trace};
use memtrace_import::OpenError;
use ratatui::layout::{Rect, Size};

use super::{
    action::{Action, Flow, Side},
    everywhere,
    export::Export,
    keys::{self, Binding, Key, action_of},
    opening::{Facts, Opening, SoFar},
    overlay::{self, Overlay},
    page::{PAGES, Page},
    palette::{Chosen, Palette},
    prompt::{self, Prompt, Purpose},
    run::Run,
    screen,
    theme::Theme,
    trail::Trail,
    view::{Answer, Goal, View},
    wake::Wake,
};

/// Everything that the screen depends on.
#[derive(Debug)]
pub(crate) struct State {
    /// The name of the file.
    pub(crate) file: Text,
    /// How things look.
    pub(crate) theme: Theme,
    /// How large the screen is.
    pub(crate) size: Size,
    /// The view on the screen.
    pub(crate) page: Page,
    /// What lies over it.
    pub(crate) overlay: Overlay,
    /// What is said at the foot of the screen, until the next action.
    pub(crate) message: Option<String>,
    /// What there is to show.
    pub(crate) content: Content,
    /// Whether there will be more to show.
    pub(crate) following: bool,
}

/// What there is to show.
#[derive(Debug)]
pub(crate) enum Content {
    /// There is none yet.
    Reading(Opening),
    /// There is a run.
    Ready(Box<Ready>),
}

/// A run, with every view of it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The run, and what of it is looked at.
    pub(crate) run: Run,
    /// The views, in the order of the table.
    pub(crate) views: Vec<Box<dyn View>>,
    /// Where [`Action::Back`] leads.
    pub(crate) trail: Trail,
    /// Where a range begins that is being chosen.
    pub(crate) anchor: Option<Nanos>,
}

impl Ready {
    /// The view of a page.
    pub(crate) fn view(&self, page: Page) -> &dyn View {
        self.views[page.index().unwrap_or(0)].as_ref()
    }

    /// The view of a page, to change, and the run.
    pub(crate) fn parts(&mut self, page: Page) -> (&mut dyn View, &mut Run) {
        (self.views[page.index().unwrap_or(0)].as_mut(), &mut self.run)
    }
}

impl State {
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
    pub(crate) fn progress(&mut self, progress: Progress) -> Flow {
        if let Content::Reading(opening) = &mut self.content {
            opening.progress = Some(progress);
        }
        Flow::Continue
    }

    /// This was found in what is read.
    pub(crate) fn found(&mut self, so_far: SoFar) -> Flow {
        if let Content::Reading(opening) = &mut self.content {
            opening.so_far = Some(so_far);
        }
        Flow::Continue
    }

    /// This is the trace whose events are read now.
    pub(crate) fn opened(&mut self, facts: Facts) -> Flow {
        if let Content::Reading(opening) = &mut self.content {
            opening.facts = facts;
        }
        Flow::Continue
    }

    /// There is an analysis; if there was one before, of the same trace when less of it was written.
    pub(crate) fn ready(&mut self, analysis: Analysis, trace: Option<Arc<Trace>>, wake: Wake) -> Flow {
        if let Content::Ready(ready) = &mut self.content {
            let Ready { run, views, .. } = ready.as_mut();
            run.renew(analysis, trace);
            views.iter_mut().for_each(|view| view.prepare(run));
            self.settle();
            return Flow::Continue;
        }
        let mut run = Run::new(analysis, trace, wake);
        if self.following {
            run.visit_edge(Side::Forward);
        }
        let mut views: Vec<_> = PAGES.iter().map(|entry| (entry.build)()).collect();
        views.iter_mut().for_each(|view| view.prepare(&run));
        let ready = Ready { run, views, trail: Trail::default(), anchor: None };
        self.content = Content::Ready(Box::new(ready));
        self.settle();
        Flow::Continue
    }

    /// There will be no more analyses.
    pub(crate) fn read(&mut self) -> Flow {
        self.following = false;
        Flow::Continue
    }

    /// The trace that is followed cannot be read any more.
    pub(crate) fn lost(&mut self, error: &OpenError) -> Flow {
        self.message = Some(format!("no longer followed: {error}"));
        Flow::Continue
    }

    /// Workers have something for their views.
    pub(crate) fn woken(&mut self) -> Flow {
        if let Content::Ready(ready) = &mut self.content {
            let Ready { run, views, .. } = ready.as_mut();
            views.iter_mut().for_each(|view| view.woken(run));
        }
        self.settle();
        Flow::Continue
    }

    /// A key was pressed.
    pub(crate) fn press(&mut self, key: Key) -> Flow {
        match &mut self.overlay {
            Overlay::Prompt(prompt) => {
                let written = prompt::write(&mut prompt.text, key);
                let flow = self.write(written);
                self.settle();
                flow
            }
            Overlay::Palette(palette) => match palette.press(key) {
                Chosen::Open => Flow::Continue,
                Chosen::Closed => {
                    self.overlay = Overlay::None;
                    Flow::Continue
                }
                Chosen::Action(action) => {
                    self.overlay = Overlay::None;
                    self.update(action)
                }
            },
            Overlay::Letter(letter) => {
                let letter = *letter;
                self.overlay = Overlay::None;
                self.message = everywhere::letter(&mut self.content, letter, key);
                self.settle();
                Flow::Continue
            }
            Overlay::None | Overlay::Help(_) => match action_of(key, self.own_keys()) {
                Some(action) => self.update(action),
                None => {
                    self.message = Some(keys::unbound(key));
                    Flow::Continue
                }
            },
        }
    }

    /// Does what the user wants.
    pub(crate) fn update(&mut self, action: Action) -> Flow {
        self.message = None;
        let flow = match action {
            Action::Quit => Flow::Quit,
            Action::Suspend => Flow::Suspend,
            Action::Back => self.back(),
            Action::Help => {
                let open = matches!(self.overlay, Overlay::Help(_));
                self.overlay = if open { Overlay::None } else { Overlay::Help(0) };
                Flow::Continue
            }
            Action::Palette => {
                let run = match &self.content {
                    Content::Ready(ready) => Some(&ready.run),
                    Content::Reading(_) => None,
                };
                self.overlay = Overlay::Palette(Palette::new(self.own_keys(), run));
                Flow::Continue
            }
            Action::Resize(size) => {
                self.size = size;
                Flow::Continue
            }
            Action::Show(page) => self.show(page),
            Action::Turn(side) => self.show(self.page.beside(side)),
            Action::Press(position) if screen::page_at(self, position).is_some() => {
                self.show(screen::page_at(self, position).unwrap_or(self.page))
            }
            action => self.look(action),
        };
        self.settle();
        flow
    }

    /// The keys that mean something only in the view on the screen.
    pub(crate) fn own_keys(&self) -> &'static [Binding] {
        match &self.content {
            Content::Ready(ready) => ready.view(self.page).keys(),
            Content::Reading(_) => &[],
        }
    }

    /// Whether the view on the screen has a time axis.
    pub(crate) fn has_time_axis(&self) -> bool {
        match &self.content {
            Content::Ready(ready) => ready.view(self.page).plot(&ready.run, self.body()).is_some(),
            Content::Reading(_) => false,
        }
    }

    fn show(&mut self, page: Page) -> Flow {
        if page.index().is_some() {
            self.page = page;
        }
        self.overlay = Overlay::None;
        Flow::Continue
    }

    fn back(&mut self) -> Flow {
        if std::mem::replace(&mut self.overlay, Overlay::None) != Overlay::None {
            return Flow::Continue;
        }
        let body = self.body();
        let left = match &mut self.content {
            Content::Ready(ready) => {
                let (view, run) = ready.parts(self.page);
                match view.update(run, Action::Back, body) {
                    Answer::Ignored => everywhere::back(ready, self.page),
                    _ => return Flow::Continue,
                }
            }
            Content::Reading(_) => None,
        };
        match left {
            Some(page) => self.page = page,
            None => self.message = Some("q quits".to_owned()),
        }
        Flow::Continue
    }

    /// What the view on the screen does, or the frame where the view has no way of its own.
    pub(super) fn look(&mut self, action: Action) -> Flow {
        let body = self.body();
        if let Overlay::Help(scrolled) = &mut self.overlay {
            overlay::scroll_help(scrolled, action, body);
            return Flow::Continue;
        }
        let Content::Ready(ready) = &mut self.content else { return Flow::Continue };
        if let Action::Search | Action::Filter | Action::Mark | Action::GoToMark = action {
            let asked = everywhere::ask(ready, self.page, action);
            match asked {
                Ok(overlay) => self.overlay = overlay,
                Err(why) => self.message = Some(why.to_owned()),
            }
            return Flow::Continue;
        }
        if action == Action::Export {
            let text = Export::suggestion(self);
            self.overlay = Overlay::Prompt(Prompt { purpose: Purpose::Export, text });
            return Flow::Continue;
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
        Flow::Continue
    }

    fn open(&mut self, goal: &Goal) {
        let Content::Ready(ready) = &mut self.content else { return };
        if goal.page.index().is_none() {
            return;
        }
        ready.trail.leave(self.page, &ready.run);
        self.page = goal.page;
        let (view, run) = ready.parts(goal.page);
        run.visit_goal(goal);
        view.visit(run, goal);
    }

    fn copy(&mut self, action: Action) -> Flow {
        let Content::Ready(ready) = &self.content else { return Flow::Continue };
        let Some((text, said)) = everywhere::copied(ready.view(self.page), action) else {
            self.message = Some("there is no row to copy".to_owned());
            return Flow::Continue;
        };
        self.message = Some(said);
        Flow::Copy(text)
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
        screen::body(self.size)
    }
}

#[cfg(test)]
mod tests;
