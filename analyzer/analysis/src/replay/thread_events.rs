//! What happens on threads: forwards, transfers and scopes begin and end.

use memtrace_format::{Kind, ModuleId, NameId, TransferBegin, TransferEnd};

use super::{
    Moment, Oddity, Replay, TransferKey,
    thread::{OpenBy, OpenScope},
};
use crate::{analyses::Analyses, report::CycleSource};

impl Replay<'_> {
    pub(super) fn forward_begin(&mut self, now: Moment, module: ModuleId) -> Kind {
        self.analyses.movement.forward_begin(now, module);
        if !self.threads[now.thread].open(module, OpenBy::Forward) {
            self.oddities.count(Oddity::TooDeep);
        }
        Kind::ForwardBegin
    }

    pub(super) fn forward_end(&mut self, now: Moment, module: ModuleId) -> Kind {
        self.analyses.movement.forward_end(now, module);
        if !self.threads[now.thread].close(module, OpenBy::Forward) {
            self.oddities.count(Oddity::EndWithoutBegin);
        }
        Kind::ForwardEnd
    }

    pub(super) fn transfer_begin(&mut self, now: Moment, begin: &TransferBegin) -> Kind {
        let key = TransferKey { origin: self.thread_id(now.thread), correlation: begin.correlation };
        let thread = &mut self.threads[now.thread];
        if !begin.module.is_none() && !thread.open(begin.module, OpenBy::Transfer(key)) {
            self.oddities.count(Oddity::TooDeep);
        }
        if begin.to.is_device() && !begin.from.is_device() {
            let scope = self.threads[now.thread].scope();
            self.analyses.growth.came(now, CycleSource::Load, begin.module, scope, &self.heaps);
        }
        let phases = &self.analyses.phases;
        let cycle = self.threads[now.thread].phase();
        if !self.analyses.movement.begin(now, key, begin, cycle, |phase| phases.is_open(phase)) {
            self.oddities.count(Oddity::BeginTwice);
        }
        Kind::TransferBegin
    }

    pub(super) fn transfer_end(&mut self, now: Moment, end: &TransferEnd) -> Kind {
        let key = TransferKey { origin: end.origin, correlation: end.correlation };
        match self.analyses.movement.end(now, key, end) {
            None => self.oddities.count(Oddity::EndWithoutBegin),
            Some((thread, module)) if !module.is_none() => {
                self.threads[thread].close(module, OpenBy::Transfer(key));
            }
            Some(_) => {}
        }
        Kind::TransferEnd
    }

    pub(super) fn scope_begin(&mut self, now: Moment, name: NameId, is_phase: bool) -> Kind {
        let phase = is_phase.then(|| self.analyses.phases.begin(now, name, &mut self.heaps));
        if let Some(number) = phase {
            let Analyses { profiles, devices, .. } = &mut self.analyses;
            profiles.begin(now, number, name, devices);
        }
        let thread = &mut self.threads[now.thread];
        let left_out = self.scopes.left_out();
        let scope = self.scopes.enter(thread.scope(), name);
        self.oddities.count_many(Oddity::TooManyScopes, self.scopes.left_out() - left_out);
        if thread.enter(OpenScope { name, scope, phase }) {
            self.analyses.growth.entered(now.thread);
        } else {
            self.oddities.count(Oddity::TooDeep);
        }
        Kind::ScopeBegin
    }

    pub(super) fn scope_end(&mut self, now: Moment, name: NameId) -> Kind {
        let closed = self.threads[now.thread].leave(name);
        let count = closed.len();
        let mut is_phase = false;
        match count {
            0 => self.oddities.count(Oddity::EndWithoutBegin),
            1 => {}
            more => self.oddities.count_many(Oddity::BeginWithoutEnd, more as u64 - 1),
        }
        for open in closed {
            is_phase = open.phase.is_some();
            let Some(phase) = open.phase else { continue };
            self.analyses.phases.end(now, phase, &mut self.heaps);
            let Analyses { profiles, devices, .. } = &mut self.analyses;
            profiles.end(now, phase, devices);
        }
        if count > 0 {
            let outer = self.threads[now.thread].scope();
            self.analyses.growth.left(now, count, (name, is_phase), outer, &self.heaps);
        }
        Kind::ScopeEnd
    }
}
