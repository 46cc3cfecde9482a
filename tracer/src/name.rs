//! Names: interned once, carried by records as ids; and what is recorded under a name alone: scopes, phases and marks.

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};

use memtrace_format::{Event, NameId};

use crate::{cursor, session};

/// An interned name.
///
/// Interning takes a lock and a look-up. Where the name is a literal, [`scope!`](crate::scope),
/// [`phase!`](crate::phase) and [`mark!`](crate::mark) do it once for all times the code is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub(crate) NameId);

impl Name {
    /// Interns `text`. While recording is off the name is empty and stays so.
    pub fn intern(text: &str) -> Self {
        let id = session::with_definitions(|definitions, log| definitions.name(log, text));
        Self(id.flatten().unwrap_or(NameId::NONE))
    }

    /// Enters a scope of this name on the calling thread, until the guard is dropped.
    #[inline]
    pub fn scope(self) -> Scope {
        self.begin_scope();
        Scope::of(self)
    }

    /// Enters a phase of this name: a scope that reports list by itself, such as a job's stages. A run has few of them.
    #[inline]
    pub fn phase(self) -> Scope {
        self.begin_phase();
        Scope::of(self)
    }

    /// Records that the program is here now.
    #[inline]
    pub fn mark(self) {
        self.mark_with(0);
    }

    /// Records that the program is here now, with a number of its own.
    #[inline]
    pub fn mark_with(self, value: u64) {
        cursor::record(|| Event::Mark { name: self.0, value });
    }
}

/// A scope or phase that is open on this thread; it ends when this is dropped. Scopes nest, so drop them in reverse order.
///
/// ```
/// use memtrace_tracer as memtrace;
///
/// for step in 0..2 {
///     let _step = memtrace::scope!("step");
///     let _part = memtrace::Name::intern(if step == 0 { "first" } else { "other" }).scope();
/// }
/// ```
#[must_use = "a scope ends when its guard is dropped"]
#[derive(Debug)]
pub struct Scope {
    name: Name,
    /// A scope belongs to the thread that entered it.
    not_send: PhantomData<*const ()>,
}

impl Scope {
    #[inline]
    fn of(name: Name) -> Self {
        Self { name, not_send: PhantomData }
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        self.name.end_scope();
    }
}

/// A name that stands in the code, interned when it is first used while recording.
#[derive(Debug)]
#[doc(hidden)]
pub struct Site {
    text: &'static str,
    id: AtomicU32,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(text: &'static str) -> Self {
        Self { text, id: AtomicU32::new(0) }
    }

    #[doc(hidden)]
    #[inline]
    pub fn name(&self) -> Name {
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 || !crate::enabled() {
            return Name(NameId(id));
        }
        let name = Name::intern(self.text);
        self.id.store(name.0.0, Ordering::Relaxed);
        name
    }
}

/// The [`Name`] of a literal, interned once.
#[macro_export]
macro_rules! name {
    ($text:literal) => {{
        static SITE: $crate::Site = $crate::Site::new($text);
        SITE.name()
    }};
}

/// Enters a scope with a literal name; see [`Scope`].
#[macro_export]
macro_rules! scope {
    ($text:literal) => {
        $crate::name!($text).scope()
    };
}

/// Enters a phase with a literal name; see [`Name::phase`].
#[macro_export]
macro_rules! phase {
    ($text:literal) => {
        $crate::name!($text).phase()
    };
}

/// Records a mark with a literal name; see [`Name::mark`].
#[macro_export]
macro_rules! mark {
    ($text:literal) => {
        $crate::name!($text).mark()
    };
}
