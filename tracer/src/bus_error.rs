//! SIGBUS: whose fault it is, and who gets it.
//!
//! A fault in the mapped log is seen to ([`log::mend`]). Every other one, and a SIGBUS that somebody sent, goes to whoever
//! had the signal before, as though the tracer were not there.
//!
//! A program may set a handler of its own after recording began. The helper then puts the tracer's before it again, within a
//! second. Each time it is another function that does so, of which each knows whom it came before: what the program was
//! told of the handler before its own stays true, and a chain of handlers never becomes a circle.

use std::{
    mem, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use crate::{cursor, log};

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// How often the tracer comes first again. A program that sets more handlers, one behind the other, has the last word.
const TURNS: usize = 4;

const HANDLERS: [Handler; TURNS] = [handle::<0>, handle::<1>, handle::<2>, handle::<3>];

/// Who had the signal before each of the handlers. What is there is never given back, for a handler may be at it.
static BEFORE: [AtomicPtr<libc::sigaction>; TURNS] = [const { AtomicPtr::new(ptr::null_mut()) }; TURNS];

/// Sees to it that a fault comes to the tracer first. Call it on one thread at a time.
pub(crate) fn stay_first() {
    let Some(current) = current() else { return };
    if HANDLERS.iter().any(|&handler| current.sa_sigaction == address(handler)) {
        return;
    }
    // SAFETY: null, or an action that is never given back.
    let before = |turn: usize| unsafe { BEFORE[turn].load(Ordering::Acquire).as_ref() };
    let is_current = |before: &libc::sigaction| {
        before.sa_sigaction == current.sa_sigaction && before.sa_flags == current.sa_flags
    };
    let known = (0..TURNS).find(|&turn| before(turn).is_some_and(is_current));
    let Some(turn) = known.or_else(|| (0..TURNS).find(|&turn| before(turn).is_none())) else { return };
    if known.is_none() {
        BEFORE[turn].store(Box::into_raw(Box::new(current)), Ordering::Release);
    }
    // The stack is the one that the handler would have that was there, and none too small where there was none.
    let inherited = match current.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => libc::SA_ONSTACK | libc::SA_RESTART,
        _ => current.sa_flags & (libc::SA_ONSTACK | libc::SA_RESTART),
    };
    set(address(HANDLERS[turn]), libc::SA_SIGINFO | libc::SA_NODEFER | inherited);
}

extern "C" fn handle<const TURN: usize>(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the place is this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above; the kernel passes what happened. Only a fault has an address.
    let (before, was_sent, fault) = unsafe {
        let was_sent = (*info).si_code <= 0;
        (*errno, was_sent, if was_sent { 0 } else { (*info).si_addr().addr() })
    };
    if was_sent || !log::mend(fault) {
        // SAFETY: null, or an action that is never given back.
        let next = unsafe { BEFORE[TURN].load(Ordering::Acquire).as_ref() };
        if !(was_sent && hold_again(signal, info, context)) {
            pass_on(next, was_sent, signal, info, context);
        }
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// Does with the signal what would have been done without the tracer.
fn pass_on(
    next: Option<&libc::sigaction>,
    was_sent: bool,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let handler = next.map_or(libc::SIG_DFL, |next| next.sa_sigaction);
    match next {
        Some(next) if handler != libc::SIG_DFL && handler != libc::SIG_IGN => {
            if next.sa_flags & libc::SA_RESETHAND != 0 {
                set(libc::SIG_DFL, 0);
            }
            // SAFETY: the mask is the one that the program set; the kernel restores this thread's when the handler returns. The
            // function is the program's handler, of the type that its flags say.
            unsafe {
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const next.sa_mask, ptr::null_mut());
                if next.sa_flags & libc::SA_NODEFER == 0 {
                    let mut own = mem::zeroed();
                    libc::sigemptyset(&raw mut own);
                    libc::sigaddset(&raw mut own, signal);
                    libc::pthread_sigmask(libc::SIG_BLOCK, &raw const own, ptr::null_mut());
                }
                if next.sa_flags & libc::SA_SIGINFO != 0 {
                    mem::transmute::<usize, Handler>(handler)(signal, info, context);
                } else {
                    mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal);
                }
            }
        }
        _ if was_sent && handler == libc::SIG_IGN => {}
        _ => {
            // A fault comes again when the instruction does, and one that is ignored kills all the same.
            set(libc::SIG_DFL, 0);
            if was_sent {
                // SAFETY: raising a signal has no condition.
                unsafe { libc::raise(signal) };
            }
        }
    }
}

/// A thread that holds SIGBUS back would be killed by a fault, so the tracer lets it come where it records, and to its own
/// threads. One that was sent is held back again, as the program wants it, and stays to be taken: by the thread that held it
/// back, or by the main thread, if it came to one of the tracer's. `false`: the thread did not hold it back.
fn hold_again(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) -> bool {
    let is_own = cursor::is_excluded();
    if !is_own && !cursor::lets_bus_errors_through() {
        return false;
    }
    // SAFETY: the kernel passes the context that it restores, its mask included, and what it says of the signal can be sent to
    // this process itself.
    unsafe {
        let process = libc::getpid();
        let thread = if is_own { process } else { libc::gettid() };
        if !is_own {
            libc::sigaddset(&raw mut (*context.cast::<libc::ucontext_t>()).uc_sigmask, signal);
            let mut own = mem::zeroed();
            libc::sigemptyset(&raw mut own);
            libc::sigaddset(&raw mut own, signal);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const own, ptr::null_mut());
        }
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) == 0
    }
}

fn current() -> Option<libc::sigaction> {
    // SAFETY: all zeros are a valid action, and it is a valid place to write to.
    unsafe {
        let mut current = mem::zeroed();
        (libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut current) == 0).then_some(current)
    }
}

fn set(handler: usize, flags: libc::c_int) {
    // SAFETY: the handler is a function of the type that the flags say, which lives as long as the program, or a default.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

fn address(handler: Handler) -> usize {
    handler as *const () as usize
}
