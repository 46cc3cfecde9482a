//! A process that becomes another program: `python` is a script that becomes `env`, which becomes a shell, which becomes
//! Python. It is the same process, so it goes on being recorded, though its children are not.
//!
//! What was live before is gone with the old program, and so is its log: the new program makes one of the same name. Until it
//! does, the old one waits under another, for a program may fail to become another.
//!
//! `execl` and its kin take a variable number of arguments and are not hooked; few launchers use them.

use std::{
    ffi::{CStr, CString, c_char, c_int},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr,
    sync::OnceLock,
};

use super::{active, keeping_errno, next::next, pages};

type Texts = *const *const c_char;

next! {
    EXECVE = execve(*const c_char, Texts, Texts) -> c_int;
    EXECVPE = execvpe(*const c_char, Texts, Texts) -> c_int;
    FEXECVE = fexecve(c_int, Texts, Texts) -> c_int;
}

/// What the next program of this process needs to be recorded.
struct Successor {
    process: libc::pid_t,
    log: CString,
    put_aside: CString,
    /// Entries of the environment: the variables that the library took out for the sake of children.
    environment: Vec<CString>,
}

static SUCCESSOR: OnceLock<Successor> = OnceLock::new();

/// The program of this process that is recorded into `log` may become another; then these variables are to be set.
pub(crate) fn begin(log: &Path, environment: &[(&str, &[u8])]) {
    look_up_all();
    let entry = |(name, value): &(&str, &[u8])| CString::new([name.as_bytes(), b"=", value].concat()).ok();
    let named = |suffix: &str| CString::new([log.as_os_str().as_bytes(), suffix.as_bytes()].concat()).ok();
    let (Some(log), Some(put_aside)) = (named(""), named(".before-exec")) else { return };
    // SAFETY: it is a string. If this program is a successor itself, it is its predecessor's log that goes.
    unsafe { libc::unlink(put_aside.as_ptr()) };
    let environment = environment.iter().filter_map(entry).collect();
    // SAFETY: it asks for a number.
    let process = unsafe { libc::getpid() };
    let _ = SUCCESSOR.set(Successor { process, log, put_aside, environment });
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

unsafe extern "C" {
    static mut environ: *mut *const c_char;
}

/// Runs `exec`, with what the new program needs added to `environment` if it is this process that becomes it. Returns only
/// if that fails.
unsafe fn become_another(environment: Texts, exec: impl FnOnce(Texts) -> Option<c_int>) -> c_int {
    // SAFETY: it asks for a number. In a child of vfork it is the child's.
    let process = unsafe { libc::getpid() };
    let successor = SUCCESSOR.get().filter(|successor| active() && successor.process == process);
    let Some(successor) = successor else { return exec(environment).unwrap_or(-1) };
    // SAFETY: the caller passes a list of strings that ends with a null, or null.
    let Some(extended) = (unsafe { Extended::new(environment, &successor.environment) }) else {
        return exec(environment).unwrap_or(-1);
    };
    successor.rename(&successor.log, &successor.put_aside);
    let result = exec(extended.list).unwrap_or(-1);
    successor.rename(&successor.put_aside, &successor.log);
    result
}

impl Successor {
    fn rename(&self, from: &CStr, to: &CStr) {
        // SAFETY: both are strings.
        keeping_errno(|| unsafe { libc::rename(from.as_ptr(), to.as_ptr()) });
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
    unsafe fn new(environment: Texts, added: &[CString]) -> Option<Self> {
        let entries = |place: usize| {
            // SAFETY: it is asked in order, and no further than the null at the end.
            let entry = if environment.is_null() { ptr::null() } else { unsafe { *environment.add(place) } };
            // SAFETY: the caller says so.
            (!entry.is_null()).then(|| unsafe { CStr::from_ptr(entry) })
        };
        let count = (0..).map_while(entries).count();
        let bytes = (count + added.len() + 1) * size_of::<*const c_char>();
        let list: *mut *const c_char = keeping_errno(|| pages::zeroed(bytes)).cast();
        if list.is_null() {
            return None;
        }
        let kept = (0..).map_while(entries).filter(|entry| !added.iter().any(|new| same_name(entry, new)));
        for (place, entry) in added.iter().map(CString::as_c_str).chain(kept).enumerate() {
            // SAFETY: there is room for all of both and for the null behind them.
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
