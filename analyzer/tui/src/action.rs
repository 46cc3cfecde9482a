//! The actions of the user interface, independent of keys.

use ratatui::layout::{Position, Size};

use super::page::Page;

/// A wish of the user or the terminal.
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
    /// Open the list of everything that can be done.
    Palette,
    /// Show a view.
    Show(Page),
    /// Show the next or the previous view.
    Turn(Side),
    /// Show what is selected, in the view that shows it best.
    Open,
    /// Move the selection, or what does not fit on the screen.
    Scroll(Scroll),
    /// Show or hide what is below the selected row of a tree.
    Fold,
    /// Hide what is below every row of a tree, or show all of it.
    FoldAll,
    /// Sort the rows by their next column.
    Sort,
    /// Sort the rows the other way.
    Reverse,
    /// Ask for a text to search for.
    Search,
    /// Go to the next or the previous place with the search text.
    Find(Side),
    /// Ask which rows to show.
    Filter,
    /// Copy the selected row.
    Copy,
    /// Copy all rows that are shown.
    CopyAll,
    /// Show the selected row in full.
    Details,
    /// Ask for a file to write what is shown to.
    Export,
    /// Move the cursor by this many columns.
    MoveCursor(i32),
    /// Go to the first or the last instant, or to the first or the last row where there is no time axis.
    Edge(Side),
    /// Show an earlier or a later range.
    Pan(Side),
    /// Show a shorter range.
    ZoomIn,
    /// Show a longer range.
    ZoomOut,
    /// Show the whole run.
    Whole,
    /// Begin a range at the cursor, or end it there: all views tell of this range only, until it is given up.
    Range,
    /// Give a name of one letter to the instant under the cursor.
    Mark,
    /// Go to the instant with a letter.
    GoToMark,
    /// Put the cursor on the heap's peak.
    Peak,
    /// Put the cursor on the next lower of the heap's distinct peaks.
    LowerPeak,
    /// Put the cursor on the next or the previous event of interest.
    Event(Side),
    /// Look at another heap.
    Heap(Side),
    /// Look at a heap, by its place in the report.
    HeapAt(usize),
    /// An action of the view on the screen alone, by the name in its own key table.
    Own(&'static str),
    /// The mouse's button went down here.
    Press(Position),
    /// The mouse moved here with its button down.
    Drag(Position),
    /// The mouse's button went up here.
    Release(Position),
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

impl Side {
    /// A number moved to this side, no further than zero.
    pub(crate) fn from(self, place: usize, by: usize) -> usize {
        match self {
            Self::Back => place.saturating_sub(by),
            Self::Forward => place.saturating_add(by),
        }
    }
}

/// The distance to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scroll {
    /// By a line.
    Line(Side),
    /// By what is on the screen.
    Page(Side),
}
