//! Colours: named ones of the terminal's own palette, never black or white, never alone.
//!
//! Whatever a colour says is also said by a symbol, a texture or a word, so `NO_COLOR` loses nothing.

use memtrace_analysis::timeline::Series;
use memtrace_format::Tier;
use ratatui::style::{Color, Modifier, Style};

/// Colours and styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    /// False with `NO_COLOR`.
    pub(crate) colours: bool,
}

impl Theme {
    /// Reads the user's environment (see no-color.org).
    pub(crate) fn of_environment() -> Self {
        Self { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// A headline, or what matters on its line.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Explanations and frames.
    pub(crate) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The selected row, the cursor.
    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A key to press.
    pub(crate) fn key(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Failures.
    pub(crate) fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Warnings.
    pub(crate) fn warning(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// The peak and what makes it.
    pub(crate) fn peak(self) -> Style {
        self.colour(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// A swap.
    pub(crate) fn swap(self) -> Style {
        self.colour(Color::Magenta)
    }

    /// A figure in a chart.
    pub(crate) fn series(self, series: Series) -> Style {
        self.colour(match series {
            Series::Reserved => Color::Magenta,
            Series::Active => Color::Cyan,
            Series::Allocated => Color::Blue,
            Series::Requested => return Style::new(),
        })
    }

    /// Sampled counters.
    pub(crate) fn sample(self) -> Style {
        self.colour(Color::Green)
    }

    /// A part of a stack, by its place from the foot: the sign and the colour together tell it from all others.
    pub(crate) fn part(self, place: usize) -> (char, Style) {
        const PARTS: [(char, Color); 7] = [
            ('█', Color::Blue),
            ('▓', Color::Yellow),
            ('▒', Color::Magenta),
            ('░', Color::Cyan),
            ('▚', Color::Green),
            ('╳', Color::Blue),
            ('╱', Color::Yellow),
        ];
        let (sign, colour) = PARTS[place % PARTS.len()];
        (sign, self.colour(colour))
    }

    /// All parts of a stack that have no sign of their own.
    pub(crate) fn rest(self) -> (char, Style) {
        ('·', self.faint())
    }

    /// A place where a module is.
    pub(crate) fn tier(self, tier: Tier) -> Style {
        const DEVICES: [Color; 4] = [Color::Blue, Color::Green, Color::Cyan, Color::Red];
        match tier {
            Tier::Device(ordinal) => self.colour(DEVICES[usize::from(ordinal) % DEVICES.len()]),
            Tier::Pinned => self.colour(Color::Magenta),
            Tier::Host => self.colour(Color::Yellow),
            Tier::Disk | Tier::Unknown => self.faint(),
        }
    }

    /// The owner of a block on a map; the letter with it says the same.
    pub(crate) fn tint(self, tint: u8) -> Style {
        const TINTS: [Color; 6] =
            [Color::Blue, Color::Green, Color::Yellow, Color::Magenta, Color::Cyan, Color::Red];
        match tint.checked_sub(1) {
            Some(tint) => self.colour(TINTS[usize::from(tint) % TINTS.len()]),
            None => Style::new(),
        }
    }

    /// The cell under the pointer.
    pub(crate) fn focus(self) -> Style {
        Style::reset().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }
}

/// The sign of a figure in a chart: how the chart draws it.
pub(crate) fn series_sign(series: Series) -> char {
    match series {
        Series::Reserved => '⠉',
        Series::Active => '⠁',
        Series::Allocated => '⣿',
        Series::Requested => ' ',
    }
}

/// The signs of devices, each with a colour of its own as well.
const DEVICE_SIGNS: [char; 4] = ['█', '▙', '▜', '▞'];

/// The sign of a place in residency bars.
pub(crate) fn tier_sign(tier: Tier) -> char {
    match tier {
        Tier::Device(ordinal) => DEVICE_SIGNS[usize::from(ordinal) % DEVICE_SIGNS.len()],
        Tier::Pinned => '▓',
        Tier::Host => '▒',
        Tier::Disk => '░',
        Tier::Unknown => '?',
    }
}

/// The sign of a stretch of time that a module spent partly on a device.
pub(crate) const PARTLY_ON_DEVICE: char = '▄';
/// The sign of a failed request.
pub(crate) const OUT_OF_MEMORY: char = 'X';
/// The sign of the peak.
pub(crate) const PEAK: char = '◆';
/// The sign of a mark.
pub(crate) const MARK: char = '▾';
/// The sign of a swap.
pub(crate) const SWAP: char = '⇄';

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn without_colours_signs_tell_everything_apart() {
        let tiers = [Tier::Disk, Tier::Host, Tier::Pinned, Tier::Unknown].into_iter();
        let tiers: Vec<char> =
            tiers.chain((0..4).map(Tier::Device)).map(tier_sign).chain([PARTLY_ON_DEVICE]).collect();
        let series: Vec<char> = Series::ALL.into_iter().map(series_sign).collect();
        let theme = Theme { colours: false };
        let parts: Vec<char> = (0..7).map(|place| theme.part(place).0).chain([theme.rest().0]).collect();
        let events = vec![OUT_OF_MEMORY, PEAK, MARK, SWAP];
        for signs in [tiers, series, parts, events] {
            assert_eq!(signs.iter().collect::<BTreeSet<_>>().len(), signs.len(), "{signs:?}");
        }
    }
}
