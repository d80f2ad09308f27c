//! Threads that let others go first.
//!
//! A heavy query keeps all cores busy for as long as it runs. The system shares them fairly among threads, which is
//! not what anybody wants: a write, or a query that is done in a millisecond, would wait for its turn several times.
//! Threads of heavy queries take what others leave, and that is nearly everything most of the time.

/// Gives the calling thread a lower priority, for good. Where the system has none for a single thread, nothing
/// happens.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the standard library has no priorities of threads"
)]
pub(crate) fn lower() {
    /// About a tenth of the share of others, when all want the same core.
    const NICE: libc::c_int = 10;
    // On Linux, unlike elsewhere, that is about the thread alone.
    const THIS_THREAD: libc::id_t = 0;
    // SAFETY: the call takes numbers and touches no memory of ours.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, THIS_THREAD, NICE) };
    if result != 0 {
        // A thread as any other: the queries run all the same.
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, "the priority of a thread could not be lowered");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// The 19th field of `/proc/thread-self/stat`, counted from behind the name of the thread.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        after_name
            .split_whitespace()
            .nth(16)
            .unwrap()
            .parse()
            .unwrap()
    }

    #[test]
    fn one_thread_is_lowered_and_the_others_are_not() {
        let before = nice();
        let lowered = std::thread::spawn(|| {
            lower();
            nice()
        });
        assert_eq!(lowered.join().unwrap(), 10.max(before));
        assert_eq!(nice(), before);
    }
}
