//! The views by name and number.

use memtrace_analysis::report::Topic;

use super::action::Side;

/// A view's name and number. Numbers stay the same whichever views there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Page {
    /// The answers first.
    Overview = 1,
    /// Heaps, modules and events over time.
    Timeline,
    /// Places of modules over time.
    Residency,
    /// The cost of moving modules.
    Swaps,
    /// The address space at the cursor.
    Map,
    /// Live blocks at the cursor, by owner.
    Live,
    /// Memory that cycles leave behind.
    Growth,
    /// The composition of device memory.
    Ledger,
    /// The log itself.
    Events,
}

impl Page {
    /// Every view, in the order of the number keys.
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Timeline,
        Self::Residency,
        Self::Swaps,
        Self::Map,
        Self::Live,
        Self::Growth,
        Self::Ledger,
        Self::Events,
    ];

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

    /// Its contents in a few words.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Overview => "what happened",
            Self::Timeline => "when it happened",
            Self::Residency => "where modules were",
            Self::Swaps => "what moving them cost",
            Self::Map => "the address space at the cursor",
            Self::Live => "what is live at the cursor, and whose",
            Self::Growth => "what did not come back",
            Self::Ledger => "what device memory is made of",
            Self::Events => "the log itself",
        }
    }

    /// The digit that shows it.
    pub(crate) fn digit(self) -> char {
        char::from(b'0' + self as u8)
    }

    /// Its place in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize - 1
    }

    /// The view beside this one, around the end.
    pub(crate) fn beside(self, side: Side) -> Self {
        let step = match side {
            Side::Forward => 1,
            Side::Back => Self::ALL.len() - 1,
        };
        Self::ALL[(self.index() + step) % Self::ALL.len()]
    }

    /// The view that shows a part of the report best.
    pub(crate) fn about(topic: Topic) -> Self {
        match topic {
            Topic::Trace => Self::Overview,
            Topic::Peak => Self::Live,
            Topic::Fragmentation => Self::Map,
            Topic::Residency => Self::Residency,
            Topic::Swaps => Self::Swaps,
            Topic::Growth => Self::Growth,
            Topic::Ledger => Self::Ledger,
            Topic::Ooms | Topic::Samples => Self::Timeline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_numbers() {
        for (index, page) in Page::ALL.into_iter().enumerate() {
            assert_eq!(page.index(), index);
        }
        assert_eq!(Page::Overview.digit(), '1');
        assert_eq!(Page::Events.digit(), '9');
    }

    #[test]
    fn turning_goes_around_the_end() {
        let last = Page::ALL[Page::ALL.len() - 1];
        assert_eq!(last.beside(Side::Forward), Page::Overview);
        assert_eq!(Page::Overview.beside(Side::Back), last);
    }
}
