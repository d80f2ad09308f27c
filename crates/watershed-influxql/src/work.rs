//! Counts what the parser does, in tests, which so tell linear time from more without a clock.

#[cfg(test)]
mod tests;

#[cfg(test)]
thread_local! {
    static UNITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Notes that `units` bytes have been read or nodes moved. Does nothing outside of tests.
#[inline]
pub(crate) fn note(units: usize) {
    #[cfg(test)]
    UNITS.set(UNITS.get() + units);
    #[cfg(not(test))]
    let _ = units;
}

/// What `run` notes on this thread.
#[cfg(test)]
fn count(run: impl FnOnce()) -> usize {
    let before = UNITS.get();
    run();
    UNITS.get() - before
}
