//! The exported calls, and their look-up by name.
//!
//! Names, numbers and signatures are those of cuda.h 12.8, and the same in 13.2; what a call owes its caller is in the driver's manual.

mod contexts;
mod copies;
mod devices;
mod errors;
mod events;
mod fills;
mod graphs;
mod initialization;
mod launches;
mod memory;
mod peers;
mod pinned;
mod pointers;
mod pools;
mod streams;
mod symbols;
mod virtual_memory;

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
        virtual_memory::EXPORTED,
        pointers::EXPORTED,
        peers::EXPORTED,
        launches::EXPORTED,
        graphs::EXPORTED,
        pinned::EXPORTED,
        copies::EXPORTED,
        fills::EXPORTED,
    ]
    .into_iter()
    .flatten()
}
