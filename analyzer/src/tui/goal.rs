//! What one view asks another one to show.

use memtrace_format::Address;

use super::page::Page;
use crate::{Nanos, Text, report::Place};

/// What to show, and where.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// In which view.
    pub(crate) page: Page,
    /// When: the cursor is put there.
    pub(crate) time: Option<Nanos>,
    /// Which heap, by name: it is the one looked at.
    pub(crate) heap: Option<Text>,
    /// Which module.
    pub(crate) module: Option<Text>,
    /// Which address.
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
