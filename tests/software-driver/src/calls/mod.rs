//! The exported calls, and their look-up by name.
//!
//! Names, numbers and signatures are those of cuda.h 12.8; what a call owes its caller is in the driver's manual.

mod contexts;
mod copies;
mod devices;
mod errors;
mod events;
mod fills;
mod initialization;
mod memory;
mod pinned;
mod pools;
mod streams;
mod symbols;

/// An exported call.
pub(crate) struct Symbol {
    pub(crate) name: &'static str,
    pub(crate) entry: *const (),
}

/// Every exported call.
pub(crate) fn exported() -> impl Iterator<Item = &'static Symbol> {
    [
        initialization::EXPORTED,
        errors::EXPORTED,
        symbols::EXPORTED,
        devices::EXPORTED,
        contexts::EXPORTED,
        streams::EXPORTED,
        events::EXPORTED,
        memory::EXPORTED,
        pools::EXPORTED,
        pinned::EXPORTED,
        copies::EXPORTED,
        fills::EXPORTED,
    ]
    .into_iter()
    .flatten()
}
