//! The views by name and number, and the table of those that there are.

use memtrace_analysis::report::Topic;

use super::{
    action::Side, events::EventsView, growth::GrowthView, ledger::LedgerView, live::LiveView, map::MapView,
    overview::Overview, residency::Residency, swaps::SwapsView, timeline::TimelineView, view::View,
};

/// The views that there are, in the order of their number keys. A line here is all that a view needs to be reached.
pub(crate) const PAGES: &[Entry] = &[
    Entry { page: Page::Overview, says: "what happened", build: || Box::<Overview>::default() },
    Entry { page: Page::Timeline, says: "when it happened", build: || Box::<TimelineView>::default() },
    Entry { page: Page::Residency, says: "where modules were", build: || Box::<Residency>::default() },
    Entry { page: Page::Swaps, says: "what moving them cost", build: || Box::<SwapsView>::default() },
    Entry { page: Page::Map, says: "the address space at the cursor", build: || Box::<MapView>::default() },
    Entry {
        page: Page::Live,
        says: "what is live at the cursor, and whose",
        build: || Box::<LiveView>::default(),
    },
    Entry { page: Page::Growth, says: "what did not come back", build: || Box::<GrowthView>::default() },
    Entry {
        page: Page::Ledger,
        says: "what device memory is made of",
        build: || Box::<LedgerView>::default(),
    },
    Entry { page: Page::Events, says: "the log itself", build: || Box::<EventsView>::default() },
];

/// A view's line in the table.
pub(crate) struct Entry {
    /// Which view it is.
    pub(crate) page: Page,
    /// What it shows, in a few words.
    pub(crate) says: &'static str,
    /// Makes one that has seen nothing yet.
    pub(crate) build: fn() -> Box<dyn View>,
}

/// A view's name and number. Numbers stay the same whichever views there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Page {
    /// The answers first.
    Overview = 1,
    /// Heaps, modules and events over time.
    Timeline,
    /// Where modules were.
    Residency,
    /// What moving modules cost.
    Swaps,
    /// The address space at the cursor.
    Map,
    /// What is live at the cursor, and whose it is.
    Live,
    /// What did not come back.
    Growth,
    /// What device memory is made of.
    Ledger,
    /// The log itself.
    Events,
}

impl Page {
    /// The name on its tab.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Timeline => "Timeline",
            Self::Residency => "Residency",
            Self::Swaps => "Swaps",
            Self::Map => "Map",
            Self::Live => "Live",
            Self::Growth => "Growth",
            Self::Ledger => "Ledger",
            Self::Events => "Events",
        }
    }

    /// The digit that shows it.
    pub(crate) fn digit(self) -> char {
        char::from(b'0' + self as u8)
    }

    /// Its place in the table; none: there is no such view.
    pub(crate) fn index(self) -> Option<usize> {
        PAGES.iter().position(|entry| entry.page == self)
    }

    /// The view beside this one, around the end.
    pub(crate) fn beside(self, side: Side) -> Self {
        let here = self.index().unwrap_or(0);
        let step = match side {
            Side::Forward => 1,
            Side::Back => PAGES.len() - 1,
        };
        PAGES[(here + step) % PAGES.len()].page
    }

    /// The view that shows a part of the report best, of those that there are.
    pub(crate) fn about(topic: Topic) -> Self {
        let best = match topic {
            Topic::Trace => Self::Overview,
            Topic::Peak => Self::Live,
            Topic::Fragmentation => Self::Map,
            Topic::Residency => Self::Residency,
            Topic::Swaps => Self::Swaps,
            Topic::Growth => Self::Growth,
            Topic::Ledger => Self::Ledger,
            Topic::Ooms | Topic::Samples => Self::Timeline,
        };
        if best.index().is_some() { best } else { Self::Timeline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_numbers() {
        assert!(PAGES.is_sorted_by_key(|entry| entry.page));
        assert_eq!(Page::Overview.digit(), '1');
        assert_eq!(Page::Events.digit(), '9');
    }

    #[test]
    fn turning_goes_around_the_end() {
        let last = PAGES.last().unwrap().page;
        assert_eq!(last.beside(Side::Forward), Page::Overview);
        assert_eq!(Page::Overview.beside(Side::Back), last);
    }
}
