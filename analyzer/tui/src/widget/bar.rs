//! A bar in eighths of a cell.

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar that fills `fraction` of `cells`, padded to all of them. What is more than nothing is always seen.
pub(crate) fn bar(fraction: f64, cells: usize) -> String {
    let whole = cells * 8;
    let eighths = (fraction.clamp(0.0, 1.0) * whole as f64).round() as usize;
    let eighths = if fraction > 0.0 { eighths.max(1).min(whole) } else { 0 };
    let part = EIGHTHS[eighths % 8];
    let bar = "█".repeat(eighths / 8) + part;
    let used = eighths.div_ceil(8);
    bar + &" ".repeat(cells - used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!(bar(0.0, 4), "    ");
        assert_eq!(bar(0.5, 4), "██  ");
        assert_eq!(bar(0.53, 4), "██▏ ");
        assert_eq!(bar(1e-9, 4), "▏   ");
        assert_eq!(bar(7.0, 4), "████");
        assert_eq!(bar(f64::NAN, 2), "  ");
        assert_eq!(bar(1.0, 0), "");
    }
}
