//! Descriptors that are none of the program's.

use crate::message;

/// Gives the calling thread a table of descriptors of its own, with none of the program's in it. The log's descriptor is then
/// none of the program's: it takes no number, is not closed by a program that closes all, and is not inherited; and nothing of
/// the program's stays open for it. Where the kernel cannot (a sandbox, or before 5.9) the table stays shared, and all works
/// but for these.
pub(crate) fn keep_descriptors_apart() {
    // SAFETY: the first call concerns the calling thread's own view of the table, and the others close and make descriptors in
    // that view, where only this thread sees them; nothing on this thread uses them.
    unsafe {
        if libc::unshare(libc::CLONE_FILES) == 0
            && libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) == 0
        {
            message::borrow_stderr_from_now_on();
            // Nothing of the log's shall have the number that a panic's message goes to.
            let nowhere = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if nowhere >= 0 && libc::dup3(nowhere, libc::STDERR_FILENO, libc::O_CLOEXEC) >= 0 {
                libc::close(nowhere);
            }
        }
    }
}
