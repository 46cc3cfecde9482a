//! The keys of a snapshot's dicts.

use crate::pickle::Key;

/// A key of a snapshot's dicts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) key: Key,
    pub(super) text: &'static str,
}

/// Declares the keys in the order in which the pickle's reader numbers them.
macro_rules! keys {
    ($($name:ident = $text:literal,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names of constants")]
        enum Number { $($name,)* }

        $(pub(super) const $name: Name = Name { key: Key(Number::$name as u8), text: $text };)*

        /// The keys, for the pickle's reader.
        pub(super) const KEYS: &[&str] = &[$($text,)*];
    };
}

keys! {
    SEGMENTS = "segments",
    DEVICE_TRACES = "device_traces",
    ALLOCATOR_SETTINGS = "allocator_settings",
    EXTERNAL_ANNOTATIONS = "external_annotations",
    HOST_SEGMENTS = "host_segments",
    HOST_TRACES = "host_traces",
    DEVICE = "device",
    ADDRESS = "address",
    TOTAL_SIZE = "total_size",
    STREAM = "stream",
    SEGMENT_TYPE = "segment_type",
    SEGMENT_POOL_ID = "segment_pool_id",
    IS_EXPANDABLE = "is_expandable",
    BLOCKS = "blocks",
    SIZE = "size",
    REQUESTED_SIZE = "requested_size",
    STATE = "state",
    HISTORY = "history",
    REAL_SIZE = "real_size",
    ACTION = "action",
    ADDR = "addr",
    DEVICE_FREE = "device_free",
    TIME_US = "time_us",
    POOL_ID = "pool_id",
    USER_METADATA = "user_metadata",
    FRAMES = "frames",
    NAME = "name",
    FILENAME = "filename",
    LINE = "line",
    STAGE = "stage",
    EXPANDABLE_SEGMENTS = "expandable_segments",
    MAX_SPLIT_SIZE = "max_split_size",
    ROUNDUP_POWER2_DIVISIONS = "roundup_power2_divisions",
}
