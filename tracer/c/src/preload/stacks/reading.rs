//! Reading at addresses that somebody else has left in memory.

/// What is at an address. With care: `None` where nothing can be.
///
/// Without care it is for addresses that CPython itself goes by: those of this thread's frames and of what these keep.
#[inline(always)]
pub(super) fn read<T: Copy, const WITH_CARE: bool>(address: usize) -> Option<T> {
    const { assert!(size_of::<T>() <= size_of::<u64>()) };
    if WITH_CARE && !(address.is_multiple_of(align_of::<T>()) && is_readable(address)) {
        return None;
    }
    // SAFETY: it can be read, as was just found; or it is a field of a structure that the interpreter keeps for a call that is
    // under way, by a layout that was found to be true in this process.
    Some(unsafe { std::ptr::with_exposed_provenance::<T>(address).read() })
}

/// Whether the eight bytes around an address can be read. The kernel says so: it copies a set of signals from there before it
/// finds that it is not told what to do with it.
fn is_readable(address: usize) -> bool {
    const NOTHING: i32 = -1;
    const SET: usize = size_of::<u64>();
    let around = address & !(SET - 1);
    // SAFETY: the kernel looks at the address with care, and changes nothing.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, NOTHING, around, 0_usize, SET) };
    // SAFETY: the place is this thread's own.
    around != 0 && result == -1 && unsafe { *libc::__errno_location() } == libc::EINVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_leads_nowhere_is_not_followed() {
        let word = 0x0707_0707_0707_0707_u64;
        let address = std::ptr::from_ref(&word).expose_provenance();
        assert_eq!(read::<u64, true>(address), Some(word));
        assert_eq!(read::<u8, true>(address + 3), Some(7));
        for nowhere in [0, 8, address + 1, 1 << 60, usize::MAX - 7] {
            assert_eq!(read::<u64, true>(nowhere), None, "{nowhere:#x}");
        }
    }
}
