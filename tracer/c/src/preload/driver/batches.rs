//! Copies that are asked for many at once: a transfer for each pair of ends that some of them are between.

use std::{ffi::c_void, slice};

use memtrace_tracer::Bytes;

use super::{
    Code, Handle,
    copies::{self, End, UnderWay},
    hooked,
};
use crate::preload::records;

hooked! {
    12080 fn [cuMemcpyBatchAsync cuMemcpyBatchAsync_ptsz](
        to: *const u64,
        from: *const u64,
        bytes: *const usize,
        count: usize,
        attributes: *const c_void,
        indices: *const usize,
        attribute_count: usize,
        failed: *mut usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let call = || unsafe { next(to, from, bytes, count, attributes, indices, attribute_count, failed, stream) };
        // SAFETY: the caller passes as many of each as it says.
        unsafe { copy([to, from], bytes, count, call) }
    }

    13000 fn [cuMemcpyBatchAsync_v2 cuMemcpyBatchAsync_v2_ptsz](
        to: *const u64,
        from: *const u64,
        bytes: *const usize,
        count: usize,
        attributes: *const c_void,
        indices: *const usize,
        attribute_count: usize,
        stream: Handle,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let call = || unsafe { next(to, from, bytes, count, attributes, indices, attribute_count, stream) };
        // SAFETY: as above.
        unsafe { copy([to, from], bytes, count, call) }
    }
}

/// The most pairs of ends that are told apart; what is between further ones counts to the last.
const MOST_PAIRS: usize = 16;

/// # Safety
///
/// All pointers are null, or lead to `count` numbers.
unsafe fn copy(
    [to, from]: [*const u64; 2],
    bytes: *const usize,
    count: usize,
    call: impl FnOnce() -> Code,
) -> Code {
    if !records() || count == 0 || to.is_null() || from.is_null() || bytes.is_null() {
        return call();
    }
    // SAFETY: the caller says so.
    let (to, from, bytes) = unsafe {
        (
            slice::from_raw_parts(to, count),
            slice::from_raw_parts(from, count),
            slice::from_raw_parts(bytes, count),
        )
    };
    let mut pairs: [Option<(End, End, usize)>; MOST_PAIRS] = [None; MOST_PAIRS];
    for ((&to, &from), &bytes) in to.iter().zip(from).zip(bytes) {
        let ends = (copies::either(from), copies::either(to));
        let same = |pair: &Option<(End, End, usize)>| pair.is_none_or(|(from, to, _)| (from, to) == ends);
        let place = pairs.iter().position(same).unwrap_or(MOST_PAIRS - 1);
        let pair = pairs[place].get_or_insert((ends.0, ends.1, 0));
        pair.2 = pair.2.saturating_add(bytes);
    }
    let under_way =
        pairs.map(|pair| pair.map(|(from, to, bytes)| UnderWay::begin(from, to, Bytes(bytes as u64))));
    let code = call();
    under_way.into_iter().flatten().for_each(|copy| copy.end(code));
    code
}
