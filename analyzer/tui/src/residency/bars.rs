//! A module's row: its tiers as a bar, its forwards as ticks, its moves as slopes.

use memtrace_analysis::{
    Nanos,
    timeline::{ModuleTrack, Move},
};
use memtrace_format::Tier;
use ratatui::{buffer::Buffer, layout::Rect, style::Modifier};

use crate::{
    open_run::OpenRun,
    theme::{PARTLY_ON_DEVICE, Theme, tier_sign},
    timeline::shown_of,
};

/// A forward began.
pub(super) const FORWARD: char = '┃';
/// On its way to a device.
pub(super) const TO_DEVICE: char = '╱';
/// On its way from one.
pub(super) const FROM_DEVICE: char = '╲';
/// On its way between a file and the host, or within the host.
pub(super) const ELSEWHERE: char = '─';

/// Draws the bar in the columns of an area that is one line high.
pub(super) fn draw(
    run: &OpenRun,
    index: usize,
    module: &ModuleTrack,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut before = None;
    for column in 0..area.width {
        let from = run.window.time_at(column, area.width);
        let to = run.window.time_at(column + 1, area.width).max(Nanos(from.0.saturating_add(1)));
        let shown = shown_of(run, index, module, from, to);
        let begins = shown != before;
        before = shown;
        let (sign, mut style) = if let Some(moved) = move_in(&module.moves, from, to) {
            (slope(moved), theme.tier(moved.to).add_modifier(Modifier::BOLD))
        } else if ticks_in(module, from, to) {
            (FORWARD, shown.map_or(theme.strong(), |(tier, _)| theme.tier(tier)).add_modifier(Modifier::BOLD))
        } else {
            match shown {
                None => continue,
                Some((Tier::Device(ordinal), true)) if run.tree.several_devices() && begins => {
                    let digit = char::from_digit(u32::from(ordinal % 10), 10).expect("it is below ten");
                    (digit, theme.tier(Tier::Device(ordinal)).add_modifier(Modifier::REVERSED))
                }
                Some((tier @ Tier::Device(_), false)) => (PARTLY_ON_DEVICE, theme.tier(tier)),
                Some((tier, _)) => (tier_sign(tier), theme.tier(tier)),
            }
        };
        if module.inherited && sign != FORWARD {
            style = style.add_modifier(Modifier::DIM);
        }
        if let Some(cell) = buffer.cell_mut((area.x + column, area.y)) {
            cell.set_char(sign).set_style(style);
        }
    }
}

/// The move that takes the most of a stretch of time, if it takes half of it.
pub(super) fn move_in(moves: &[Move], from: Nanos, to: Nanos) -> Option<&Move> {
    let within = |moved: &Move| moved.to_ns.min(to).since(moved.from_ns.max(from));
    let begun = moves.partition_point(|moved| moved.from_ns < to);
    // Of one module, moves hardly overlap: those that began long before have ended.
    let near = moves[..begun].iter().rev().take(8);
    let most = near.max_by_key(|moved| within(moved))?;
    (within(most).0 > 0 && within(most).0.saturating_mul(2) >= to.since(from).0).then_some(most)
}

fn ticks_in(module: &ModuleTrack, from: Nanos, to: Nanos) -> bool {
    let first = module.forwards.partition_point(|tick| tick.from_ns < from);
    module.forwards.get(first).is_some_and(|tick| tick.from_ns < to)
}

fn slope(moved: &Move) -> char {
    match (moved.from.is_device(), moved.to.is_device()) {
        (_, true) => TO_DEVICE,
        (true, false) => FROM_DEVICE,
        (false, false) => ELSEWHERE,
    }
}

#[cfg(test)]
mod tests {
    use memtrace_format::Bytes;

    use super::*;

    fn moved(from: u64, to: u64) -> Move {
        let (from_ns, to_ns) = (Nanos(from), Nanos(to));
        Move { from: Tier::Host, to: Tier::Device(0), from_ns, to_ns, bytes: Bytes(1) }
    }

    #[test]
    fn a_move_is_a_slope_where_it_takes_half_of_a_column() {
        let moves = [moved(0, 10), moved(100, 160)];
        assert_eq!(move_in(&moves, Nanos(0), Nanos(20)), Some(&moves[0]));
        assert_eq!(move_in(&moves, Nanos(0), Nanos(21)), None);
        assert_eq!(move_in(&moves, Nanos(100), Nanos(220)), Some(&moves[1]));
        assert_eq!(move_in(&moves, Nanos(159), Nanos(160)), Some(&moves[1]));
        assert_eq!(move_in(&moves, Nanos(160), Nanos(170)), None);
    }

    #[test]
    fn slopes_say_which_way() {
        let way = |from, to| slope(&Move { from, to, ..moved(0, 1) });
        assert_eq!(way(Tier::Host, Tier::Device(0)), TO_DEVICE);
        assert_eq!(way(Tier::Device(0), Tier::Device(1)), TO_DEVICE);
        assert_eq!(way(Tier::Device(0), Tier::Pinned), FROM_DEVICE);
        assert_eq!(way(Tier::Disk, Tier::Host), ELSEWHERE);
    }
}
