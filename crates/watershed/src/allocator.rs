//! The allocator: mimalloc, told to give memory back soon (docs/decisions/0005).

use libmimalloc_sys::{mi_option_get, mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;

// Requests are parsed on one thread and dropped on another; the allocator of glibc then grows without end.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3, for which the crate has no name. It is the only option that is
/// [`USUAL_DELAY`] by default, by which [`give_back_soon`] knows it.
const PURGE_DELAY: mi_option_t = 15;

/// mimalloc's own delay, in milliseconds.
const USUAL_DELAY: c_long = 1000;

/// Milliseconds after which freed memory goes back to the system. Large results and bodies are freed on other threads
/// than they were made on, so in a second much is free that nobody can use yet; below a tenth of one more and more
/// is asked for again at once.
const DELAY: c_long = 100;

/// Makes the allocator give memory back after [`DELAY`], unless `MIMALLOC_PURGE_DELAY` says otherwise. To be called
/// before there are threads.
#[expect(
    unsafe_code,
    reason = "options of the allocator have no safe interface"
)]
pub(crate) fn give_back_soon() {
    // SAFETY: there is one thread, and both calls check the number of the option.
    unsafe {
        if mi_option_get(PURGE_DELAY) == USUAL_DELAY {
            // A default: does nothing to an option that the environment has set.
            mi_option_set_default(PURGE_DELAY, DELAY);
        }
    }
}

#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "options of the allocator have no safe interface"
)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_what_is_set() {
        // SAFETY: no other test touches options.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), USUAL_DELAY, "another option has this number now");
        give_back_soon();
        assert_eq!(delay(), DELAY);
    }
}
