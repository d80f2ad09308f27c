//! The write-ahead log of one machine: numbered, opaque records in segment files.
//!
//! 1. [`open`] takes the directory for this process, verifies every segment and cuts a torn tail;
//! 2. [`Recovery::replay`] shows the records, oldest first;
//! 3. [`Recovery::start`] begins a new segment and a thread that writes;
//! 4. [`Wal::submit`] queues a record; the thread writes everything that is queued as one group,
//!    syncs it with one `fdatasync` and hands the outcome to the handler. While it syncs, the next
//!    group gathers. No timer delays anything;
//! 5. [`Wal::truncate_before`] deletes segments that are no longer needed.
//!
//! [`inspect`] and [`salvage`] look at a log, damaged or in use, and leave it as it is.
//!
//! # What is promised
//!
//! * A record in [`Outcome::Durable`] is on stable storage and is replayed after any crash, until it
//!   is truncated away.
//! * Records are numbered without gaps in the order in which the handler sees them, over all starts
//!   (except that a start may skip ahead to the number it is given).
//! * Groups are strictly serial: one is written only after the one before was synced. So of the
//!   newest segment only the last group can be torn, and only if it was never acknowledged. Such a
//!   tail is cut. Any other damage is [`Error::Corrupt`], and then nothing on disk is changed.
//! * A record in [`Outcome::Failed`] is not acknowledged and its number is given again. The segment
//!   that failed is cut back and never written again, since after a failed sync nobody knows what
//!   the disk holds; the next group begins a new segment, and fails alike until that works. A full
//!   disk is survived that way, and writing resumes by itself. Once the new segment is there, the
//!   failed records are never replayed. If cutting fails *and* the process dies before a new segment
//!   could be made, they may be.
//!
//! What a record means is the caller's business. The bytes are drawn in `docs/formats/wal.md`.

mod error;
mod files;
mod fill;
mod format;
mod inspect;
mod queue;
mod recovery;
mod segment;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod wal;
mod writer;

pub use error::{Error, SubmitError, SubmitReason};
pub use inspect::{
    Found, Gap, HeaderFacts, Inspection, SegmentReport, SegmentState, inspect, salvage,
};
pub use recovery::{Record, Recovery, open};
pub use stats::Stats;
pub use wal::{Durable, Failure, Outcome, Settings, Wal};
