//! Stores into the mapped file that fail, and what becomes of them.
//!
//! Room on the disk is allocated before a page is mapped, and still a store can fail: the file was made shorter by somebody, or
//! it lies where a page that was written to the disk is copied before it changes (a snapshot, a reflink), and the disk has no
//! room for the copy. The kernel then sends SIGBUS. Memory of the process's own takes the page's place, the store goes there,
//! and recording stops.
//!
//! All of this runs in a signal handler: it takes no lock and allocates nothing.

use std::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use memtrace_format::{CHUNK_BYTES, DropCause};

use super::extent::EXTENT_CHUNKS;
use crate::{bus_error, cursor, session, state};

/// A mapped part of the file. Regions are never given back, but used again: a handler walks through their list.
pub(super) struct Region {
    /// Zero: nothing is mapped.
    start: AtomicUsize,
    bytes: AtomicUsize,
    /// A forked child has its parent's list, but not the mappings.
    process: AtomicU32,
    /// A bit for each chunk in which memory lies that is not the file's.
    damaged: [AtomicU64; EXTENT_CHUNKS.1 as usize / 64],
    next: *const Region,
}

// SAFETY: `next` is written before a region is in the list, and regions live for ever.
unsafe impl Send for Region {}
// SAFETY: as above; everything else is an atomic.
unsafe impl Sync for Region {}

static REGIONS: AtomicPtr<Region> = AtomicPtr::new(ptr::null_mut());

/// Whether a store failed since the recording began.
static HAPPENED: AtomicBool = AtomicBool::new(false);

/// Events whose store failed and that nobody counted yet.
static LOST: AtomicU64 = AtomicU64::new(0);

/// A recording begins in this process: none of its stores has failed.
pub(super) fn begin() {
    HAPPENED.store(false, Ordering::Relaxed);
    LOST.store(0, Ordering::Relaxed);
    // SAFETY: it has no arguments.
    let own = unsafe { libc::getpid() }.cast_unsigned();
    regions().filter(|region| region.process.load(Ordering::Relaxed) != own).for_each(Region::forget);
    bus_error::stay_first();
}

/// Whether a store failed.
pub(super) fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

/// How many events were lost since the last call because their store failed.
pub(super) fn take_lost() -> u64 {
    LOST.swap(0, Ordering::Relaxed)
}

/// Whether something else than the file lies in the chunk that begins at `start`.
pub(super) fn is_damaged(start: *const u8) -> bool {
    happened()
        && find(start.addr()).is_some_and(|(region, chunk)| {
            region.damaged[chunk / 64].load(Ordering::Relaxed) & 1 << (chunk % 64) != 0
        })
}

/// Faults in `bytes` bytes from `start` on, which were just mapped, are seen to from now on.
pub(super) fn watch(start: *const u8, bytes: usize) -> &'static Region {
    // SAFETY: it has no arguments.
    let process = unsafe { libc::getpid() }.cast_unsigned();
    let region =
        regions().find(|region| region.start.load(Ordering::Relaxed) == 0).unwrap_or_else(add_region);
    region.bytes.store(bytes, Ordering::Relaxed);
    region.damaged.iter().for_each(|damaged| damaged.store(0, Ordering::Relaxed));
    region.process.store(process, Ordering::Relaxed);
    // Last, so that a handler that finds it finds the rest.
    region.start.store(start.addr(), Ordering::Release);
    region
}

impl Region {
    /// What is there will be unmapped: a fault there is somebody else's from now on.
    pub(super) fn forget(&self) {
        self.start.store(0, Ordering::Release);
    }

    /// The chunk that the address lies in.
    fn chunk_of(&self, address: usize) -> Option<usize> {
        let start = self.start.load(Ordering::Acquire);
        let offset = address.checked_sub(start).filter(|_| start != 0)?;
        (offset < self.bytes.load(Ordering::Relaxed)).then_some(offset / CHUNK_BYTES)
    }
}

/// Only the helper adds regions, and there is one helper.
fn add_region() -> &'static Region {
    let next = REGIONS.load(Ordering::Relaxed);
    let region = Box::leak(Box::new(Region {
        start: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        process: AtomicU32::new(0),
        damaged: Default::default(),
        next,
    }));
    REGIONS.store(region, Ordering::Release);
    region
}

fn regions() -> impl Iterator<Item = &'static Region> {
    // SAFETY: null, or a region, which is never given back.
    let first = unsafe { REGIONS.load(Ordering::Acquire).as_ref() };
    // SAFETY: as above.
    std::iter::successors(first, |region| unsafe { region.next.as_ref() })
}

fn find(address: usize) -> Option<(&'static Region, usize)> {
    regions().find_map(|region| Some((region, region.chunk_of(address)?)))
}

/// In a handler of SIGBUS, on the thread whose access to `address` failed: puts memory of the process's own there, if the
/// file was, and stops recording. `false`: it is none of ours.
pub(crate) fn mend(address: usize) -> bool {
    let Some((region, chunk)) = find(address) else { return false };
    // SAFETY: getpid and sysconf take no pointers. The page lies in a mapping of the tracer's, as `find` says, which this
    // process has, for it made it: what is there goes.
    let mended = unsafe {
        if region.process.load(Ordering::Relaxed) != libc::getpid().cast_unsigned() {
            return false;
        }
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let place = ptr::without_provenance_mut(address & !(page - 1));
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        libc::mmap(place, page, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) != libc::MAP_FAILED
    };
    if mended {
        region.damaged[chunk / 64].fetch_or(1 << (chunk % 64), Ordering::Relaxed);
        // The helper, which is excluded, loses nothing: what it writes is of its own.
        if !cursor::is_excluded() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        HAPPENED.store(true, Ordering::Relaxed);
        state::stop();
        if let Some(session) = session::begun() {
            // What is most likely; the helper, which can look at the file, says what it was.
            session.log.stop(DropCause::DiskFull);
            session.log.ring();
        }
    }
    mended
}

const _: () = assert!(EXTENT_CHUNKS.1.is_multiple_of(64), "whole words of bits");
