//! Names of phases and marks that mean the same in every log.

/// A phase in which an engine loads its weights. Its device is the one whose driver the same thread sampled last, or the
/// only one there is.
pub const WEIGHTS_PHASE: &str = "load weights";

/// A phase in which an engine tries itself out to see how much memory it needs. Its device is found as that of
/// [`WEIGHTS_PHASE`].
pub const PROFILE_PHASE: &str = "profile run";

/// A mark: caches were released because memory was short; its value is the bytes that came back.
pub const RELEASED_MARK: &str = "released under pressure";

/// How marks begin that say a setting of PyTorch's allocator, in force all through the recording:
/// `allocator_settings.max_split_size=-1`.
pub const ALLOCATOR_SETTING: &str = "allocator_settings.";

/// How marks begin that say of an imported recording what a reader of its figures should know.
pub const IMPORT_NOTE: &str = "import: ";

/// What another process has of a device's memory, in bytes: a counter of that device, whose name is this and the process's.
pub const OTHER_PROCESS: &str = "other process: ";

/// What an allocator says that it has handed out in all: a counter whose name is its heap's, followed by this.
pub const ALLOCATED_TOTAL: &str = " allocated, says its allocator";

/// What a program asked an allocator for in all, as that says: a counter, named likewise. Where there is one, sampled or not, block events
/// do not tell what was asked for, and the bytes asked for in them mean nothing.
pub const REQUESTED_TOTAL: &str = " requested, says its allocator";

/// What an allocator says that it has reserved in all, named likewise.
pub const RESERVED_TOTAL: &str = " reserved, says its allocator";
