//! Functions of CPython that are called: they look at an object, ask for no memory, run nothing of the program's, and need no lock.

use std::{
    ffi::{CStr, c_int, c_void},
    mem,
};

use super::layout::{Call, Layout};
use crate::preload::{code::Code, next, stacks::reading::read};

/// Where every object says of which type it is.
const TYPE: usize = 8;

/// Where text and bytes keep their hash, -1 until somebody asked for it; in all versions.
const HASH: usize = 24;

type Object = usize;

/// The functions and types of the interpreter.
pub(super) struct Interpreter {
    pub(super) layout: &'static Layout,
    is_initialized: unsafe extern "C" fn() -> c_int,
    thread: unsafe extern "C" fn() -> *mut c_void,
    line: unsafe extern "C" fn(Object, c_int) -> c_int,
    hash: unsafe extern "C" fn(Object) -> isize,
    length: unsafe extern "C" fn(Object) -> isize,
    character: unsafe extern "C" fn(Object, isize) -> u32,
    code_type: usize,
    text_type: usize,
    bytes_type: usize,
}

impl Interpreter {
    /// The interpreter of this process, if it is of a version that is known.
    pub(super) fn find(minor: c_int) -> Option<Self> {
        let layout = Layout::of(minor)?;
        Code::around(symbol(c"Py_IsInitialized")?.addr())?.keep();
        // SAFETY: the fields' types are these functions' in CPython's headers; objects are pointers there.
        unsafe {
            Some(Self {
                layout,
                is_initialized: function(c"Py_IsInitialized")?,
                thread: function(c"PyGILState_GetThisThreadState")?,
                line: function(c"PyCode_Addr2Line")?,
                hash: function(c"PyObject_Hash")?,
                length: function(c"PyUnicode_GetLength")?,
                character: function(c"PyUnicode_ReadChar")?,
                code_type: symbol(c"PyCode_Type")?.addr(),
                text_type: symbol(c"PyUnicode_Type")?.addr(),
                bytes_type: symbol(c"PyBytes_Type")?.addr(),
            })
        }
    }

    /// The state of this thread, if it is one of Python's. None from the interpreter's end on, when states go.
    #[inline(always)]
    pub(super) fn thread(&self) -> Option<usize> {
        // SAFETY: the one reads a number, the other a thread's own place.
        let state = unsafe { if (self.is_initialized)() == 0 { return None } else { (self.thread)() } };
        (!state.is_null()).then_some(state.addr())
    }

    /// A number for what a call says, the same wherever its code lies.
    #[inline(always)]
    pub(super) fn number(&self, call: Call) -> u64 {
        let code = self.layout.code::<false>(call.code).unwrap_or_default();
        let place = u64::from(code.first_line.cast_unsigned()) << 32 | u64::from(call.offset.cast_unsigned());
        let objects = [code.file, code.function, code.lines].map(|object| self.hash(object));
        objects
            .into_iter()
            .fold(place, |mixed, hash| (mixed ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// The hash of text or bytes. What is neither is told by its address.
    #[inline(always)]
    fn hash(&self, object: Object) -> u64 {
        const UNKNOWN: i64 = -1;
        match read::<i64, false>(object.wrapping_add(HASH)) {
            Some(known) if known != UNKNOWN => known.cast_unsigned(),
            _ => self.make_hash(object),
        }
    }

    #[cold]
    fn make_hash(&self, object: Object) -> u64 {
        let kind = read::<usize, false>(object.wrapping_add(TYPE));
        if kind != Some(self.text_type) && kind != Some(self.bytes_type) {
            return object as u64;
        }
        // SAFETY: it is an object of one of these types, which keep the hash in themselves and compute it by themselves.
        unsafe { (self.hash)(object) as u64 }
    }

    /// The line of a call; less than 1, if it has none.
    pub(super) fn line(&self, call: Call) -> i32 {
        // SAFETY: it is a code object, of a call that is under way.
        unsafe { (self.line)(call.code, call.offset) }
    }

    /// Text of Python's, as far as there is room for it.
    pub(super) fn text<'a>(&self, object: Object, room: &'a mut Text) -> &'a str {
        if read::<usize, false>(object.wrapping_add(TYPE)) != Some(self.text_type) {
            return "?";
        }
        // SAFETY: it is text, as the interpreter itself made it, and a place in it.
        let characters = unsafe {
            let length = (self.length)(object);
            (0..length).map(|place| (self.character)(object, place))
        };
        room.fill(characters.map(|character| char::from_u32(character).unwrap_or('?')))
    }

    /// File, line and function of a call, read with care. `None`: it is none.
    pub(super) fn in_words(&self, call: Call) -> Option<(String, i32, String)> {
        let is = |object: Object, kind| read::<usize, true>(object.wrapping_add(TYPE)) == Some(kind);
        if !is(call.code, self.code_type) {
            return None;
        }
        let code = self.layout.code::<true>(call.code)?;
        if !is(code.file, self.text_type)
            || !is(code.function, self.text_type)
            || !is(code.lines, self.bytes_type)
        {
            return None;
        }
        let words = |text| self.text(text, &mut Text::new()).to_owned();
        Some((words(code.file), self.line(call), words(code.function)))
    }
}

/// The function of this name.
///
/// # Safety
///
/// `F` is its type.
unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    let function = symbol(name)?;
    // SAFETY: a function pointer, as large as any; the caller vouches for its type.
    Some(unsafe { mem::transmute_copy(&function) })
}

/// What the program has by this name: the interpreter is the program, or one of its libraries.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    Some(next::real_dlsym(libc::RTLD_DEFAULT, name)).filter(|found| !found.is_null())
}

/// Room for text.
pub(super) struct Text {
    bytes: [u8; Self::BYTES],
}

impl Text {
    /// As long as a path may be for most systems' calls.
    const BYTES: usize = 4096;

    pub(super) fn new() -> Self {
        Self { bytes: [0; Self::BYTES] }
    }

    fn fill(&mut self, characters: impl Iterator<Item = char>) -> &str {
        let mut used = 0;
        for character in characters {
            let Some(room) = self.bytes.get_mut(used..used + character.len_utf8()) else { break };
            used += character.encode_utf8(room).len();
        }
        str::from_utf8(&self.bytes[..used]).unwrap_or_default()
    }
}
