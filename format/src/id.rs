//! Ids that records carry in place of names. Each refers to a [definition](crate::Definition).
//!
//! Ids start at 1. Zero means "none", so a record that names nothing needs no flag to say so.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident: $repr:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $repr);

        impl $name {
            /// Names nothing.
            pub const NONE: Self = Self(0);

            /// Whether this id names nothing.
            #[inline(always)]
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "#{}", self.0)
            }
        }
    };
}

id! {
    /// An interned string: the name of a scope, a phase or a mark, or a part of a stack frame.
    NameId: u32
}
id! {
    /// A thread that recorded something.
    ThreadId: u32
}
id! {
    /// A device of the machine.
    DeviceId: u32
}
id! {
    /// A heap.
    HeapId: u32
}
id! {
    /// A pool of a heap. Two bytes wide, because every block event carries it.
    PoolId: u16
}
id! {
    /// A module.
    ModuleId: u32
}
id! {
    /// A counter.
    CounterId: u32
}
id! {
    /// A call stack: the innermost frame, whose definition names the frame that called it.
    StackId: u32
}
