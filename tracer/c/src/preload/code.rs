//! The files of machine code in the process: which one an address is of, and how that file is told from others of its name.

use std::{
    env,
    ffi::{CStr, c_char, c_int, c_void},
    fmt::Write as _,
    mem::MaybeUninit,
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::{self, Path},
    ptr, slice,
};

use super::next::Next;

/// A file of code in the process, which stays loaded as long as it is looked at: some call that is under way is in it.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    /// Its path; empty, or what the user typed, of the program itself. A string, as long as it is loaded.
    file: *const c_char,
    /// Where it is loaded, with its headers first.
    base: *const u8,
    /// Where the index of its tables for unwinding is; null if nobody says so without a lock.
    index: *const u8,
}

/// Tables for unwinding, by their addresses in the process: `.eh_frame_hdr`, which is the index, and `.eh_frame`.
pub(crate) struct Tables {
    pub(crate) index: Range<usize>,
    pub(crate) frames: Range<usize>,
}

/// Finds out how files are looked for. Once: a search in vain asks the program's allocator for room for what it says of that.
pub(crate) fn prepare() {
    FIND.get();
}

impl Code {
    /// What the code at `instruction` is from. `None`: it was made at run time.
    pub(crate) fn around(instruction: usize) -> Option<Self> {
        match FIND.known() {
            Some(find) => Self::found(find, instruction),
            None => Self::asked_for(instruction),
        }
    }

    fn found(find: FindObject, instruction: usize) -> Option<Self> {
        let mut found = MaybeUninit::<Found>::zeroed();
        // SAFETY: the place is valid to write to, and is written to where the call succeeds; then the linker's description of
        // the file is there as long as the file is.
        unsafe {
            if find(ptr::with_exposed_provenance(instruction), found.as_mut_ptr()) != 0 {
                return None;
            }
            let found = found.assume_init();
            let (base, index) = (found.start.cast(), found.index.cast());
            Some(Self { file: (*found.file).path, base, index })
        }
    }

    /// As [`found`](Self::found), before glibc 2.35: under the loader's lock.
    fn asked_for(instruction: usize) -> Option<Self> {
        let mut found = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: the place is valid to write to, and is written to where the call succeeds. What is in a call is not
        // unloaded, and the names of what stays loaded stay.
        unsafe {
            if libc::dladdr(ptr::with_exposed_provenance(instruction), found.as_mut_ptr()) == 0 {
                return None;
            }
            let found = found.assume_init();
            let base = found.dli_fbase.cast_const().cast();
            Some(Self { file: found.dli_fname, base, index: ptr::null() })
        }
    }

    /// Keeps it loaded to the end of the process.
    pub(crate) fn keep(self) {
        const FOR_GOOD: c_int = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // SAFETY: it is a string; nothing is loaded that is not there. The program itself has no name, and stays by itself.
        unsafe { libc::dlopen(self.file, FOR_GOOD) };
    }

    /// Whether it is the same file as `other`, loaded once.
    pub(crate) fn is(self, other: Self) -> bool {
        self.file == other.file && self.base == other.base && self.index == other.index
    }

    /// Whether it has tables for unwinding that are found without a lock.
    pub(crate) fn has_tables(self) -> bool {
        !self.index.is_null()
    }

    /// Its tables for unwinding, if they are as linkers make them.
    pub(crate) fn tables(self) -> Option<Tables> {
        /// An address told as the distance from where that is written, in 32 bits.
        const DISTANCE: u8 = 0x1b;
        const DISTANCE_AT: usize = 4;
        let bias = self.bias()?;
        let parts = |kind| {
            let parts = self.headers()?.iter().filter(move |part| part.p_type == kind);
            Some(parts.map(move |part| {
                let start = bias.wrapping_add(part.p_vaddr as usize);
                start..start.wrapping_add(part.p_memsz as usize)
            }))
        };
        let index = parts(libc::PT_GNU_EH_FRAME)?.find(|part| part.start == self.index.addr())?;
        if index.len() < DISTANCE_AT + size_of::<i32>() {
            return None;
        }
        // SAFETY: the index lies in a part that is loaded, and is as long as that.
        let (form, distance) =
            unsafe { (*self.index.add(1), self.index.add(DISTANCE_AT).cast::<i32>().read_unaligned()) };
        let start = (index.start + DISTANCE_AT).wrapping_add_signed(distance as isize);
        let part = parts(libc::PT_LOAD)?.find(|part| part.contains(&start)).filter(|_| form == DISTANCE)?;
        Some(Tables { index, frames: start..part.end })
    }

    /// Where it is loaded.
    pub(crate) fn base(self) -> usize {
        self.base.addr()
    }

    fn file(self) -> &'static CStr {
        // SAFETY: it is loaded as long as it is looked at.
        unsafe { CStr::from_ptr(self.file) }
    }

    pub(crate) fn file_name(self) -> &'static str {
        let path = self.file().to_str().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn is_this_library(self) -> bool {
        Self::around(Self::around as *const () as usize).is_some_and(|this| this.base == self.base)
    }

    pub(crate) fn is_the_program(self) -> bool {
        // SAFETY: getauxval reads a constant of the process.
        let entry = unsafe { libc::getauxval(libc::AT_ENTRY) } as usize;
        Self::around(entry).is_some_and(|program| program.base == self.base)
    }

    /// The addresses at which it is loaded.
    pub(crate) fn range(self) -> Option<Range<usize>> {
        let end = self.headers()?.iter().filter(|part| part.p_type == libc::PT_LOAD);
        let end = end.map(|part| (part.p_vaddr + part.p_memsz) as usize).max()?;
        Some(self.base()..self.bias()?.wrapping_add(end))
    }

    /// What is to be taken from an address in the process to have it as the file numbers addresses.
    pub(crate) fn bias(self) -> Option<usize> {
        let first = self.headers()?.iter().find(|part| part.p_type == libc::PT_LOAD)?;
        Some(self.base().wrapping_sub((first.p_vaddr - first.p_offset) as usize))
    }

    /// Its path, `#`, and its build id, if it has one: `docs/format.md` has it so.
    pub(crate) fn identity(self) -> String {
        let path = Path::new(std::ffi::OsStr::from_bytes(self.file().to_bytes()));
        let path = if self.is_the_program() { env::current_exe() } else { path::absolute(path) }
            .unwrap_or_else(|_| path.to_owned());
        let mut identity = path.to_string_lossy().into_owned();
        if let Some(build) = self.build_id() {
            identity.push('#');
            for byte in build {
                let _ = write!(identity, "{byte:02x}");
            }
        }
        identity
    }

    /// The note that the linker has left of the build.
    fn build_id(self) -> Option<&'static [u8]> {
        const BUILD_ID: u32 = 3;
        const HEADER: usize = 12;
        for part in self.headers()?.iter().filter(|part| part.p_type == libc::PT_NOTE) {
            let start = ptr::with_exposed_provenance::<u8>(self.bias()?.wrapping_add(part.p_vaddr as usize));
            // SAFETY: notes lie in a part that is loaded, as long as its header says.
            let mut notes = unsafe { slice::from_raw_parts(start, part.p_filesz as usize) };
            while let Some((header, rest)) = notes.split_at_checked(HEADER) {
                let number = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_ne_bytes) as usize;
                let (name, content) = (number(0), number(4));
                let padded = |length: usize| length.checked_next_multiple_of(4);
                let (name_end, content_end) = (padded(name)?, padded(content)?);
                if number(8) as u32 == BUILD_ID && rest.starts_with(b"GNU\0") {
                    return rest.get(name_end..)?.get(..content);
                }
                notes = rest.get(name_end.checked_add(content_end)?..)?;
            }
        }
        None
    }

    fn headers(self) -> Option<&'static [libc::Elf64_Phdr]> {
        // SAFETY: a file is loaded from its first page on, which begins with its header. What is something else is told by its
        // first bytes. The program headers follow in the same part.
        unsafe {
            let header = &*self.base.cast::<libc::Elf64_Ehdr>();
            let is_whole = header.e_ident.starts_with(b"\x7fELF")
                && usize::from(header.e_phentsize) == size_of::<libc::Elf64_Phdr>();
            let first = self.base.add(header.e_phoff as usize).cast();
            is_whole.then(|| slice::from_raw_parts(first, usize::from(header.e_phnum)))
        }
    }
}

/// `struct dl_find_object`
#[repr(C)]
struct Found {
    flags: u64,
    start: *const c_void,
    end: *const c_void,
    file: *const LinkMap,
    /// Where the index of its tables for unwinding is.
    index: *const c_void,
    /// Room for what glibc may add.
    rest: [u64; 9],
}

/// The beginning of `struct link_map`.
#[repr(C)]
struct LinkMap {
    bias: usize,
    path: *const c_char,
}

type FindObject = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;

// SAFETY: this is its type in dlfcn.h, since glibc 2.35.
static FIND: Next<FindObject> = unsafe { Next::named(c"_dl_find_object") };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_as_its_file_numbers_it() {
        let address = an_address_is_told_as_its_file_numbers_it as *const () as usize;
        for code in [Code::around(address), Code::asked_for(address)] {
            let code = code.expect("it is code of this program");
            assert!(code.is_the_program() && code.range().is_some_and(|range| range.contains(&address)));
            let program = env::current_exe().map(|path| path.to_string_lossy().into_owned());
            let identity = code.identity();
            assert_eq!(identity.split('#').next(), program.as_deref().ok());
            assert!(identity.split('#').nth(1).is_none_or(|build| build.len() >= 16), "{identity}");
            assert!(code.bias().is_some_and(|bias| bias <= code.base()));
            let range = code.range().expect("it is loaded");
            let tables = code.has_tables().then(|| code.tables().expect("a linker made them"));
            assert!(
                tables.is_none_or(
                    |tables| range.contains(&tables.index.start) && tables.frames.end <= range.end
                )
            );
        }
        assert!(Code::around(8).is_none());
    }
}
