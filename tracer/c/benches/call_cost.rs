//! The cost of an event through `libmemtrace.so`, opened with `dlopen` (so its thread-local values are of the slow kind),
//! beside the same event of a tracer that is built in, and the floor F. Each tracer has a log of its own.
//!
//! `cargo bench -p memtrace-c` prints the table; `-- --smoke` runs a few rounds to see that it works.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    mem,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use memtrace_measure::{Case, Floor, Pace, Table, measure};
use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Options};

fn main() {
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");
    let library = Library::open();
    // SAFETY: these are the functions' types in memtrace.h.
    let (start, heap_define, pool_define, block_free) = unsafe {
        (
            library.function::<unsafe extern "C" fn(*const c_char, u64, u32) -> bool>(c"memtrace_start"),
            library.function::<unsafe extern "C" fn(*const c_char, u32, u32) -> u32>(c"memtrace_heap_define"),
            library.function::<unsafe extern "C" fn(u32, *const c_char, u64) -> u16>(c"memtrace_pool_define"),
            library.function::<extern "C" fn(u16, u64, u64)>(c"memtrace_block_free"),
        )
    };
    let log =
        CString::new(folder.path().join("c.trace").as_os_str().as_bytes()).expect("paths have no zeros");
    // SAFETY: the strings are strings.
    let pool = unsafe {
        assert!(start(log.as_ptr(), 0, 0), "the log can be made");
        pool_define(heap_define(c"cuda:0".as_ptr(), MemoryKind::Device as u32, 0), c"".as_ptr(), 0)
    };
    memtrace_tracer::start(&Options::new(folder.path().join("rust.trace"))).expect("the log can be made");
    let built_in = Heap::define("cuda:0", MemoryKind::Device, None).pool("", 0);

    let rounds = if memtrace_measure::smoke_bench() { 3 } else { 200 };
    let floor = Floor::populated(folder.path());
    let [f, rust, c] = measure(
        rounds,
        Pace::Steady,
        [
            Case::new("floor F", 1, |i| floor.record(i)),
            Case::new("block free, built in", 1, |i| built_in.block_free(Address(i), Bytes(512))),
            Case::new("block free, libmemtrace.so", 1, |i| block_free(pool, i, 512)),
        ],
    );
    Table::new("enabled, one thread", &[("x F", &f), ("x Rust", &rust)]).rows([&f, &rust, &c]);
}

/// The library, built as this benchmark is.
struct Library(*mut c_void);

impl Library {
    fn open() -> Self {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let build = escargot::CargoBuild::new().manifest_path(manifest).release();
        for message in build.exec().expect("cargo runs") {
            let message = message.expect("the library builds");
            if let Ok(escargot::format::Message::CompilerArtifact(artifact)) = message.decode()
                && let Some(path) = artifact.filenames.iter().find(|path| path.ends_with("libmemtrace.so"))
            {
                return Self::at(path);
            }
        }
        panic!("memtrace-c makes no libmemtrace.so");
    }

    fn at(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).expect("paths have no zeros");
        // SAFETY: the path is a string, and the library's constructor does nothing while no variable asks it to record.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{path:?} can be opened");
        Self(handle)
    }

    /// # Safety
    ///
    /// `F` is the type of the function of this name.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> F {
        // SAFETY: the handle is open for ever, and the name is a string.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null() && size_of::<F>() == size_of::<*mut c_void>(), "{name:?} is exported");
        // SAFETY: the caller vouches for the type, and the sizes are the same.
        unsafe { mem::transmute_copy(&symbol) }
    }
}
