//! A course in one line.

use memtrace_format::Bytes;

const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The least of some levels, or what stands for it, and the most.
pub(crate) fn spark_ends(levels: &[Bytes], least: Option<Bytes>) -> (Bytes, Bytes) {
    let least = least.or_else(|| levels.iter().copied().min()).unwrap_or_default();
    (least, levels.iter().copied().max().unwrap_or_default())
}

/// One cell a level, or the most of several where there is no room for all: from the least, which is the lowest sign, to the
/// most, which is the highest.
pub(crate) fn spark(levels: &[Bytes], (least, most): (Bytes, Bytes), cells: usize) -> String {
    let height = (most.0.saturating_sub(least.0)).max(1) as f64;
    let group = levels.len().div_ceil(cells.max(1)).max(1);
    let groups = levels.chunks(group).take(cells);
    let sign = |level: Bytes| {
        let eighths = (level.0.saturating_sub(least.0) as f64 / height * 7.0).round() as usize;
        SIGNS[eighths.min(SIGNS.len() - 1)]
    };
    groups.map(|group| sign(group.iter().copied().max().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_goes_from_its_least_to_its_most() {
        let drawn = |list: &[u64], least, cells| {
            let levels: Vec<_> = list.iter().map(|&level| Bytes(level)).collect();
            spark(&levels, spark_ends(&levels, least), cells)
        };
        assert_eq!(drawn(&[100, 107, 103], None, 9), "▁█▄");
        assert_eq!(drawn(&[5, 5], None, 9), "▁▁");
        assert_eq!(drawn(&[5, 5, 0], Some(Bytes(0)), 9), "██▁");
        assert_eq!(drawn(&[0, 9, 1, 2, 9, 9], None, 3), "█▃█");
        assert_eq!(drawn(&[1], None, 0), "");
        assert_eq!(drawn(&[], None, 4), "");
        assert_eq!(drawn(&[0, u64::MAX], None, 2), "▁█");
    }
}
