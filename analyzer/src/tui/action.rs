//! What a user can want, without the keys it is wanted with.

use ratatui::layout::{Position, Size};

/// Something that the user, or the terminal, asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// End.
    Quit,
    /// Stop until the shell continues the process.
    Suspend,
    /// Close what was opened last; with nothing open, end.
    Back,
    /// Open or close the list of keys.
    Help,
    /// Show a view.
    Show(View),
    /// Show the next or the previous view.
    Turn(Side),
    /// Show what the view tells about, in the view that shows it best.
    Open,
    /// Move what does not fit on the screen.
    Scroll(Scroll),
    /// Move the cursor by this many columns.
    MoveCursor(i32),
    /// Put the cursor on the first or the last instant.
    Edge(Side),
    /// Show an earlier or a later range.
    Pan(Side),
    /// Show a shorter range.
    ZoomIn,
    /// Show a longer range.
    ZoomOut,
    /// Show the whole run.
    Whole,
    /// Put the cursor on the heap's peak.
    Peak,
    /// Put the cursor on the next or the previous event of interest.
    Event(Side),
    /// Look at another heap.
    Heap(Side),
    /// The mouse points here and its button is down.
    Click(Position),
    /// The wheel turned (forward is away from the user) while the mouse pointed here.
    Wheel(Side, Position),
    /// The terminal has this size now.
    Resize(Size),
}

/// One of two ways: in time, in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Earlier, previous.
    Back,
    /// Later, next.
    Forward,
}

/// How far to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scroll {
    /// By a line.
    Line(Side),
    /// By what is on the screen.
    Page(Side),
}

/// A page of the UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// What happened.
    Overview,
    /// When it happened.
    Timeline,
}

impl View {
    /// Every view, in the order of their number keys.
    pub(crate) const ALL: [Self; 2] = [Self::Overview, Self::Timeline];

    /// The name on its tab.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Timeline => "Timeline",
        }
    }

    /// The view beside this one, around the end.
    pub(crate) fn beside(self, side: Side) -> Self {
        let here = Self::ALL.iter().position(|&view| view == self).unwrap_or(0);
        let step = match side {
            Side::Forward => 1,
            Side::Back => Self::ALL.len() - 1,
        };
        Self::ALL[(here + step) % Self::ALL.len()]
    }
}

/// What an action means for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Flow {
    /// Draw and go on.
    Continue,
    /// Stop until the shell continues the process.
    Suspend,
    /// End.
    Quit,
}
