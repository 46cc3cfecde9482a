//! Inconsistencies: events that contradict the state.

/// Declares the oddities with the words for them, in one place.
macro_rules! oddities {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A way in which an event can contradict those before it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Inconsistency {
            $($(#[$doc])* $name,)*
        }

        impl Inconsistency {
            const TEXTS: &[&'static str] = &[$($text,)*];
        }
    };
}

oddities! {
    /// It was live before recording began, or its alloc is lost.
    FreeOfUnknown = "free of a block whose alloc is not recorded";
    /// Its free is lost.
    AllocOfLive = "alloc at the address of a live block";
    ImpossibleAlloc = "alloc beyond the end of the address space";
    FreeRequestedTwice = "free requested twice";
    CompletedWithoutRequest = "free completed that was not requested";
    /// It was reserved before recording began, or its alloc is lost.
    ReleaseOfUnknown = "release of a segment whose alloc is not recorded";
    ImpossibleSegment = "segment that cannot be";
    /// Their frees are lost.
    LiveInReleased = "block that was live when its segment was released";
    EndWithoutBegin = "end of a forward, transfer or scope whose begin is not recorded";
    BeginWithoutEnd = "scope whose end is not recorded";
    BeginTwice = "transfer that began twice";
    TooDeep = "forward, transfer or scope nested too deep";
    TooManyOwners = "block of one of too many owners: module, scope, thread and stack are not told";
    TooManyScopes = "scope that is one of too many: it counts as the one around it";
}

/// How often each oddity happened.
#[derive(Clone, Debug)]
pub(crate) struct Inconsistencies([u64; Inconsistency::TEXTS.len()]);

impl Default for Inconsistencies {
    fn default() -> Self {
        Self([0; Inconsistency::TEXTS.len()])
    }
}

impl Inconsistencies {
    #[cold]
    pub(crate) fn count(&mut self, oddity: Inconsistency) {
        self.0[oddity as usize] += 1;
    }

    pub(crate) fn count_many(&mut self, oddity: Inconsistency, more: u64) {
        self.0[oddity as usize] += more;
    }

    /// Those that happened, in words.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Inconsistency::TEXTS.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }
}
