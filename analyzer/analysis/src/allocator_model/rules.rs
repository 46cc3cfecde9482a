//! The sizes that an allocator rounds, pools, reserves and splits by.
//!
//! Those of PyTorch's caching allocator are as its notes on CUDA semantics and its functions `round_size`,
//! `get_allocation_size` and `should_split` (`c10/cuda/CUDACachingAllocator.cpp`) say.

const MIB: u64 = 1 << 20;
/// How users hand settings to PyTorch.
const CONFIGURATION: &str = "PYTORCH_CUDA_ALLOC_CONF=";

/// Blocks are multiples of this.
pub const MIN_BLOCK: u64 = 512;
/// The largest request of the small pool, and what must be left of a block of the large pool for it to be split.
pub const SMALL: u64 = MIB;
/// The size of a segment of the small pool.
pub const SMALL_SEGMENT: u64 = 2 * MIB;
/// The size of a segment of the large pool, for blocks below [`OWN_SEGMENT`]; also the step in which expandable ones grow.
const LARGE_SEGMENT: u64 = 20 * MIB;
/// From this size on, a block gets a segment of its own size.
const OWN_SEGMENT: u64 = 10 * MIB;
/// Segments of their own size are multiples of this.
const GRANULE: u64 = 2 * MIB;
/// A block that is never split serves requests that are smaller by less than this.
const ROUNDING: u64 = LARGE_SEGMENT;
/// Powers of two for which the setting that rounds up has its own number of steps: from 1 MiB to 32 GiB.
pub(crate) const POWERS: usize = 16;

/// What a setting begins with that an import keeps as a mark.
pub use memtrace_format::well_known::ALLOCATOR_SETTING as SETTING;

/// Which part of a pool serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Requests of up to 1 MiB.
    Small,
    /// Larger ones.
    Large,
}

/// The rules of an allocator.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Whether segments grow where they are, instead of new ones being reserved.
    pub expandable_segments: bool,
    /// Blocks of this size or more are never split.
    pub max_split_size: u64,
    /// The part of what may be reserved from which on idle segments are given back; 0 for never.
    pub(crate) garbage_collection_threshold: f64,
    /// In how many steps sizes between two powers of two are rounded up.
    pub(crate) divisions: [u64; POWERS],
    /// What is asked for is what is handed out and what is reserved: nothing is known of the allocator.
    pub(crate) plain: bool,
}

impl Default for Rules {
    /// PyTorch's, without settings.
    fn default() -> Self {
        Self {
            expandable_segments: false,
            max_split_size: u64::MAX,
            garbage_collection_threshold: 0.0,
            divisions: [0; POWERS],
            plain: false,
        }
    }
}

impl Rules {
    /// The least that an allocator must do: a block is as long as what was asked for, and so is a segment.
    pub(crate) fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// PyTorch's rules with what settings say, in the words that imports keep. What is not understood is as by default.
    pub(crate) fn with_settings<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut rules = Self::default();
        for text in texts {
            let Some((name, value)) = text.strip_prefix(SETTING).and_then(|text| text.split_once('=')) else {
                continue;
            };
            match name {
                "expandable_segments" => rules.expandable_segments = value == "true",
                // Without a limit it is −1.
                "max_split_size" => rules.max_split_size = value.parse().unwrap_or(u64::MAX),
                "garbage_collection_threshold" => {
                    let threshold = value.parse().ok().filter(|threshold: &f64| threshold.is_finite());
                    rules.garbage_collection_threshold = threshold.unwrap_or_default();
                }
                "roundup_power2_divisions" => {
                    let entries = value.trim_start_matches('{').trim_end_matches('}').split(',');
                    for (key, steps) in entries.filter_map(|entry| entry.split_once(':')) {
                        if let (Ok(mib), Ok(steps)) = (key.parse(), steps.parse()) {
                            rules.divide(mib, steps);
                        }
                    }
                }
                _ => {}
            }
        }
        rules
    }

    /// Of a heap that has segments which grow where they are, whatever is said of its settings.
    pub(crate) fn of_heap(self, grows: bool) -> Self {
        Self { expandable_segments: self.expandable_segments || (grows && !self.plain), ..self }
    }

    /// Sizes from this power of two of MiB on are rounded up in so many steps.
    pub fn divide(&mut self, mib: u64, steps: u64) {
        let place = mib.checked_ilog2().map_or(POWERS, |power| power as usize);
        if let Some(place) = self.divisions.get_mut(place) {
            *place = steps;
        }
    }

    /// The settings that are not as by default, as a user would write them.
    pub(crate) fn settings(&self) -> Vec<String> {
        let mut settings = Vec::new();
        if self.expandable_segments {
            settings.push("expandable_segments:True".to_owned());
        }
        if self.max_split_size != u64::MAX {
            settings.push(format!("max_split_size_mb:{}", self.max_split_size / MIB));
        }
        if self.garbage_collection_threshold > 0.0 {
            settings.push(format!("garbage_collection_threshold:{}", self.garbage_collection_threshold));
        }
        if let Some(steps) = self.divisions.iter().max().filter(|&&steps| steps > 1) {
            settings.push(format!("roundup_power2_divisions:{steps}"));
        }
        settings
    }

    /// The size of a block for a request.
    pub fn rounded(&self, requested: u64) -> u64 {
        if self.plain {
            return requested.max(1);
        }
        if requested < MIN_BLOCK {
            return MIN_BLOCK;
        }
        let power = requested.ilog2().saturating_sub(SMALL.ilog2()) as usize;
        let steps = self.divisions[power.min(POWERS - 1)];
        if steps > 1 && requested > MIN_BLOCK.saturating_mul(steps) {
            let floor = 1 << requested.ilog2();
            let step = floor >> steps.ilog2();
            return match requested % step.max(1) {
                _ if requested == floor => requested,
                _ if step == 0 => floor.saturating_mul(2),
                0 => requested,
                over => requested.saturating_add(step - over),
            };
        }
        requested.checked_next_multiple_of(MIN_BLOCK).unwrap_or(u64::MAX)
    }

    /// Which part of a pool serves a block of this size.
    pub fn class(&self, block: u64) -> Class {
        if block <= SMALL && !self.plain { Class::Small } else { Class::Large }
    }

    /// The segment that is reserved for a block when nothing cached fits.
    pub(crate) fn segment(&self, block: u64) -> u64 {
        if self.plain {
            block
        } else if block <= SMALL {
            SMALL_SEGMENT
        } else if block < OWN_SEGMENT {
            LARGE_SEGMENT
        } else {
            block.checked_next_multiple_of(GRANULE).unwrap_or(u64::MAX)
        }
    }

    /// The step in which an expandable segment grows.
    pub(crate) fn step(&self, class: Class) -> u64 {
        match class {
            Class::Small => SMALL_SEGMENT,
            Class::Large => LARGE_SEGMENT,
        }
    }

    /// What one more device would have to be able to give for a block to be had: with expandable segments memory is mapped by
    /// the step, else it is reserved by the segment.
    pub(crate) fn needs(&self, block: u64) -> u64 {
        if self.expandable_segments && !self.plain {
            block.checked_next_multiple_of(self.step(self.class(block))).unwrap_or(u64::MAX)
        } else {
            self.segment(block)
        }
    }

    /// The largest block whose own segment the driver can give out of so much; 0 if it is none.
    pub(crate) fn largest_in(&self, room: u64) -> u64 {
        if self.plain {
            return room;
        }
        let step = if self.expandable_segments { LARGE_SEGMENT } else { GRANULE };
        let segment = room / step * step;
        if segment < OWN_SEGMENT { 0 } else { segment }
    }

    /// The largest request that a block of this size serves.
    pub(crate) fn largest_request(&self, block: u64) -> u64 {
        if self.plain {
            return block;
        }
        let mut request = block / MIN_BLOCK * MIN_BLOCK;
        if request > 0 && self.rounded(request) > block {
            let steps = self.divisions.iter().copied().max().unwrap_or(1).max(1);
            let step = ((1 << request.ilog2()) >> steps.ilog2()).max(1);
            request = request / step * step;
        }
        if self.rounded(request) > block { 0 } else { request }
    }

    /// Whether a block of `size` is cut from a free one, if `rest` is left over. The large pool leaves up to 1 MiB uncut, for
    /// it could serve no request of that pool.
    pub fn splits(&self, class: Class, expandable: bool, size: u64, rest: u64) -> bool {
        if self.plain {
            rest > 0
        } else if class == Class::Small || expandable || self.expandable_segments {
            rest >= MIN_BLOCK
        } else {
            size < self.max_split_size && rest > SMALL
        }
    }

    /// Whether a free block of `found` bytes may serve a block of `size`: those that are never split are kept for such as need
    /// them.
    pub(crate) fn may_serve(&self, size: u64, found: u64) -> bool {
        if size < self.max_split_size {
            found < self.max_split_size
        } else {
            found < size.saturating_add(ROUNDING)
        }
    }

    /// The settings that a user could try for a request of so many bytes, each alone.
    pub(crate) fn remedies(&self, requested: u64) -> Vec<(String, Self)> {
        let mut remedies = Vec::new();
        if !self.expandable_segments {
            let rules = Self { expandable_segments: true, ..self.clone() };
            remedies.push((format!("{CONFIGURATION}expandable_segments:True"), rules));
        }
        // What is not split is kept for requests of that size and more.
        for size in [64, 128, 256, 512].map(|mib| mib * MIB).into_iter().filter(|&size| size <= requested) {
            if self.max_split_size != size && !self.expandable_segments {
                let rules = Self { max_split_size: size, ..self.clone() };
                remedies.push((format!("{CONFIGURATION}max_split_size_mb:{}", size / MIB), rules));
            }
        }
        remedies
    }
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.plain {
            return f.write_str("blocks and segments as recorded");
        }
        f.write_str("PyTorch's rules")?;
        match self.settings() {
            settings if settings.is_empty() => Ok(()),
            settings => write!(f, " with {}", settings.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_rounded_like_the_allocator_does() {
        let plain = Rules::default();
        assert_eq!(
            [0, 1, 512, 513, MIB + 1].map(|size| plain.rounded(size)),
            [512, 512, 512, 1024, MIB + 512]
        );
        // The setting's own example: 1200 MiB with four steps between 1024 and 2048.
        let steps = Rules { divisions: [4; POWERS], ..plain };
        assert_eq!(steps.rounded(1200 * MIB), 1280 * MIB);
        assert_eq!(steps.rounded(1024 * MIB), 1024 * MIB);
        assert_eq!(steps.rounded(2048), 2048, "not larger than 512 times the steps");
        assert_eq!(steps.rounded(2049), 2560);
    }

    #[test]
    fn segments_are_2_mib_20_mib_or_as_large_as_the_block() {
        let rules = Rules::default();
        let sizes = [512, MIB, MIB + 512, 10 * MIB - 512, 10 * MIB, 10 * MIB + 512];
        assert_eq!(sizes.map(|size| rules.segment(size) / MIB), [2, 2, 20, 20, 10, 12]);
        assert_eq!(Rules::plain().segment(5), 5);
    }

    #[test]
    fn blocks_beyond_the_limit_are_not_split_and_serve_only_their_like() {
        let rules = Rules { max_split_size: 64 * MIB, ..Rules::default() };
        assert!(rules.splits(Class::Large, false, 63 * MIB, 2 * MIB));
        assert!(!rules.splits(Class::Large, false, 64 * MIB, 2 * MIB));
        assert!(!rules.may_serve(20 * MIB, 64 * MIB), "kept for a large request");
        assert!(rules.may_serve(64 * MIB, 83 * MIB));
        assert!(!rules.may_serve(64 * MIB, 84 * MIB), "20 MiB too much");
    }

    #[test]
    fn settings_are_read_as_imports_keep_them() {
        let texts = [
            "allocator_settings.max_split_size=134217728",
            "allocator_settings.expandable_segments=false",
            "allocator_settings.roundup_power2_divisions={1:4,1024:8}",
            "allocator_settings.PYTORCH_CUDA_ALLOC_CONF=",
            "job",
        ];
        let rules = Rules::with_settings(texts);
        assert_eq!(rules.max_split_size, 128 * MIB);
        assert_eq!((rules.divisions[0], rules.divisions[10], rules.divisions[1]), (4, 8, 0));
        assert_eq!(Rules::with_settings(["allocator_settings.max_split_size=-1"]), Rules::default());
        assert_eq!(
            rules.to_string(),
            "PyTorch's rules with max_split_size_mb:128,roundup_power2_divisions:8"
        );
    }
}
