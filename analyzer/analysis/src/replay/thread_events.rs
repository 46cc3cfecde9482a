//! Applies the events of threads: forwards, transfers and scopes.

use memtrace_format::{Kind, ModuleId, NameId, TransferBegin, TransferEnd};

use super::{
    Inconsistency, Observer, OpenTransfer, Replay,
    thread::{OpenBy, OpenScope},
};
use crate::model::{EventContext, TransferKey};

impl<'a> Replay<'a> {
    pub(super) fn forward_begin(
        &mut self,
        now: EventContext,
        module: ModuleId,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        if !self.threads[now.thread].open(module, OpenBy::Forward) {
            self.oddities.count(Inconsistency::TooDeep);
        }
        observer.forward_begin(now, module);
        Kind::ForwardBegin
    }

    pub(super) fn forward_end(
        &mut self,
        now: EventContext,
        module: ModuleId,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        if !self.threads[now.thread].close(module, OpenBy::Forward) {
            self.oddities.count(Inconsistency::EndWithoutBegin);
        }
        observer.forward_end(now, self, module);
        Kind::ForwardEnd
    }

    pub(super) fn transfer_begin(
        &mut self,
        now: EventContext,
        begin: &TransferBegin,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let key = TransferKey { origin: self.thread_id(now.thread), correlation: begin.correlation };
        let thread = &mut self.threads[now.thread];
        if !begin.module.is_none() && !thread.open(begin.module, OpenBy::Transfer(key)) {
            self.oddities.count(Inconsistency::TooDeep);
        }
        if !self.transfers.begin(key, OpenTransfer { begin: *begin, thread: now.thread }) {
            self.oddities.count(Inconsistency::BeginTwice);
        }
        observer.transfer_begin(now, self, key, begin);
        Kind::TransferBegin
    }

    pub(super) fn transfer_end(
        &mut self,
        now: EventContext,
        end: &TransferEnd,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let key = TransferKey { origin: end.origin, correlation: end.correlation };
        match self.transfers.end(key) {
            None => self.oddities.count(Inconsistency::EndWithoutBegin),
            Some(OpenTransfer { begin, thread }) if !begin.module.is_none() => {
                self.threads[thread].close(begin.module, OpenBy::Transfer(key));
            }
            Some(_) => {}
        }
        observer.transfer_end(now, key, end);
        Kind::TransferEnd
    }

    pub(super) fn scope_begin(
        &mut self,
        now: EventContext,
        name: NameId,
        is_phase: bool,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let phase = is_phase.then(|| {
            let number = self.next_phase;
            self.next_phase += 1;
            self.open_phases.insert(number, name);
            number
        });
        let thread = &mut self.threads[now.thread];
        let left_out = self.scopes.left_out();
        let scope = self.scopes.enter(thread.scope(), name);
        self.oddities.count_many(Inconsistency::TooManyScopes, self.scopes.left_out() - left_out);
        let entered = thread.enter(OpenScope { name, scope, phase });
        if !entered {
            self.oddities.count(Inconsistency::TooDeep);
        }
        observer.scope_begin(now, self, name, phase, entered);
        Kind::ScopeBegin
    }

    pub(super) fn scope_end(
        &mut self,
        now: EventContext,
        name: NameId,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let mut closed = std::mem::take(&mut self.closed);
        closed.extend(self.threads[now.thread].leave(name));
        match closed.len() {
            0 => self.oddities.count(Inconsistency::EndWithoutBegin),
            1 => {}
            more => self.oddities.count_many(Inconsistency::BeginWithoutEnd, more as u64 - 1),
        }
        for phase in closed.iter().filter_map(|open| open.phase) {
            self.open_phases.remove(&phase);
        }
        if !closed.is_empty() {
            observer.scope_end(now, self, &closed);
        }
        closed.clear();
        self.closed = closed;
        Kind::ScopeEnd
    }
}
