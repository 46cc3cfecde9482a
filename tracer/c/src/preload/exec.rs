//! A process that becomes another program: `python` is a script that becomes `env`, which becomes a shell, which becomes
//! Python. It is the same process, so it goes on being recorded, though its children are not.
//!
//! What was live before is gone with the old program, and so is the use of its log: the new program is told which one that is,
//! and puts its own in the place of it. Until then it stays, for a program may fail to become another.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::naked_asm;
use std::{
    env,
    ffi::{CStr, CString, c_char, c_int},
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    process, ptr,
    sync::OnceLock,
};

use super::{active, keeping_errno, next::next, pages};

type Texts = *const *const c_char;

next! {
    EXECVE = execve(*const c_char, Texts, Texts) -> c_int;
    EXECVPE = execvpe(*const c_char, Texts, Texts) -> c_int;
    FEXECVE = fexecve(c_int, Texts, Texts) -> c_int;
}

/// What this program was told of the recording, as entries of the environment, for the next one of this process.
struct Told {
    /// What the library takes out of the environment for the sake of children.
    taken_out: Vec<CString>,
    /// What a program may have changed, but is not to lose with the rest of its environment.
    rest: Vec<CString>,
}

static TOLD: OnceLock<Told> = OnceLock::new();

/// What a program is told of the one before.
const SUCCEEDS: &str = "MEMTRACE_SUCCEEDS";

/// This program is recorded, and may become another.
pub(crate) fn begin() {
    look_up_all();
    let (mut taken_out, mut rest) = (Vec::new(), Vec::new());
    for (name, value) in env::vars_os() {
        let told = match name.as_bytes() {
            b"LD_PRELOAD" | b"MEMTRACE_RECORD" => &mut taken_out,
            name if name.starts_with(b"MEMTRACE_") && name != SUCCEEDS.as_bytes() => &mut rest,
            _ => continue,
        };
        told.extend(CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
    }
    let _ = TOLD.set(Told { taken_out, rest });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execve(path: *const c_char, arguments: Texts, environment: Texts) -> c_int {
    // SAFETY: whatever the caller passes is passed on.
    unsafe { become_another(environment, |environment| Some(EXECVE.get()?(path, arguments, environment))) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execv(path: *const c_char, arguments: Texts) -> c_int {
    // SAFETY: as `execve`, with the environment as it is.
    unsafe { execve(path, arguments, environ.cast_const()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvpe(file: *const c_char, arguments: Texts, environment: Texts) -> c_int {
    // SAFETY: whatever the caller passes is passed on.
    unsafe { become_another(environment, |environment| Some(EXECVPE.get()?(file, arguments, environment))) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvp(file: *const c_char, arguments: Texts) -> c_int {
    // SAFETY: as `execvpe`, with the environment as it is.
    unsafe { execvpe(file, arguments, environ.cast_const()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fexecve(file: c_int, arguments: Texts, environment: Texts) -> c_int {
    // SAFETY: whatever the caller passes is passed on.
    unsafe { become_another(environment, |environment| Some(FEXECVE.get()?(file, arguments, environment))) }
}

/// As `execv`, with the environment behind the null that ends the arguments.
unsafe extern "C" fn execv_with_environment(path: *const c_char, arguments: Texts) -> c_int {
    // SAFETY: the caller passes a list that ends with a null, and an environment behind it.
    unsafe {
        let mut end = arguments;
        while !(*end).is_null() {
            end = end.add(1);
        }
        execve(path, arguments, (*end.add(1)).cast())
    }
}

/// Functions that take their arguments one by one: calls of another with a list of them. All but the first few lie on the stack
/// as a list already; the first few, which are in registers, are put before them, in the place of the return address where that
/// is on the stack too.
#[cfg(target_arch = "x86_64")]
macro_rules! one_by_one {
    ($($name:ident as $list:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            unsafe extern "C" fn $name() -> c_int {
                naked_asm!(
                    "pop rax",
                    "push r9",
                    "push r8",
                    "push rcx",
                    "push rdx",
                    "push rsi",
                    "mov rsi, rsp",
                    "push rax",
                    "call {list}",
                    "pop rcx",
                    "add rsp, 40",
                    "jmp rcx",
                    list = sym $list,
                )
            }
        )*
    };
}

/// As above.
#[cfg(target_arch = "aarch64")]
macro_rules! one_by_one {
    ($($name:ident as $list:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            unsafe extern "C" fn $name() -> c_int {
                naked_asm!(
                    "stp x6, x7, [sp, #-16]!",
                    "stp x4, x5, [sp, #-16]!",
                    "stp x2, x3, [sp, #-16]!",
                    "stp x0, x1, [sp, #-16]!",
                    "add x1, sp, #8",
                    "stp x29, x30, [sp, #-16]!",
                    "bl {list}",
                    "ldp x29, x30, [sp], #16",
                    "add sp, sp, #64",
                    "ret",
                    list = sym $list,
                )
            }
        )*
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
one_by_one! {
    execl as execv;
    execlp as execvp;
    execle as execv_with_environment;
}

unsafe extern "C" {
    static mut environ: *mut *const c_char;
}

/// Runs `exec`, with what the new program needs added to `environment` if it is this process that becomes it. Returns only
/// if that fails.
unsafe fn become_another(environment: Texts, exec: impl FnOnce(Texts) -> Option<c_int>) -> c_int {
    // A child of vfork has none, for it is not its parent's that goes on in it.
    let session = if active() { memtrace_tracer::id_of_session() } else { None };
    let (Some(session), Some(told)) = (session, TOLD.get()) else { return exec(environment).unwrap_or(-1) };
    let predecessor = Predecessor::new(session);
    // SAFETY: the caller passes a list of strings that ends with a null, or null.
    let Some(extended) = (unsafe { Extended::new(environment, told, &predecessor) }) else {
        return exec(environment).unwrap_or(-1);
    };
    exec(extended.list).unwrap_or(-1)
}

/// The entry of the environment that says which log the new program's takes the place of. On the stack: an exec may come where
/// nothing may be allocated.
struct Predecessor([u8; Self::BYTES]);

impl Predecessor {
    /// The name, a process, a session, what stands between them, and a zero.
    const BYTES: usize = SUCCEEDS.len() + 1 + 10 + 1 + 32 + 1;

    fn new(session: u128) -> Self {
        let mut bytes = [0; Self::BYTES];
        // There is room, and a zero is left.
        let _ = write!(&mut bytes[..Self::BYTES - 1], "{SUCCEEDS}={}:{session:x}", process::id());
        Self(bytes)
    }

    fn entry(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(&self.0).ok()
    }
}

/// An environment with some entries put in, in pages of its own: it may be asked for where nothing may be allocated.
struct Extended {
    list: *mut *const c_char,
    bytes: usize,
}

impl Extended {
    /// # Safety
    ///
    /// `environment` is a list of strings that ends with a null, or null.
    unsafe fn new(environment: Texts, told: &'static Told, predecessor: &Predecessor) -> Option<Self> {
        let entries = |place: usize| {
            // SAFETY: it is asked in order, and no further than the null at the end.
            let entry = if environment.is_null() { ptr::null() } else { unsafe { *environment.add(place) } };
            // SAFETY: the caller says so.
            (!entry.is_null()).then(|| unsafe { CStr::from_ptr(entry) })
        };
        let texts = |list: &'static [CString]| list.iter().map(CString::as_c_str);
        let put_in = || texts(&told.taken_out).chain(predecessor.entry());
        let is_put_in = |entry: &&CStr| put_in().any(|new| same_name(entry, new));
        let is_there = |entry: &&CStr| (0..).map_while(entries).any(|there| same_name(entry, there));
        let all = || {
            let kept = (0..).map_while(entries).filter(|entry| !is_put_in(entry));
            put_in().chain(kept).chain(texts(&told.rest).filter(|entry| !is_there(entry)))
        };
        let bytes = (all().count() + 1) * size_of::<*const c_char>();
        let list: *mut *const c_char = keeping_errno(|| pages::zeroed(bytes)).cast();
        if list.is_null() {
            return None;
        }
        for (place, entry) in all().enumerate() {
            // SAFETY: there is room for all of them and for the null behind.
            unsafe { list.add(place).write(entry.as_ptr()) };
        }
        Some(Self { list, bytes })
    }
}

impl Drop for Extended {
    fn drop(&mut self) {
        // SAFETY: they are this value's own.
        keeping_errno(|| unsafe { pages::give_back(self.list.cast(), self.bytes) });
    }
}

fn same_name(one: &CStr, other: &CStr) -> bool {
    let name = |entry: &CStr| entry.to_bytes().iter().position(|&byte| byte == b'=');
    name(one) == name(other) && name(one).is_some_and(|end| one.to_bytes()[..end] == other.to_bytes()[..end])
}
