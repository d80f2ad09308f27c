//! The rules that keep acknowledged rows safe, numbered, each with the check that the code calls
//! where the rule could break.
//!
//! 1. *Logged before visible*: a row enters the buffer only after its record is on stable storage.
//!    By construction: only the log's durable handler and replay call [`Buffer::insert`].
//! 2. *Visible before acknowledged*: the answer to an append is sent after its rows are in the buffer.
//!    By construction: the handler completes the append after the insertion.
//! 3. *Counters ascend*: the buffer takes batches by ascending counter ([`counters_ascend`]).
//! 4. *One epoch a piece*: a piece holds rows of one epoch only ([`one_epoch_a_piece`]).
//! 5. *Oldest piece first*: a partition's pieces are persisted in order, one at a time
//!    ([`oldest_piece_first`]), so that the catalog's one number per partition tells it all.
//! 6. *Committed before dropped*: a piece leaves the buffer only after the catalog lists its rows (or
//!    its table is gone). By construction: only a finished persist calls [`Buffer::drop_oldest`].
//! 7. *Persisted before truncated*: the log keeps every record that holds a row the buffer holds
//!    ([`persisted_before_truncated`]).
//! 8. *Memory adds up*: the total is the sum over partitions ([`memory_adds_up`]).
//!
//! [`Buffer::insert`]: crate::buffer::Buffer::insert
//! [`Buffer::drop_oldest`]: crate::buffer::Buffer::drop_oldest

use watershed_model::{Counter, CounterRange, Epoch};

/// Rule 3.
#[track_caller]
pub(crate) fn counters_ascend(next_expected: Counter, offered: Counter) {
    assert!(
        offered >= next_expected,
        "batch {offered} reached the buffer after batches up to {next_expected} (exclusive)"
    );
}

/// Rule 4.
#[track_caller]
pub(crate) fn one_epoch_a_piece(piece: Epoch, offered: Epoch) {
    assert!(
        piece == offered,
        "a piece of epoch {piece} was offered rows of epoch {offered}"
    );
}

/// Rule 5.
#[track_caller]
pub(crate) fn oldest_piece_first(oldest: CounterRange, persisted: CounterRange) {
    assert!(
        oldest == persisted,
        "persisted batches {}..={} while the oldest piece has {}..={}",
        persisted.min,
        persisted.max,
        oldest.min,
        oldest.max
    );
}

/// Rule 7. `oldest_buffered` is `None` when the buffer is empty; it is read after `truncate_before`
/// was computed, and the oldest buffered batch only ever gets younger.
#[track_caller]
pub(crate) fn persisted_before_truncated(
    oldest_buffered: Option<Counter>,
    truncate_before: Counter,
) {
    assert!(
        oldest_buffered.is_none_or(|oldest| truncate_before <= oldest),
        "the log would lose batches before {truncate_before}, not all of which are persisted"
    );
}

/// Rule 8.
#[track_caller]
pub(crate) fn memory_adds_up(total_bytes: u64, freed_bytes: u64) {
    debug_assert!(
        freed_bytes <= total_bytes,
        "{freed_bytes} bytes were freed of {total_bytes} accounted"
    );
}
