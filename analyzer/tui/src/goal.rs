//! The place that one view asks another to show.

use memtrace_analysis::{Nanos, Text, report::Place};
use memtrace_format::Address;

use super::page::Page;

/// A place to show, in a view.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// The view.
    pub(crate) page: Page,
    /// The time to move the cursor to.
    pub(crate) time: Option<Nanos>,
    /// The heap to select, by name.
    pub(crate) heap: Option<Text>,
    /// The module to select.
    pub(crate) module: Option<Text>,
    /// The address to point at.
    pub(crate) address: Option<Address>,
}

impl Goal {
    /// The view, as it is.
    pub(crate) fn page(page: Page) -> Self {
        Self { page, time: None, heap: None, module: None, address: None }
    }

    /// The view, at an instant.
    pub(crate) fn at(page: Page, time: Nanos) -> Self {
        Self { time: Some(time), ..Self::page(page) }
    }

    /// The view, at a place that a finding names.
    pub(crate) fn place(page: Page, place: &Place) -> Self {
        Self {
            time: place.time_ns,
            heap: place.heap.clone(),
            module: place.module.clone(),
            ..Self::page(page)
        }
    }
}
