//! The calls that a thread is in, found by the tables that all code has for exceptions. The unwinder of these works each frame out
//! anew; framehop keeps how, and so takes a tenth of the time (`benches/preload_cost.rs`).

use std::{
    ops::{ControlFlow, Range},
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, MayAllocateDuringUnwind, Module, UnwindRegsNative,
    Unwinder as _, UnwinderNative,
};

use super::reading::read;
use crate::preload::code::Code;

/// Hands the return addresses of the calls that this thread is in to `look`, as
/// [`callers::each`](crate::preload::callers::each) does. `false`: that one is to be asked, and what was handed over is not to be
/// taken.
#[inline(always)]
pub(super) fn each(mut look: impl FnMut(usize) -> ControlFlow<()>) -> bool {
    let (instruction, stack, mut registers) = here();
    let mut memory = Memory { stack, pages: [stack / Memory::PAGE; 2] };
    let mut cache = Borrowed::take();
    let mut object: Option<&Object> = None;
    let mut address = FrameAddress::InstructionPointer(instruction);
    loop {
        let place = address.address_for_lookup() as usize;
        if !object.is_some_and(|object| object.range.contains(&place)) {
            object = Object::around(place);
        }
        let Some(object) = object else { return false };
        let caller =
            object.unwinder.unwind_frame(address, &mut registers, cache.of(place), &mut |at| memory.word(at));
        // Where it ends, or leads nowhere.
        let Ok(Some(caller)) = caller else { return true };
        let Some(next) = FrameAddress::from_return_address(caller) else { return true };
        if look(caller as usize).is_break() {
            return true;
        }
        address = next;
    }
}

/// The instruction of this, its stack, and the registers that unwinding begins with.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn here() -> (u64, u64, UnwindRegsNative) {
    let (instruction, stack, frame): (u64, u64, u64);
    // SAFETY: it reads registers.
    unsafe {
        std::arch::asm!(
            "lea {instruction}, [rip]",
            "mov {stack}, rsp",
            "mov {frame}, rbp",
            instruction = out(reg) instruction,
            stack = out(reg) stack,
            frame = out(reg) frame,
            options(nomem, nostack, preserves_flags),
        );
    }
    (instruction, stack, UnwindRegsNative::new(instruction, stack, frame))
}

/// As above.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn here() -> (u64, u64, UnwindRegsNative) {
    let (instruction, stack, frame, link): (u64, u64, u64, u64);
    // SAFETY: it reads registers.
    unsafe {
        std::arch::asm!(
            "adr {instruction}, .",
            "mov {stack}, sp",
            "mov {frame}, x29",
            "mov {link}, x30",
            instruction = out(reg) instruction,
            stack = out(reg) stack,
            frame = out(reg) frame,
            link = out(reg) link,
            options(nomem, nostack, preserves_flags),
        );
    }
    (instruction, stack, UnwindRegsNative::new(link, stack, frame))
}

/// The stack, as far as tables that may be wrong lead into it.
struct Memory {
    /// Its innermost address.
    stack: u64,
    /// The pages that were last found to be readable.
    pages: [u64; 2],
}

impl Memory {
    const PAGE: u64 = 4096;

    #[inline(always)]
    fn word(&mut self, address: u64) -> Result<u64, ()> {
        let page = address / Self::PAGE;
        if address < self.stack || !address.is_multiple_of(size_of::<u64>() as u64) {
            return Err(());
        }
        if self.pages.contains(&page) {
            return read::<u64, false>(address as usize).ok_or(());
        }
        let word = read::<u64, true>(address as usize).ok_or(())?;
        self.pages = [page, self.pages[0]];
        Ok(word)
    }
}

/// A file of code in the process, and how its frames are unwound.
struct Object {
    code: Code,
    range: Range<usize>,
    unwinder: UnwinderNative<&'static [u8], MayAllocateDuringUnwind>,
}

// SAFETY: it points to what is not written to.
unsafe impl Send for Object {}

/// Those that were met with, by where they are. What is not loaded any more stays until another is in its place.
static OBJECTS: [AtomicPtr<Object>; 1 << 12] = [const { AtomicPtr::new(ptr::null_mut()) }; 1 << 12];

impl Object {
    /// The one that an instruction is of. `None`: it has no tables that can be gone by, or there are too many.
    fn around(instruction: usize) -> Option<&'static Self> {
        const TRIES: usize = 16;
        let code = Code::around(instruction).filter(|code| code.has_tables())?;
        let first = (code.base() >> 12).wrapping_mul(0x9e37_79b9) >> 8;
        for place in (first..first + TRIES).map(|place| &OBJECTS[place % OBJECTS.len()]) {
            // SAFETY: null, or an object that is never given back.
            match unsafe { place.load(Ordering::Acquire).as_ref() } {
                Some(known) if known.code.is(code) => return Some(known),
                Some(known) if known.code.base() != code.base() => {}
                // Nobody's place, or that of one which was loaded there before.
                _ => {
                    let new = Box::leak(Box::new(Self::new(code)?));
                    place.store(new, Ordering::Release);
                    return Some(new);
                }
            }
        }
        None
    }

    fn new(code: Code) -> Option<Self> {
        let (range, bias, tables) = (code.range()?, code.bias()?, code.tables()?);
        // SAFETY: tables are in parts of a file that is loaded, and are not written to.
        let bytes = |range: &Range<usize>| unsafe {
            slice::from_raw_parts(ptr::with_exposed_provenance::<u8>(range.start), range.len())
        };
        let as_numbered =
            |range: &Range<usize>| range.start.wrapping_sub(bias) as u64..range.end.wrapping_sub(bias) as u64;
        let sections = ExplicitModuleSectionInfo {
            base_svma: as_numbered(&range).start,
            eh_frame_svma: Some(as_numbered(&tables.frames)),
            eh_frame: Some(bytes(&tables.frames)),
            eh_frame_hdr_svma: Some(as_numbered(&tables.index)),
            eh_frame_hdr: Some(bytes(&tables.index)),
            ..Default::default()
        };
        let mut unwinder = UnwinderNative::new();
        let start = range.start as u64;
        unwinder.add_module(Module::new(String::new(), start..range.end as u64, start, sections));
        Some(Self { code, range, unwinder })
    }
}

/// What was found out of frames. One cache has 509 places, and an address but one of them; in so many, two of the frames that a
/// thread is in hardly ever want the same.
type Caches = [CacheNative<MayAllocateDuringUnwind>; 8];

/// A thread takes them, uses them alone, and puts them back. Threads that come to one place at the same time make others, of which
/// one stays.
struct Borrowed(*mut Caches);

static CACHES: [AtomicPtr<Caches>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];

impl Borrowed {
    fn take() -> Self {
        let kept = Self::place().swap(ptr::null_mut(), Ordering::Acquire);
        Self(if kept.is_null() { Box::into_raw(Box::default()) } else { kept })
    }

    /// The one that an instruction is kept in.
    #[inline(always)]
    fn of(&mut self, instruction: usize) -> &mut CacheNative<MayAllocateDuringUnwind> {
        // SAFETY: what is taken out of a place, or was just made, is a box that nobody else has.
        let caches = unsafe { &mut *self.0 };
        &mut caches[(instruction.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % caches.len()]
    }

    fn place() -> &'static AtomicPtr<Caches> {
        // SAFETY: it has no argument.
        let thread = unsafe { libc::pthread_self() } as usize;
        &CACHES[((thread >> 12).wrapping_mul(0x9e37_79b9) >> 16) % CACHES.len()]
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let other = Self::place().swap(self.0, Ordering::Release);
        if !other.is_null() {
            // SAFETY: as in `of`.
            drop(unsafe { Box::from_raw(other) });
        }
    }
}
