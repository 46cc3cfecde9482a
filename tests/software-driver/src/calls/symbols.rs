//! Calls by name, as the CUDA runtime finds them.
//!
//! A program asks for a base name, `cuMemAlloc`, and the version it was built for; it gets the newest form that
//! version knows, `cuMemAlloc_v2`. The per-thread forms are the same functions, for a stream here is never behind.

use std::ptr;

use crate::boundary::{Out, Text, driver_calls};
use crate::calls::{self, Symbol};
use crate::code::Code;

/// `CUdriverProcAddressQueryResult`.
const FOUND: i32 = 0;
const NOT_FOUND: i32 = 1;
const VERSION_NOT_SUFFICIENT: i32 = 2;

driver_calls! {
    fn cuGetProcAddress(symbol: Text, entry: Out<*const ()>, version: i32, _flags: u64) {
        answer(entry, look_up(&symbol, version).0)
    }

    fn cuGetProcAddress_v2(
        symbol: Text,
        entry: Out<*const ()>,
        version: i32,
        _flags: u64,
        status: Out<i32>,
    ) {
        let (found, outcome) = look_up(&symbol, version);
        status.set_if_wanted(outcome);
        answer(entry, found)
    }
}

fn answer(entry: Out<*const ()>, found: Option<&Symbol>) -> Result<(), Code> {
    match found {
        Some(found) => entry.set(found.entry),
        None => entry.set(ptr::null()).and(Err(Code::NOT_FOUND)),
    }
}

/// The newest form of a call that `version` knows, and how the search went.
fn look_up(wanted: &Text, version: i32) -> (Option<&'static Symbol>, i32) {
    let Some(wanted) = wanted.read() else {
        return (None, NOT_FOUND);
    };
    let forms = || calls::exported().filter(|symbol| base_name(symbol.name).as_bytes() == wanted.to_bytes());
    let newest =
        forms().filter(|symbol| since(symbol.name) <= version).max_by_key(|symbol| since(symbol.name));
    match newest {
        Some(symbol) => (Some(symbol), FOUND),
        None if forms().next().is_some() => (None, VERSION_NOT_SUFFICIENT),
        None => (None, NOT_FOUND),
    }
}

fn base_name(name: &str) -> &str {
    ["_v2", "_v3", "_v4"].into_iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// The version of cuda.h that brought a call.
fn since(name: &str) -> i32 {
    match name {
        "cuGetProcAddress_v2" => 12000,
        "cuCtxCreate_v4" => 12050,
        "cuStreamGetCaptureInfo_v3" | "cuStreamBeginCaptureToGraph" => 12030,
        "cuMemcpyBatchAsync" => 12080,
        "cuDeviceGetUuid_v2" | "cuGraphInstantiateWithFlags" => 11040,
        "cuStreamGetCaptureInfo_v2" => 11030,
        "cuMemRetainAllocationHandle" => 11000,
        "cuStreamBeginCapture_v2" | "cuThreadExchangeStreamCaptureMode" => 10010,
        "cuLaunchHostFunc" | "cuStreamEndCapture" | "cuStreamIsCapturing" => 10000,
        "cuDevicePrimaryCtxRelease_v2" => 11000,
        "cuGetProcAddress" => 11030,
        "cuCtxDestroy_v2" | "cuCtxPopCurrent_v2" | "cuCtxPushCurrent_v2" => 4000,
        "cuStreamDestroy_v2" | "cuEventDestroy_v2" => 4000,
        _ if name.contains("MemPool") || name.starts_with("cuMemAllocAsync") || name == "cuMemFreeAsync" => {
            11020
        }
        _ if name.starts_with("cuGraph") => 10000,
        "cuMemAddressReserve"
        | "cuMemAddressFree"
        | "cuMemCreate"
        | "cuMemRelease"
        | "cuMemMap"
        | "cuMemUnmap" => 10020,
        "cuMemSetAccess" | "cuMemGetAccess" | "cuMemGetAllocationGranularity" => 10020,
        "cuMemExportToShareableHandle" | "cuMemImportFromShareableHandle" => 10020,
        _ if name.ends_with("_v2") => 3020,
        _ => 2000,
    }
}
